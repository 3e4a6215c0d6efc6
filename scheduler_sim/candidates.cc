#include "scheduler_sim/candidates.h"

#include <algorithm>
#include <map>
#include <utility>

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

// Source: schedule_one.go numFeasibleNodesToFind with percentageOfNodesToScore unset.
std::size_t NodesToScore(std::size_t nodes) {
  constexpr std::size_t kLeast = 100;
  if (nodes < kLeast) return nodes;
  const std::size_t percent = nodes / 125 >= 45 ? 5 : 50 - nodes / 125;
  return std::max(kLeast, nodes * percent / 100);
}

constexpr std::uint32_t kNoGroup = Topology::kNoDomain;

}  // namespace

Candidates::Candidates(const Question& question, std::vector<NodeIndex> nodes, std::size_t seed) {
  batch_ = NodesToScore(nodes.size());
  if (nodes.size() > batch_) {
    const std::size_t start = seed * batch_ % nodes.size();
    std::rotate(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(start), nodes.end());
  }
  const std::vector<TopologyId> topologies = TopologiesOf(question);
  const bool alone = topologies.empty() || std::any_of(topologies.begin(), topologies.end(), [&](TopologyId id) {
                       return question.model.topology(id).domains.size() * 2 > nodes.size();  // hostname, or nearly
                     });
  if (alone) {
    alone_ = std::move(nodes);
  } else {
    MakeGroups(question, topologies, nodes);
  }
}

void Candidates::MakeGroups(const Question& question, const std::vector<TopologyId>& topologies,
                            const std::vector<NodeIndex>& nodes) {
  // Split by one topology after the other; most classes care about one.
  std::vector<std::uint32_t> group_of(nodes.size(), 0);
  std::uint32_t groups = 1;
  for (const TopologyId id : topologies) {
    const Topology& topology = question.model.topology(id);
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> split;
    std::pair<std::uint32_t, std::uint32_t> last = {kNoGroup, kNoGroup};
    std::uint32_t last_group = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::pair<std::uint32_t, std::uint32_t> key = {group_of[i], topology.Of(nodes[i])};
      if (key != last) last_group = split.try_emplace(key, static_cast<std::uint32_t>(split.size())).first->second;
      last = key;
      group_of[i] = last_group;
    }
    groups = static_cast<std::uint32_t>(split.size());
  }
  groups_.resize(groups);
  for (std::size_t i = 0; i < nodes.size(); ++i) groups_[group_of[i]].rest.push_back(nodes[i]);
  batch_ = std::max<std::size_t>(16, batch_ / std::max<std::size_t>(1, groups_.size()));
  for (std::uint32_t group = 0; group < groups_.size(); ++group) {
    if (Fill(question, group)) heap_.push_back(groups_[group].heap.front());
  }
  std::make_heap(heap_.begin(), heap_.end());
}

bool Candidates::Fill(const Question& question, std::uint32_t index) {
  Group& group = groups_[index];
  while (group.heap.empty() && !group.rest.empty()) {
    for (std::size_t i = 0; i < batch_ && !group.rest.empty(); ++i) {
      const NodeIndex node = group.rest.back();
      group.rest.pop_back();
      if (!Admits(question, node, Filter::Scope::kNode)) continue;
      group.heap.push_back({LeastAllocatedScore(question, node), question.model.node(node).rank, node,
                            question.usage.version[node.value()], index});
    }
    std::make_heap(group.heap.begin(), group.heap.end());
  }
  return !group.heap.empty();
}

bool Candidates::FillAlone(const Question& question) {
  while (heap_.empty() && !alone_.empty()) {
    for (std::size_t i = 0; i < batch_ && !alone_.empty(); ++i) {
      const NodeIndex node = alone_.back();
      alone_.pop_back();
      if (!Admits(question, node, Filter::Scope::kNode)) continue;
      heap_.push_back({LeastAllocatedScore(question, node), question.model.node(node).rank, node,
                       question.usage.version[node.value()], kNoGroup});
    }
    std::make_heap(heap_.begin(), heap_.end());
  }
  return !heap_.empty();
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
  const auto update = [&](Entry& entry) {
    entry.score = LeastAllocatedScore(question, entry.node);
    entry.version = question.usage.version[entry.node.value()];
  };
  if (top.group == kNoGroup) {
    Entry entry = top;
    update(entry);
    if (Admits(question, entry.node, Filter::Scope::kNode)) Push(entry);
    return;
  }
  std::vector<Entry>& heap = groups_[top.group].heap;
  while (!heap.empty() && heap.front().version != question.usage.version[heap.front().node.value()]) {
    std::pop_heap(heap.begin(), heap.end());
    if (Admits(question, heap.back().node, Filter::Scope::kNode)) {
      update(heap.back());
      std::push_heap(heap.begin(), heap.end());
    } else {
      heap.pop_back();
    }
  }
  if (Fill(question, top.group)) Push(heap.front());
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
  } while (FillAlone(question) || Unpark(question));
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
