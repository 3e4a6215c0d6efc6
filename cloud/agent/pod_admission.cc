#include "cloud/agent/pod_admission.h"

#include <fmt/format.h>

#include <algorithm>

namespace spillway::cloud {
namespace {

bool BelongsToDaemonSet(const Json& pod) {
  for (const Json& owner : Items(At(pod, "metadata", "ownerReferences"))) {
    if (TextAt(owner, "kind") == "DaemonSet" && IsTrue(At(owner, "controller"))) return true;
  }
  return false;
}

ResourceAmounts WithPod(ResourceAmounts requests) {
  requests["pods"] = kube::Quantity::FromUnits(1);
  return requests;
}

// In kubelet's units, which may take more than 64 bits.
std::string Shown(const std::string& resource, kube::Quantity amount) {
  const kube::Quantity::Nano unit = resource == "cpu" ? 1'000'000 : 1'000'000'000;
  return fmt::format("{}", (amount.nano() + unit - 1) / unit);
}

}  // namespace

PodAdmission::PodAdmission(const std::map<std::string, std::string>& capacity, ProviderCapabilities capabilities,
                           const NodeLabels& node)
    : capabilities_(std::move(capabilities)), node_(node) {
  for (const auto& [name, text] : capacity) {
    if (const auto amount = kube::Quantity::Parse(text)) capacity_[name] = *amount;
  }
}

Admission PodAdmission::Admit(const Json& pod) {
  if (admitted_.contains(TextAt(pod, "metadata", "uid"))) return {};
  // Of DaemonSets too: the DaemonSet's controller makes no other for a node that it does not ask for.
  if (Admission refused = CheckNode(pod); refused.verdict != Admission::Verdict::kAccept) return refused;
  if (BelongsToDaemonSet(pod)) {
    return {
        Admission::Verdict::kHold, "DaemonSetForbidden",
        "A virtual node runs no DaemonSet Pods; keep them off with a node affinity on type NotIn [virtual-kubelet]"};
  }
  if (Admission refused = CheckFeatures(pod); refused.verdict != Admission::Verdict::kAccept) return refused;
  const ResourceAmounts requests = PodRequests(pod);
  if (Admission refused = CheckSize(requests); refused.verdict != Admission::Verdict::kAccept) return refused;
  Admission admission = CheckCapacity(WithPod(requests));
  if (admission.verdict == Admission::Verdict::kAccept) Readmit(pod);
  return admission;
}

// kubelet tells what lacks first. Source: pkg/scheduler/eventhandlers.go AdmissionCheck, v1.33 to v1.36.
Admission PodAdmission::CheckNode(const Json& pod) {
  const Json& spec = At(pod, "spec");
  if (At(spec, "nodeSelector").empty() && At(spec, "affinity", "nodeAffinity").is_null()) return {};
  const auto decoded = decoder_.Decode<kube::Pod>(pod.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!decoded) return {Admission::Verdict::kRefuse, "UnsupportedFeature", decoded.error().message};
  if (node_.Match(*decoded)) return {};
  Admission lacking = CheckCapacity(WithPod(PodRequests(pod)));
  if (lacking.verdict != Admission::Verdict::kAccept) return lacking;
  return {Admission::Verdict::kReject, kNodeAffinity,
          "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"};
}

Admission PodAdmission::CheckFeatures(const Json& pod) {
  const auto features = decoder_.DecodeFeatures(pod.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!features) return {Admission::Verdict::kRefuse, "UnsupportedFeature", features.error().message};
  const std::string lacking = capabilities_.features.Lacking(*features);
  if (lacking.empty()) return {};
  return {Admission::Verdict::kRefuse, "UnsupportedFeature", "This virtual node's provider cannot run " + lacking};
}

Admission PodAdmission::CheckSize(const ResourceAmounts& wanted) const {
  const auto& largest = capabilities_.largest;
  const kube::ResourceList requests(wanted.begin(), wanted.end());
  const auto fits = [&](const kube::LargestInstance& instance) { return instance.Fits(requests); };
  if (largest.empty() || std::any_of(largest.begin(), largest.end(), fits)) return {};
  return {Admission::Verdict::kRefuse, "InstanceTooLarge",
          fmt::format("No instance is large enough for it; the largest is {}", kube::ToText(largest))};
}

Admission PodAdmission::CheckCapacity(const ResourceAmounts& wanted) const {
  for (const auto& [resource, amount] : wanted) {
    if (amount.is_zero()) continue;
    const auto limit = capacity_.find(resource);
    const kube::Quantity capacity = limit == capacity_.end() ? kube::Quantity() : limit->second;
    const auto found = used_.find(resource);
    const kube::Quantity used = found == used_.end() ? kube::Quantity() : found->second;
    if (used + amount <= capacity) continue;
    return {Admission::Verdict::kReject, "OutOf" + resource,
            fmt::format("Node didn't have enough resource: {}, requested: {}, used: {}, capacity: {}", resource,
                        Shown(resource, amount), Shown(resource, used), Shown(resource, capacity))};
  }
  return {};
}

void PodAdmission::Readmit(const Json& pod) {
  const auto [entry, is_new] = admitted_.try_emplace(TextAt(pod, "metadata", "uid"));
  if (!is_new) return;
  ResourceAmounts requests = WithPod(PodRequests(pod));
  if (!newest_ || *newest_ != requests) newest_ = std::make_shared<const ResourceAmounts>(std::move(requests));
  entry->second = newest_;
  for (const auto& [resource, amount] : *newest_) used_[resource] += amount;
}

kube::Quantity PodAdmission::Sum(const std::string& resource) const {
  kube::Quantity sum;
  for (const auto& [uid, requests] : admitted_) {
    const auto found = requests->find(resource);
    if (found != requests->end()) sum += found->second;
  }
  return sum;
}

void PodAdmission::Release(const std::string& pod_uid) {
  const auto released = admitted_.extract(pod_uid);
  if (!released) return;
  for (const auto& [resource, amount] : *released.mapped()) {
    kube::Quantity& used = used_[resource];
    used = used.is_saturated() ? Sum(resource) : used + -amount;
  }
}

}  // namespace spillway::cloud
