#include <fmt/core.h>
#include <gflags/gflags.h>

#include <utility>

#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/removal/removal_command.h"
#include "cmd/subcommands.h"

DEFINE_string(leases, "", "Leases to delete besides, once nobody holds them: namespace/name,namespace/name.");
DEFINE_string(secrets, "", "Secrets to delete at the end: namespace/name,namespace/name.");

namespace spillway::cmd {
namespace {

Task<Status> ForgetAll(kube::Client& client, Removal what, std::vector<std::string> leases,
                       std::vector<std::string> secrets) {
  Status done = co_await ForgetVirtualNodes(client, std::move(what), std::move(leases));
  if (done) done = co_await DeleteSecrets(client, std::move(secrets));
  co_return done;
}

// kInvalidArgument unless each is namespace/name.
Status CheckNames(const char* flag, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.find('/') == std::string::npos) {
      return Fail(Code::kInvalidArgument, fmt::format("--{}: {} is no namespace/name", flag, name));
    }
  }
  return {};
}

}  // namespace

FlagSet AgentForgetFlags() {
  return {.subcommand = "agent forget",
          .summary =
              "Deletes the Nodes and Leases of virtual nodes whose agents are gone. Exit code 0: all of them; 1: an "
              "agent is still at it, which is named.",
          .groups = {kRemovalFlags, {"Besides", "cmd/removal/forget_command.cc"}, kKubeconfigFlags},
          .defaults = {},
          .arguments = ""};
}

int RunAgentForget(std::vector<std::string> args) {
  const auto flags = ParseFlags(AgentForgetFlags(), std::move(args));
  if (!flags) return flags.error();
  auto removal = RemovalFromFlags();
  if (!removal) return UsageError("agent forget", removal.error().message);
  const std::vector<std::string> leases = ListOf(FLAGS_leases), secrets = ListOf(FLAGS_secrets);
  for (const Status& names : {CheckNames("leases", leases), CheckNames("secrets", secrets)}) {
    if (!names) return UsageError("agent forget", names.error().message);
  }
  InitProcess(*flags);
  return RunRemoval("agent forget", *std::move(removal), [&](kube::Client& client, Removal what) {
    return ForgetAll(client, std::move(what), leases, secrets);
  });
}

}  // namespace spillway::cmd
