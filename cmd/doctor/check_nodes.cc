#include <fmt/core.h>
#include <gflags/gflags.h>

#include <algorithm>

#include "cmd/doctor/checks.h"
#include "cmd/doctor/words.h"
#include "cmd/flags/flags.h"
#include "kube/api/quantity.h"

DECLARE_string(overflow_taints);

// Virtual nodes, and who holds which Lease.
namespace spillway::cmd::doctor {
namespace {

using kube::At;
using kube::Items;
using kube::Json;
using kube::Named;
using kube::TextAt;

constexpr const char* kNodes = "virtual-nodes";
constexpr const char* kLeader = "leader";
constexpr const char* kCloudTaint = "spillway.io/cloud-unreachable";
constexpr const char* kSimulatedTaint = "spillway.io/simulated";

std::string NameOf(const Json& object) { return TextAt(object, "metadata", "name"); }

Duration DurationOfLease(const Json& lease) {
  return std::chrono::seconds(kube::Integer(At(lease, "spec", "leaseDurationSeconds"), 15));
}

std::string HolderOfLease(const Json& lease) { return TextAt(lease, "spec", "holderIdentity"); }

// Empty when it is in time. `todo` for the case that nobody renews it.
Findings OfLease(const LeaseFacts& facts, const char* check, const std::string& todo) {
  if (!facts.lease && facts.lease.error().code == Code::kNotFound) {
    return {{Level::kFail, check, fmt::format("{} is not there: it was never held", facts.what), todo}};
  }
  if (!facts.lease) return {Unreadable(check, facts.what, facts.lease.error())};
  const std::string holder = HolderOfLease(*facts.lease);
  if (holder.empty()) return {{Level::kFail, check, fmt::format("nobody holds {}", facts.what), todo}};
  const auto late = LateBy(*facts.lease, facts.server_time);
  if (!late) return {};
  // The holder's clock wrote it, and it may be wrong: what counts is whether it goes on writing.
  if (facts.later && *facts.later &&
      TextAt(**facts.later, "spec", "renewTime") != TextAt(*facts.lease, "spec", "renewTime")) {
    return {{Level::kWarn, check,
             fmt::format("{} holds {} and renews it, with a clock that is {} behind the API server's", holder,
                         facts.what, base::FormatDuration(*late)),
             "synchronise the clock of the machine that it runs on (NTP)"}};
  }
  return {
      {Level::kFail, check,
       fmt::format("{} was to be renewed {} ago by {}, and was not", facts.what, base::FormatDuration(*late), holder),
       todo}};
}

void AddConditions(const Json& node, Findings& findings) {
  const std::string name = NameOf(node);
  const Json& conditions = At(node, "status", "conditions");
  const Json& ready = Named(conditions, "Ready", "type");
  if (TextAt(ready, "status") != "True") {
    const std::string status = ready.is_null() ? "absent" : TextAt(ready, "status");
    findings.push_back({Level::kFail, kNodes,
                        fmt::format("{} is not ready: Ready is {}: {}", name, status, TextAt(ready, "message")),
                        "look at its agent: kubectl logs; docs/runbooks/spillwayvirtualnodenotready.md"});
  }
  const Json& cloud = Named(conditions, "CloudReachable", "type");
  if (cloud.is_null() || TextAt(cloud, "status") == "True") return;
  findings.push_back(
      {TextAt(cloud, "status") == "False" ? Level::kFail : Level::kWarn, kNodes,
       fmt::format("{} does not reach its cloud: {}: {}", name, TextAt(cloud, "reason"), TextAt(cloud, "message")),
       "docs/runbooks/spillwaycloudunreachable.md"});
}

void AddTaints(const Json& node, const std::vector<std::string>& overflow_taints, Findings& findings) {
  const std::string name = NameOf(node);
  if (kube::IsTrue(At(node, "spec", "unschedulable"))) {
    findings.push_back(
        {Level::kWarn, kNodes, name + " is cordoned: nothing is moved there", "kubectl uncordon " + name});
  }
  for (const Json& taint : Items(At(node, "spec", "taints"))) {
    const std::string key = TextAt(taint, "key"), effect = TextAt(taint, "effect");
    const bool is_known = std::find(overflow_taints.begin(), overflow_taints.end(), key) != overflow_taints.end();
    const bool is_ours = key == kCloudTaint || key == kSimulatedTaint || key.starts_with("node.kubernetes.io/");
    if (is_known || is_ours || effect == "PreferNoSchedule") continue;
    findings.push_back(
        {Level::kWarn, kNodes,
         fmt::format("{} has the taint {}:{}, so that only Pods that tolerate it are moved there", name, key, effect),
         effect == "NoSchedule" ? "if that is not meant, add the key to --overflow-taints (controller.overflowTaints)"
                                : "if that is not meant, take it away: kubectl taint node"});
  }
}

void AddCapacity(const Json& node, Findings& findings) {
  for (const char* resource : {"cpu", "memory", "pods"}) {
    const auto amount = kube::Quantity::Parse(TextAt(node, "status", "allocatable", resource));
    if (amount && amount->nano() > 0) continue;
    findings.push_back({Level::kFail, kNodes, fmt::format("{} has no {} to give", NameOf(node), resource),
                        "set the pool's quota, or the agent's --quota-" + std::string(resource)});
  }
}

std::string Healthy(const Json& node) {
  const std::string provider = TextAt(node, "metadata", "annotations", "spillway.io/provider");
  std::string text = fmt::format("{} is ready", NameOf(node));
  if (provider == "simulated") return text + "; simulated: nothing runs there";
  return text + (provider.empty() ? "; it is not Spillway's" : "; provider " + provider);
}

Findings OfNode(const Facts& facts, const Json& node, const std::vector<std::string>& overflow_taints) {
  Findings findings;
  AddConditions(node, findings);
  AddTaints(node, overflow_taints, findings);
  AddCapacity(node, findings);
  if (const auto lease = facts.node_leases.find(NameOf(node)); lease != facts.node_leases.end()) {
    Findings late =
        OfLease(lease->second, kNodes, "look at its agent: is it running, and does it reach the API server?");
    findings.insert(findings.end(), late.begin(), late.end());
  }
  if (findings.empty()) findings.push_back({Level::kOk, kNodes, Healthy(node), ""});
  return findings;
}

}  // namespace

std::string VirtualNodeSelectorOf(const Installation& installation) {
  constexpr const char* kDefault = "type=virtual-kubelet";
  if (installation.controllers.empty()) return kDefault;
  return installation.controller().Flag("virtual-node-selector", kDefault);
}

std::optional<Duration> LateBy(const Json& lease, WallTime server_time) {
  const auto renewed = base::ParseRfc3339(TextAt(lease, "spec", "renewTime"));
  if (!renewed || HolderOfLease(lease).empty()) return std::nullopt;
  const Duration late = server_time - *renewed - DurationOfLease(lease);
  if (late <= Duration(0)) return std::nullopt;
  return late;
}

Findings CheckVirtualNodes(const Facts& facts) {
  if (!facts.nodes) return {Unreadable(kNodes, "nodes", facts.nodes.error())};
  const std::vector<const Json*> nodes = VirtualNodesOf(facts);
  if (nodes.empty()) {
    return {{Level::kFail, kNodes,
             fmt::format("no node has the label {}: there is nowhere to move Pods to",
                         VirtualNodeSelectorOf(facts.installation)),
             "install a pool of virtual nodes (virtualNodePools of the chart), or correct --virtual-node-selector"}};
  }
  std::string taints = FLAGS_overflow_taints;  // its default: doctor has no such flag
  if (!facts.installation.controllers.empty()) taints = facts.installation.controller().Flag("overflow-taints", taints);
  Findings all;
  for (const Json* node : nodes) {
    Findings findings = OfNode(facts, *node, ListOf(taints));
    all.insert(all.end(), findings.begin(), findings.end());
  }
  return all;
}

Findings CheckLeader(const Facts& facts) {
  if (!facts.leader) return {};
  Findings findings = OfLease(*facts.leader, kLeader,
                              "no controller acts: are its Pods running and ready, and may they write the Lease? "
                              "docs/runbooks/spillwaynoleader.md");
  if (findings.empty()) {
    findings.push_back({Level::kOk, kLeader,
                        fmt::format("{} is held by {}", facts.leader->what, HolderOfLease(*facts.leader->lease)), ""});
  }
  return findings;
}

}  // namespace spillway::cmd::doctor
