#include "scheduler_sim/candidates.h"

#include <algorithm>

#include "scheduler_sim/judgement.h"

namespace spillway::sim {
namespace {

std::vector<TopologyId> TopologiesOf(const Question& question) {
  std::vector<TopologyId> found;
  const auto add = [&](CounterId counter) { found.push_back(question.model.counters[counter.value()].topology); };
  for (const auto* list : {&question.pod.affinity, &question.pod.anti_affinity, &question.pod.repelled_by}) {
    std::for_each(list->begin(), list->end(), add);
  }
  for (const SpreadRule& rule : question.pod.spread) add(rule.counter);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace

Candidates::Entry Candidates::Of(const Question& question, NodeIndex node, std::uint32_t group) {
  return {LeastAllocatedScore(question, node), question.model.node(node).rank, node,
          question.usage.version[node.value()], group};
}

Candidates::Candidates(const Question& question, const NodeSet& feasible) {
  const std::vector<TopologyId> topologies = TopologiesOf(question);
  const std::size_t nodes = static_cast<std::size_t>(feasible.Count());
  const bool alone = topologies.empty() || std::any_of(topologies.begin(), topologies.end(), [&](TopologyId id) {
                       return question.model.topology(id).domains.size() * 2 > nodes;  // hostname, or nearly
                     });
  if (alone) {
    heap_.reserve(nodes);
    feasible.ForEach([&](NodeIndex node) { heap_.push_back(Of(question, node, kAlone)); });
    std::make_heap(heap_.begin(), heap_.end());
    return;
  }
  std::map<std::vector<std::uint32_t>, std::uint32_t> group_of;
  std::vector<std::uint32_t> domains(topologies.size());
  feasible.ForEach([&](NodeIndex node) {
    for (std::size_t i = 0; i < topologies.size(); ++i) domains[i] = question.model.topology(topologies[i]).Of(node);
    const auto [group, is_new] = group_of.try_emplace(domains, static_cast<std::uint32_t>(groups_.size()));
    if (is_new) groups_.emplace_back();
    groups_[group->second].push_back(Of(question, node, group->second));
  });
  for (std::uint32_t group = 1; group < groups_.size(); ++group) {
    std::make_heap(groups_[group].begin(), groups_[group].end());
    heap_.push_back(groups_[group].front());
  }
  std::make_heap(heap_.begin(), heap_.end());
}

void Candidates::Pop() {
  std::pop_heap(heap_.begin(), heap_.end());
  heap_.pop_back();
}

void Candidates::Push(const Entry& entry) {
  heap_.push_back(entry);
  std::push_heap(heap_.begin(), heap_.end());
}

void Candidates::Refresh(const Question& question) {
  const Entry top = heap_.front();
  Pop();
  if (top.group == kAlone) {
    if (Admits(question, top.node, Filter::Scope::kNode)) Push(Of(question, top.node, kAlone));
    return;
  }
  std::vector<Entry>& group = groups_[top.group];
  while (!group.empty() && group.front().version != question.usage.version[group.front().node.value()]) {
    std::pop_heap(group.begin(), group.end());
    if (Admits(question, group.back().node, Filter::Scope::kNode)) {
      group.back() = Of(question, group.back().node, top.group);
      std::push_heap(group.begin(), group.end());
    } else {
      group.pop_back();
    }
  }
  if (!group.empty()) Push(group.front());
}

NodeIndex Candidates::Best(const Question& question) {
  do {
    while (!heap_.empty()) {
      const Entry top = heap_.front();
      if (top.version != question.usage.version[top.node.value()]) {
        Refresh(question);
      } else if (question.pod.topological() && !Admits(question, top.node, Filter::Scope::kTopology)) {
        Pop();
        parked_.push_back(top);
      } else {
        return top.node;
      }
    }
  } while (Unpark(question));
  return {};
}

bool Candidates::Unpark(const Question& question) {
  const std::uint64_t now = Relaxations(question);
  if (parked_.empty() || now == parked_at_) return false;
  parked_at_ = now;
  heap_.insert(heap_.end(), parked_.begin(), parked_.end());
  parked_.clear();
  std::make_heap(heap_.begin(), heap_.end());
  return true;
}

std::uint64_t Candidates::Relaxations(const Question& question) {
  std::uint64_t sum = 1;
  for (const CounterId counter : question.pod.affinity) sum += question.usage.CountsOf(counter).relaxations;
  for (const SpreadRule& rule : question.pod.spread) sum += question.usage.CountsOf(rule.counter).relaxations;
  return sum;
}

}  // namespace spillway::sim
