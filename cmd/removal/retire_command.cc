#include <utility>

#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/removal/removal_command.h"
#include "cmd/subcommands.h"

namespace spillway::cmd {

FlagSet AgentRetireFlags() {
  return {.subcommand = "agent retire",
          .summary =
              "Cordons virtual nodes and waits until nothing runs there any more, in the cluster or in the cloud, so "
              "that their agents can go. Exit code 0: nothing is left; 1: something is, which is named, and what was "
              "cordoned by this is uncordoned.",
          .groups = {kRemovalFlags, kKubeconfigFlags},
          .defaults = {},
          .arguments = ""};
}

int RunAgentRetire(std::vector<std::string> args) {
  const auto flags = ParseFlags(AgentRetireFlags(), std::move(args));
  if (!flags) return flags.error();
  auto removal = RemovalFromFlags();
  if (!removal) return UsageError("agent retire", removal.error().message);
  InitProcess(*flags);
  return RunRemoval("agent retire", *std::move(removal), RetireVirtualNodes);
}

}  // namespace spillway::cmd
