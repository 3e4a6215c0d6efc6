#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/flags.h"

// One function and one FlagSet per subcommand, each defined in the cmd/ file of its name. `args` is what follows the
// subcommand's name; the result is the process's exit code.
namespace spillway::cmd {

int RunDocs(std::vector<std::string> args);
FlagSet DocsFlags();

struct Subcommand {
  std::string_view name, summary;
  int (*run)(std::vector<std::string> args);
  FlagSet (*flags)();
};

// In the order of help texts.
const std::vector<Subcommand>& Subcommands();

}  // namespace spillway::cmd
