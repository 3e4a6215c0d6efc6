#include "cmd/audit/findings.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

namespace spillway::cmd {
namespace {

using cloud::Instance;
using cloud::InstanceState;

bool HasEndedPhase(const AuditedPod& pod) { return pod.phase == "Succeeded" || pod.phase == "Failed"; }

// As they are after, those that were there before.
std::vector<const Instance*> Lasting(const AuditFacts& facts) {
  std::set<std::string> before;
  for (const Instance& instance : facts.before) before.insert(instance.id);
  std::vector<const Instance*> lasting;
  for (const Instance& instance : facts.after) {
    if (before.contains(instance.id)) lasting.push_back(&instance);
  }
  return lasting;
}

AuditedPod PodOf(const Instance& instance) {
  const cloud::InstanceIdentity& identity = instance.identity;
  return {identity.pod_uid, identity.pod_namespace, identity.pod_name, identity.node_name, "", ""};
}

std::optional<Finding> WithoutItsPod(const AuditFacts& facts, const Instance& instance) {
  const std::string& node = instance.identity.node_name;
  const auto pod = facts.pods.find(instance.identity.pod_uid);
  if (pod == facts.pods.end()) {
    std::string detail = facts.nodes.contains(node) ? "" : fmt::format("node {} is gone too", node);
    return Finding{FindingKind::kOrphan, instance, PodOf(instance), std::move(detail)};
  }
  if (pod->second.node == node) return std::nullopt;
  const std::string where = pod->second.node.empty() ? "no node" : "node " + pod->second.node;
  return Finding{FindingKind::kOnOtherNode, instance, pod->second, fmt::format("its Pod is on {}", where)};
}

// One instance that runs is the Pod's; an ended one beside it, whose deletion is under way, too.
void AddSeconds(const AuditFacts& facts, std::vector<const Instance*> of_pod, std::vector<Finding>& findings) {
  std::erase_if(of_pod, [](const Instance* instance) { return HasEnded(*instance); });
  const auto rank = [](const Instance* instance) {
    return std::tuple(instance->state != InstanceState::kRunning, instance->created_at.value_or(WallTime()),
                      instance->id);
  };
  std::sort(of_pod.begin(), of_pod.end(), [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
  for (std::size_t i = 1; i < of_pod.size(); ++i) {
    findings.push_back({FindingKind::kSecondInstance, *of_pod[i], facts.pods.at(of_pod[i]->identity.pod_uid),
                        fmt::format("beside {}", of_pod[0]->id)});
  }
}

std::set<std::string> UidsWithInstance(const AuditFacts& facts) {
  std::set<std::string> uids;
  for (const auto* listing : {&facts.before, &facts.after}) {
    for (const Instance& instance : *listing) uids.insert(instance.identity.pod_uid);
  }
  return uids;
}

}  // namespace

std::string_view ToString(FindingKind kind) {
  switch (kind) {
    case FindingKind::kOrphan:
      return "Orphan";
    case FindingKind::kOnOtherNode:
      return "OnOtherNode";
    case FindingKind::kSecondInstance:
      return "SecondInstance";
    case FindingKind::kNoInstance:
      return "NoInstance";
  }
  return "?";
}

std::vector<Finding> FindingsOf(const AuditFacts& facts) {
  std::vector<Finding> findings;
  std::map<std::string, std::vector<const Instance*>> of_pod;
  for (const Instance* instance : Lasting(facts)) {
    if (auto finding = WithoutItsPod(facts, *instance)) {
      findings.push_back(*std::move(finding));
    } else {
      of_pod[instance->identity.pod_uid].push_back(instance);
    }
  }
  for (auto& [uid, instances] : of_pod) AddSeconds(facts, std::move(instances), findings);
  const std::set<std::string> hosted = UidsWithInstance(facts);
  for (const auto& [uid, pod] : facts.pods) {
    if (pod.node.empty() || HasEndedPhase(pod) || hosted.contains(uid)) continue;
    findings.push_back({FindingKind::kNoInstance, std::nullopt, pod, pod.waiting});
  }
  const auto key = [](const Finding& finding) {
    const std::string& node = finding.instance ? finding.instance->identity.node_name : finding.pod.node;
    return std::tuple(finding.kind, node, finding.pod.ns, finding.pod.name,
                      finding.instance ? finding.instance->id : finding.pod.uid);
  };
  std::sort(findings.begin(), findings.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  return findings;
}

}  // namespace spillway::cmd
