#include <fmt/core.h>

#include <cmath>

#include "cmd/doctor/checks.h"
#include "cmd/doctor/metrics_text.h"
#include "cmd/doctor/words.h"

// Clocks, and what the controller says of itself.
namespace spillway::cmd::doctor {
namespace {

using kube::TextAt;

constexpr const char* kClocks = "clocks";
constexpr const char* kAgreement = "agreement";
constexpr const char* kController = "controller";
// A Date header has whole seconds, and an answer takes its time.
constexpr Duration kBearable = 3s, kTooMuch = 60s;

// Who wrote a time that has not come yet has a clock that is ahead.
void AddHolder(const LeaseFacts& facts, Findings& findings) {
  if (!facts.lease) return;
  const auto renewed = base::ParseRfc3339(TextAt(*facts.lease, "spec", "renewTime"));
  if (!renewed || *renewed - facts.server_time < kBearable) return;
  findings.push_back({Level::kWarn, kClocks,
                      fmt::format("{} holds {} with a clock that is {} ahead of the API server's",
                                  TextAt(*facts.lease, "spec", "holderIdentity"), facts.what,
                                  base::FormatDuration(*renewed - facts.server_time)),
                      "synchronise the clock of the machine that it runs on (NTP)"});
}

Finding OfAgreement(const std::string& metrics) {
  constexpr const char* kMetric = "spillway_scheduler_agreement_total";
  const auto agree = SampleOf(metrics, kMetric, R"(result="agree")");
  const auto differ = SampleOf(metrics, kMetric, R"(result="differ")");
  if (!agree || !differ) {
    return {Level::kUnknown, kAgreement, fmt::format("the controller has no {}", kMetric),
            "is it older than this command?"};
  }
  if (*differ > 0) {
    return {Level::kWarn, kAgreement,
            fmt::format("{:.0f} of {:.0f} messages of kube-scheduler differ from the simulation's", *differ,
                        *agree + *differ),
            "docs/runbooks/spillwayschedulerdisagreement.md; the controller's log has both messages"};
  }
  if (*agree == 0) {
    return {Level::kUnknown, kAgreement, "kube-scheduler has not said of any Pod yet that it fits nowhere", ""};
  }
  return {Level::kOk, kAgreement, fmt::format("all {:.0f} messages of kube-scheduler are the simulation's own", *agree),
          ""};
}

void AddStates(const std::string& metrics, Findings& findings) {
  if (SampleOf(metrics, "spillway_mode", R"(mode="Off")").value_or(0) == 1) {
    findings.push_back({Level::kWarn, kController, "its mode is Off: nothing is moved",
                        "mode: Enforce in the SpillwayConfiguration; docs/policy.md"});
  }
  if (SampleOf(metrics, "spillway_configuration_rejected", "").value_or(0) == 1) {
    findings.push_back({Level::kFail, kController,
                        "its SpillwayConfiguration cannot be read, and an older one is in effect",
                        "docs/runbooks/spillwayconfigurationrejected.md"});
  }
  const auto unsynced = LabelsWithValue(metrics, "spillway_cache_synced", "resource", 0);
  for (const std::string& resource : unsynced) {
    findings.push_back({Level::kFail, kController, fmt::format("it does not see {} as they are", resource),
                        "docs/runbooks/spillwaycachestale.md"});
  }
}

}  // namespace

Findings CheckClocks(const Facts& facts) {
  if (!facts.clocks)
    return {{Level::kUnknown, kClocks, "the API server does not say what time it is (no Date header)", ""}};
  Findings findings;
  const Duration skew = facts.clocks->here - facts.clocks->server;
  const Duration off = skew < Duration(0) ? -skew : skew;
  if (off > kBearable) {
    findings.push_back({off > kTooMuch ? Level::kFail : Level::kWarn, kClocks,
                        fmt::format("this machine's clock is {} {} the API server's", base::FormatDuration(off),
                                    skew < Duration(0) ? "behind" : "ahead of"),
                        "synchronise both (NTP): tokens, certificates and the clouds' signatures go by it"});
  }
  if (facts.leader) AddHolder(*facts.leader, findings);
  for (const auto& [node, lease] : facts.node_leases) AddHolder(lease, findings);
  if (findings.empty()) {
    findings.push_back({Level::kOk, kClocks, "this machine's, the API server's and the Leases' holders' agree", ""});
  }
  return findings;
}

Findings CheckController(const Facts& facts) {
  if (facts.installation.controllers.empty()) return {};
  if (!facts.metrics) {
    return {{Level::kUnknown, kAgreement,
             "the controller cannot be asked for its metrics: " + facts.metrics.error().message,
             "name its Service with --service, or give --url of a port-forward"}};
  }
  Findings findings = {OfAgreement(*facts.metrics)};
  AddStates(*facts.metrics, findings);
  return findings;
}

}  // namespace spillway::cmd::doctor
