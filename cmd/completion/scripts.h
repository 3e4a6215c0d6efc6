#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/flags/flags.h"

// What shells are told about this program's command line; pure.
namespace spillway::cmd {

struct CompletedCommand {
  std::string name;     // one word, or two: "agent audit"
  std::string summary;  // for shells that show one
  std::vector<FlagDoc> flags;
  std::vector<std::string> words;  // that may follow: "bash", "zsh", "fish"
};

// A script for "bash", "zsh" or "fish", which completes `spillway` and, called as kubectl's plugin, `kubectl-spillway`;
// nullopt for another shell. bash: 4 or newer.
std::optional<std::string> CompletionScript(std::string_view shell, const std::vector<CompletedCommand>& commands);

// "bash|zsh|fish" of a FlagSet's arguments; empty where they are not words to choose from.
std::vector<std::string> WordsOf(std::string_view arguments);

}  // namespace spillway::cmd
