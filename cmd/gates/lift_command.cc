#include <fmt/core.h>
#include <gflags/gflags.h>

#include <optional>
#include <utility>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/gates/lift.h"
#include "cmd/subcommands.h"

DEFINE_duration(older_than, "45s",
                "Gates of Pods as old as this are lifted. Longer than the controllers' --gate-deadline: what they lift "
                "is left to them.");

namespace spillway::cmd {
namespace {

// As a controller's own: thousands may wait.
constexpr double kLiftQps = 150;
constexpr int kLiftBurst = 300;
constexpr Duration kLiftLimit = std::chrono::minutes(1);  // beside --older-than

Task<void> KeepLiftStatus(Task<Status> work, std::optional<Status>& into) { into = co_await work; }

}  // namespace

FlagSet GatesLiftFlags() {
  return {.subcommand = "gates lift",
          .summary =
              "Lifts the gates that nobody has lifted, so that kube-scheduler places these Pods as any other: for a "
              "CronJob, when all else of Spillway is gone. Exit code 0: none is left.",
          .groups = {{"Gates", "cmd/gates/lift_command.cc"}, kKubeconfigFlags},
          .defaults = {},
          .arguments = ""};
}

int RunGatesLift(std::vector<std::string> args) {
  const auto flags = ParseFlags(GatesLiftFlags(), std::move(args));
  if (!flags) return flags.error();
  InitProcess(*flags);
  RealRuntime runtime;
  auto api = NewTransportFromFlags(runtime);
  if (!api) {
    UsageError("gates lift", api.error().message);
    return 1;
  }
  const Duration older_than = DurationOf(FLAGS_older_than);
  kube::RateLimiter limiter(runtime, kLiftQps, kLiftBurst);
  kube::Client client(runtime, *api->transport, limiter);
  std::optional<Status> result;
  TaskScope flows(runtime);
  flows.Spawn(KeepLiftStatus(LiftGates(client, older_than), result));
  if (!runtime.RunUntil([&] { return result.has_value(); }, older_than + kLiftLimit)) {
    result = Fail(Code::kDeadlineExceeded, fmt::format("{} did not answer in time", api->host));
  }
  if (*result) return 0;
  UsageError("gates lift", result->error().message);
  return 1;
}

}  // namespace spillway::cmd
