#include <fmt/core.h>
#include <gflags/gflags.h>

#include <utility>

#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/removal/removal_command.h"
#include "cmd/subcommands.h"

DEFINE_string(leases, "", "Leases to delete besides, once nobody holds them: namespace/name,namespace/name.");

namespace spillway::cmd {

FlagSet AgentForgetFlags() {
  return {.subcommand = "agent forget",
          .summary =
              "Deletes the Nodes and Leases of virtual nodes whose agents are gone. Exit code 0: all of them; 1: an "
              "agent is still at it, which is named.",
          .groups = {kRemovalFlags, {"Leases", "cmd/removal/forget_command.cc"}, kKubeconfigFlags},
          .defaults = {},
          .arguments = ""};
}

int RunAgentForget(std::vector<std::string> args) {
  const auto flags = ParseFlags(AgentForgetFlags(), std::move(args));
  if (!flags) return flags.error();
  auto removal = RemovalFromFlags();
  if (!removal) return UsageError("agent forget", removal.error().message);
  const std::vector<std::string> leases = ListOf(FLAGS_leases);
  for (const std::string& lease : leases) {
    if (lease.find('/') == std::string::npos) {
      return UsageError("agent forget", fmt::format("--leases: {} is no namespace/name", lease));
    }
  }
  InitProcess(*flags);
  return RunRemoval("agent forget", *std::move(removal), [&](kube::Client& client, Removal what) {
    return ForgetVirtualNodes(client, std::move(what), leases);
  });
}

}  // namespace spillway::cmd
