#include "tests/simulation/naive_spread.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

namespace spillway::simulation {
namespace {

constexpr double kUnderWay = 4;  // Pods of this size

// What is asked for, or offered, by name; in processors and bytes, where only ratios count.
std::map<std::string, double> Amounts(const kube::ResourceList& list) {
  std::map<std::string, double> amounts;
  for (const auto& [name, amount] : list) amounts[name] = static_cast<double>(amount.MilliValue());
  return amounts;
}

std::map<std::string, double> RequestsOf(const kube::Pod& pod) {
  std::map<std::string, double> sum = {{"pods", 1000}};
  for (const kube::Container& container : pod.containers) {
    for (const auto& [name, amount] : Amounts(container.requests)) sum[name] += amount;
  }
  return sum;
}

struct Share {
  double used = 0;  // with the Pod
  double own = 0;   // the Pod's
};

// The largest of the shares of Pods, processors and memory.
Share ShareOf(const Objects& objects, const kube::Pod& pod, const kube::Node& node) {
  std::map<std::string, double> used = RequestsOf(pod), own = used, room = Amounts(node.allocatable);
  for (const kube::Pod& other : objects.pods) {
    if (other.node_name != node.metadata.name || other.is_terminal()) continue;
    for (const auto& [name, amount] : RequestsOf(other)) used[name] += amount;
  }
  Share share;
  for (const char* name : {"pods", "cpu", "memory"}) {
    if (room[name] <= 0) continue;
    share.used = std::max(share.used, used[name] / room[name]);
    share.own = std::max(share.own, own[name] / room[name]);
  }
  return share;
}

}  // namespace

std::optional<std::string> WhyUneven(const Objects& objects, const kube::Pod& pod, const std::string& node) {
  const NaiveVerdict verdict = NaiveCluster::JudgeIn(objects, Overflowing(pod));
  std::map<std::string, Share> shares;
  for (const kube::Node& candidate : objects.nodes) {
    if (!IsVirtualNode(candidate)) continue;
    const std::string& name = candidate.metadata.name;
    const auto judged = verdict.nodes.find(name);
    const bool takes_it = judged != verdict.nodes.end() && judged->second.filter.empty() && candidate.ready &&
                          !candidate.unschedulable && !candidate.cloud_unreachable && SaysItCan(candidate, pod);
    if (takes_it || name == node) shares[name] = ShareOf(objects, pod, candidate);
  }
  const auto chosen = shares.find(node);
  if (chosen == shares.end()) return std::nullopt;
  for (const auto& [name, share] : shares) {
    const double slack = kUnderWay * std::max(share.own, chosen->second.own);
    if (chosen->second.used <= share.used + slack) continue;
    return fmt::format("{} has {:.2f}% of its quota in use with it, {} would have {:.2f}%", node,
                       100 * chosen->second.used, name, 100 * share.used);
  }
  return std::nullopt;
}

}  // namespace spillway::simulation
