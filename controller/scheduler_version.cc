#include "controller/scheduler_version.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "scheduler_sim/semantics.h"

namespace spillway::controller {
namespace {

// "36+" -> 36; nullopt when it does not begin with a number.
std::optional<int> LeadingNumber(std::string_view text) {
  int number = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && digits < 6; ++digits) {
    number = number * 10 + (text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  return number;
}

}  // namespace

std::string VersionName(int minor) { return fmt::format("1.{}", minor); }

SchedulerVersion SchedulerVersion::Of(int minor) {
  return {minor, std::clamp(minor, sim::kOldestMinorVersion, sim::kNewestMinorVersion)};
}

Result<SchedulerVersion> SchedulerVersion::Read(const nlohmann::json& version) {
  if (version.is_object()) {
    const auto major = version.find("major");
    if (major != version.end() && *major != "1") {
      return Fail(Code::kMalformed,
                  fmt::format("/version says major version {}, of which nothing is known; set --kube-scheduler-version",
                              major->dump()));
    }
    const auto minor = version.find("minor");
    if (minor != version.end() && minor->is_string()) {
      if (const auto number = LeadingNumber(minor->get_ref<const std::string&>())) return Of(*number);
    }
  }
  return Fail(Code::kMalformed, "/version has no minor version; set --kube-scheduler-version");
}

std::string SchedulerVersion::Text() const {
  if (is_known()) return VersionName(found);
  return fmt::format("{}, of which nothing is known; {} is simulated", VersionName(found), VersionName(simulated));
}

SchedulerVersionWatch::SchedulerVersionWatch(Runtime& runtime, kube::Client& api, metrics::Registry& metrics,
                                             SchedulerVersionOptions options)
    : runtime_(runtime), api_(api), metrics_(metrics), options_(options) {}

Task<Result<SchedulerVersion>> SchedulerVersionWatch::Find() {
  if (options_.given != 0) co_return SchedulerVersion::Of(options_.given);
  Result<nlohmann::json> version = co_await api_.Get("/version");
  if (!version) co_return Fail(std::move(version.error()));
  co_return SchedulerVersion::Read(*version);
}

Status SchedulerVersionWatch::Check(const SchedulerVersion& version) const {
  if (version.is_known() || options_.dry_run || version.found == options_.accepted) return {};
  Error error{Code::kUnavailable,
              fmt::format("kube-scheduler {} is {} than {}, the {} that can be simulated: nothing is moved; --dry-run "
                          "tries it as {}, --accept-scheduler-version={} acts on that; see docs/compatibility.md",
                          VersionName(version.found), version.found < version.simulated ? "older" : "newer",
                          VersionName(version.simulated), version.found < version.simulated ? "oldest" : "newest",
                          VersionName(version.simulated), VersionName(version.found))};
  error.retry_after = options_.period_refused;
  return Fail(std::move(error));
}

Task<Result<SchedulerVersion>> SchedulerVersionWatch::Ask() {
  Result<SchedulerVersion> version = co_await Find();
  if (!version) co_return version;
  Status may = Check(*version);
  Export(*version, may.has_value());
  if (!may) co_return Fail(std::move(may.error()));
  co_return version;
}

Task<SchedulerVersion> SchedulerVersionWatch::UntilItChanges(SchedulerVersion running) {
  int other = running.found;
  for (;;) {
    // Not all replicas at once.
    const Duration wait = runtime_.random().Between(options_.period * 9 / 10, options_.period * 11 / 10);
    co_await runtime_.SleepFor(wait);
    const Result<SchedulerVersion> now = co_await Find();
    if (!now) continue;
    if (now->found != running.found && now->found == other) co_return *now;
    other = now->found;
  }
}

void SchedulerVersionWatch::Export(const SchedulerVersion& version, bool simulated) {
  metrics_.Reset(metrics::Id::kSchedulerInfo);
  metrics_.Set(metrics::Id::kSchedulerInfo,
               {VersionName(version.found), simulated ? VersionName(version.simulated) : "none"}, 1);
}

}  // namespace spillway::controller
