#include "cmd/subcommands.h"

namespace spillway::cmd {

const std::vector<Subcommand>& Subcommands() {
  static const std::vector<Subcommand> table = {
      {"docs", "print the reference of flags, metrics or events as Markdown", RunDocs, DocsFlags},
  };
  return table;
}

}  // namespace spillway::cmd
