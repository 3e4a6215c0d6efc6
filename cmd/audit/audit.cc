#include <fmt/core.h>
#include <gflags/gflags.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/agent/agent_provider.h"
#include "cmd/agent/alibaba_provider.h"
#include "cmd/agent/cluster_id.h"
#include "cmd/agent/tencent_provider.h"
#include "cmd/audit/facts.h"
#include "cmd/audit/output.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/flags/output_flags.h"
#include "cmd/subcommands.h"

DECLARE_string(provider);

namespace spillway::cmd {
namespace {

constexpr double kAuditQps = 50;
constexpr int kAuditBurst = 100;
constexpr Duration kLongestAudit = std::chrono::minutes(30);
constexpr int kFoundExit = 3;

Task<void> Audit(Runtime& runtime, kube::Transport& transport, std::optional<Result<AuditReport>>& into) {
  kube::RateLimiter limiter(runtime, kAuditQps, kAuditBurst);
  kube::Client client(runtime, transport, limiter);
  AuditReport report;
  report.provider = FLAGS_provider;
  auto cluster = co_await ReadClusterId(client);
  if (!cluster) {
    into = Fail(std::move(cluster).error());
    co_return;
  }
  report.cluster_id = *std::move(cluster);
  InstanceLister list = [&] { return ListInstancesFromFlags(runtime, report.cluster_id); };
  auto facts = co_await GatherFacts(client, std::move(list), report.provider);
  if (!facts) {
    into = Fail(std::move(facts).error());
    co_return;
  }
  report.facts = *std::move(facts);
  report.findings = FindingsOf(report.facts);
  report.now = runtime.WallNow();
  into = std::move(report);
}

Result<AuditReport> AuditLive() {
  RealRuntime runtime;
  auto api = NewTransportFromFlags(runtime);
  if (!api) return Fail(std::move(api.error()));
  std::optional<Result<AuditReport>> report;
  TaskScope flows(runtime);
  flows.Spawn(Audit(runtime, *api->transport, report));
  if (!runtime.RunUntil([&] { return report.has_value(); }, kLongestAudit)) {
    return Fail(Code::kDeadlineExceeded, fmt::format("{}: the cluster could not be read in time", api->host));
  }
  return std::move(*report);
}

}  // namespace

FlagSet AgentAuditFlags() {
  return {.subcommand = "agent audit",
          .summary =
              "Lists instances of this cluster that no Pod stands behind, on all its virtual nodes, and Pods without "
              "instance; touches nothing. Exit code 0: there are none; 3: there are; 1: they could not be listed.",
          .groups = {kClusterIdFlags, kProviderFlags, kAlibabaFlags, kTencentFlags, kKubeconfigFlags, kOutputFlags},
          .defaults = {},
          .arguments = ""};
}

int RunAgentAudit(std::vector<std::string> args) {
  const auto flags = ParseFlags(AgentAuditFlags(), std::move(args));
  if (!flags) return flags.error();
  if (auto checked = CheckProviderFlags(); !checked) return UsageError("agent audit", checked.error().message);
  const auto json = WantsJson();
  if (!json) return UsageError("agent audit", json.error().message);
  InitProcess(*flags);
  const Result<AuditReport> report = AuditLive();
  if (!report) {
    UsageError("agent audit", report.error().message);
    return 1;
  }
  fmt::print("{}", *json ? AuditJson(*report) : AuditText(*report));
  return report->findings.empty() ? 0 : kFoundExit;
}

}  // namespace spillway::cmd
