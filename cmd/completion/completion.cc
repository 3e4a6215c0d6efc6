#include <fmt/core.h>

#include <string>
#include <utility>
#include <vector>

#include "cmd/completion/scripts.h"
#include "cmd/subcommands.h"

namespace spillway::cmd {
namespace {

std::vector<CompletedCommand> CommandsToComplete() {
  std::vector<CompletedCommand> commands;
  for (const Subcommand& subcommand : Subcommands()) {
    const FlagSet set = subcommand.flags();
    CompletedCommand command{std::string(subcommand.name), std::string(subcommand.summary), {}, WordsOf(set.arguments)};
    for (auto& [title, docs] : DescribeFlags(set)) {
      command.flags.insert(command.flags.end(), docs.begin(), docs.end());
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace

FlagSet CompletionFlags() {
  return {
      .subcommand = "completion",
      .summary = "Prints a script that has a shell complete commands and flags: source <(spillway completion bash).",
      .groups = {},
      .defaults = {},
      .arguments = "bash|zsh|fish"};
}

int RunCompletion(std::vector<std::string> args) {
  const auto flags = ParseFlags(CompletionFlags(), std::move(args));
  if (!flags) return flags.error();
  const auto script =
      flags->arguments.size() == 1 ? CompletionScript(flags->arguments.front(), CommandsToComplete()) : std::nullopt;
  if (!script) return UsageError("completion", "want one shell: bash, zsh or fish");
  fmt::print("{}", *script);
  return 0;
}

}  // namespace spillway::cmd
