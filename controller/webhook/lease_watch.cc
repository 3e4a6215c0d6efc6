#include "controller/webhook/lease_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "kube/json.h"
#include "kube/paths.h"

namespace spillway::webhook {
namespace {

kube::ReflectorOptions OneLease(const std::string& ns, const std::string& name) {
  kube::ReflectorOptions options;
  options.path = kube::LeasePath(ns);
  options.resource = "leases";
  options.field_selector = "metadata.name=" + name;
  return options;
}

}  // namespace

LeaseWatch::LeaseWatch(Runtime& runtime, kube::Transport& transport, std::string ns, std::string name)
    : runtime_(runtime),
      key_(ns + "/" + name),
      watch_(runtime, transport, OneLease(ns, name), [this](const auto& batch) { Take(batch); }) {}

void LeaseWatch::Take(const kube::DeltaBatch<kube::RawObject>& batch) {
  for (const auto& delta : batch.deltas) {
    if (delta.object) {
      Read(delta.object->json);
    } else {
      renewed_.clear();
      held_until_ = Instant();
    }
  }
}

void LeaseWatch::Read(const std::string& lease) {
  const kube::Json parsed = kube::Json::parse(lease, nullptr, false);
  const kube::Json& spec = kube::At(parsed, "spec");
  const std::string renewed = kube::TextAt(spec, "renewTime");
  const Duration lasts =
      std::chrono::seconds(std::max<std::int64_t>(0, kube::Integer(kube::At(spec, "leaseDurationSeconds"))));
  const bool is_first = renewed_.empty();
  if (kube::TextAt(spec, "holderIdentity").empty()) {
    held_until_ = Instant();
  } else if (renewed != renewed_) {
    const auto then = base::ParseRfc3339(renewed);
    const Duration age = is_first && then ? std::max(Duration(0), runtime_.WallNow() - *then) : Duration(0);
    held_until_ = runtime_.Now() + lasts - std::min(age, lasts);
  }
  renewed_ = renewed;
}

LeaseWatch::Standing LeaseWatch::Now() const {
  if (!watch_.counts().synced) return Standing::kUnknown;
  return runtime_.Now() < held_until_ ? Standing::kHeld : Standing::kFree;
}

Status LeaseWatch::Known() const {
  const kube::ReflectorCounts& counts = watch_.counts();
  if (counts.synced) return {};
  return Fail(Code::kUnavailable, fmt::format("lease {}: not listed yet{}{}", key_,
                                              counts.last_error.empty() ? "" : ": ", counts.last_error));
}

}  // namespace spillway::webhook
