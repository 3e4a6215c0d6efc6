#include "cmd/removal/removal_command.h"

#include <fmt/core.h>
#include <gflags/gflags.h>

#include <optional>
#include <utility>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/flags/kubeconfig_flags.h"

DEFINE_string(selector, "", "Label selector of the virtual nodes that this is about. Required.");
DEFINE_string(keep, "", "Names of virtual nodes among them that stay: name,name.");
DEFINE_duration(timeout, "4m", "How long to wait for it.");

namespace spillway::cmd {
namespace {

constexpr double kRemovalQps = 20;
constexpr int kRemovalBurst = 40;
constexpr Duration kForTheLastWrites = 30s;

Task<void> KeepStatus(Task<Status> work, std::optional<Status>& into) { into = co_await work; }

}  // namespace

Result<Removal> RemovalFromFlags() {
  // Without a selector it would be about every node of the cluster.
  if (FLAGS_selector.empty()) {
    return Fail(Code::kInvalidArgument, "--selector is required, as --selector=spillway.io/release=NAME");
  }
  const std::vector<std::string> keep = ListOf(FLAGS_keep);
  return Removal{FLAGS_selector, {keep.begin(), keep.end()}, DurationOf(FLAGS_timeout)};
}

int RunRemoval(std::string_view subcommand, Removal removal,
               const std::function<Task<Status>(kube::Client&, Removal)>& work) {
  RealRuntime runtime;
  auto api = NewTransportFromFlags(runtime);
  if (!api) {
    UsageError(subcommand, api.error().message);
    return 1;
  }
  kube::RateLimiter limiter(runtime, kRemovalQps, kRemovalBurst);
  kube::Client client(runtime, *api->transport, limiter);
  std::optional<Status> result;
  const Duration limit = removal.timeout + kForTheLastWrites;
  TaskScope flows(runtime);
  flows.Spawn(KeepStatus(work(client, std::move(removal)), result));
  if (!runtime.RunUntil([&] { return result.has_value(); }, limit)) {
    result = Fail(Code::kDeadlineExceeded, fmt::format("{} did not answer in time", api->host));
  }
  if (*result) return 0;
  UsageError(subcommand, result->error().message);
  return 1;
}

}  // namespace spillway::cmd
