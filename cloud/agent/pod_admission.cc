#include "cloud/agent/pod_admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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

std::int64_t Shown(const std::string& resource, kube::Quantity amount) {
  return resource == "cpu" ? amount.MilliValue() : amount.Value();
}

void CollectContainerFeatures(const Json& container, std::set<std::string>& features) {
  if (IsTrue(At(container, "securityContext", "privileged"))) features.insert("privileged");
  for (const Json& port : Items(At(container, "ports"))) {
    if (Integer(At(port, "hostPort")) > 0) features.insert("hostPort");
  }
}

}  // namespace

std::vector<std::string> FeaturesOf(const Json& pod) {
  std::set<std::string> features;
  const Json& spec = At(pod, "spec");
  for (const char* flag : {"hostNetwork", "hostPID", "hostIPC"}) {
    if (IsTrue(At(spec, flag))) features.insert(flag);
  }
  for (const Json& volume : Items(At(spec, "volumes"))) {
    for (const auto& [key, source] : Members(volume).items()) {
      if (key != "name" && !source.is_null()) features.insert(key);
    }
  }
  if (!Items(At(spec, "resourceClaims")).empty()) features.insert("resourceClaims");
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : Items(At(spec, list))) CollectContainerFeatures(container, features);
  }
  return {features.begin(), features.end()};
}

PodAdmission::PodAdmission(const std::map<std::string, std::string>& capacity,
                           std::vector<std::string> unsupported_features)
    : unsupported_(std::move(unsupported_features)) {
  for (const auto& [name, text] : capacity) {
    if (const auto amount = kube::Quantity::Parse(text)) capacity_[name] = *amount;
  }
}

Admission PodAdmission::Admit(const Json& pod) {
  if (admitted_.contains(TextAt(pod, "metadata", "uid"))) return {};
  if (BelongsToDaemonSet(pod)) {
    return {
        Admission::Verdict::kHold, "DaemonSetForbidden",
        "A virtual node runs no DaemonSet Pods; keep them off with a node affinity on type NotIn [virtual-kubelet]"};
  }
  for (const std::string& feature : FeaturesOf(pod)) {
    if (std::find(unsupported_.begin(), unsupported_.end(), feature) == unsupported_.end()) continue;
    return {Admission::Verdict::kHold, "UnsupportedFeature",
            fmt::format("This virtual node's provider cannot run a Pod that uses {}", feature)};
  }
  Admission admission = CheckCapacity(WithPod(PodRequests(pod)));
  if (admission.verdict == Admission::Verdict::kAccept) Readmit(pod);
  return admission;
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
  const auto [entry, is_new] = admitted_.try_emplace(TextAt(pod, "metadata", "uid"), WithPod(PodRequests(pod)));
  if (!is_new) return;
  for (const auto& [resource, amount] : entry->second) used_[resource] += amount;
}

void PodAdmission::Release(const std::string& pod_uid) {
  if (admitted_.erase(pod_uid) == 0) return;
  used_.clear();  // summed anew rather than subtracted: sums saturate
  for (const auto& [uid, requests] : admitted_) {
    for (const auto& [resource, amount] : requests) used_[resource] += amount;
  }
}

}  // namespace spillway::cloud
