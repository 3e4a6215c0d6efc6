#include "scheduler_sim/class_memory.h"

#include <algorithm>

#include "scheduler_sim/lost_nodes.h"

namespace spillway::sim {

std::vector<NodeIndex> NodesFor(const Question& question, const NodeSet& domain) {
  std::vector<NodeIndex> nodes;
  Evaluate(question, domain, Filter::Scope::kNode).feasible.ForEach([&](NodeIndex node) { nodes.push_back(node); });
  return nodes;
}

bool TakesAlone(const Question& question, const NodeSet& domain, NodeIndex node) {
  if (!domain.Has(node)) return false;
  for (const Filter* filter : FiltersFor(question)) {
    if (filter->scope() <= Filter::Scope::kNode && !filter->Admits(question, node)) return false;
  }
  const auto& pre_filters = PreFiltersFor(question);
  return std::all_of(pre_filters.begin(), pre_filters.end(), [&](const Filter* filter) {
    const PreFilterResult result = filter->PreFilter(question);
    return result.rejection.empty() && (!result.nodes || result.nodes->Has(node));
  });
}

namespace {

// Whether nodes are lost to the class may be answered otherwise for this node.
bool MayChangeLoss(const Explanation& known, const Question& question, NodeIndex node) {
  NodeSet only;
  if (question.model.real.Has(node)) only.Add(node);
  return known.lost.empty() == !LostNodes(question, only).empty();
}

}  // namespace

ClassMemory::Entry& ClassMemory::EntryOf(ClassIndex index) {
  if (index.value() >= entries_.size()) entries_.resize(model_.classes.end());
  Entry& entry = entries_[index.value()];
  const std::uint64_t number = model_.pod_class(index).number;
  if (entry.of != number) entry = Entry{.of = number, .nodes = {}, .why_not = {}};
  return entry;
}

std::vector<NodeIndex> ClassMemory::NodesFor(ClassIndex index) {
  Entry& entry = EntryOf(index);
  const Question question{model_, model_.usage, model_.pod_class(index)};
  if (CatchUp(entry, question)) return entry.nodes;
  std::vector<NodeIndex> nodes = sim::NodesFor(question, domain_);
  work_ += static_cast<std::int64_t>(model_.usage.size());
  entry.is_known = nodes.size() <= kFew;
  entry.read_to = model_.loosened_nodes.end();
  entry.nodes = entry.is_known ? nodes : std::vector<NodeIndex>();
  entry.why_not.reset();
  return nodes;
}

bool ClassMemory::FitsNowhere(ClassIndex index) {
  Entry& entry = EntryOf(index);
  return CatchUp(entry, {model_, model_.usage, model_.pod_class(index)}) ? entry.nodes.empty()
                                                                         : NodesFor(index).empty();
}

bool ClassMemory::CatchUp(Entry& entry, const Question& question) {
  if (!entry.is_known || !model_.loosened_nodes.Remembers(entry.read_to)) return false;
  constexpr std::int64_t kWorkOfNode = 200;
  work_ += kWorkOfNode * static_cast<std::int64_t>(entry.nodes.size() + model_.loosened_nodes.end() - entry.read_to);
  std::erase_if(entry.nodes, [&](NodeIndex node) {
    if (TakesAlone(question, domain_, node)) return false;
    CheckReasons(entry, question, node);
    return true;
  });
  model_.loosened_nodes.ForEachSince(entry.read_to, [&](NodeIndex node) {
    if (!TakesAlone(question, domain_, node)) {
      CheckReasons(entry, question, node);
      return;
    }
    const auto at = std::lower_bound(entry.nodes.begin(), entry.nodes.end(), node);
    if (at == entry.nodes.end() || *at != node) entry.nodes.insert(at, node);
  });
  entry.read_to = model_.loosened_nodes.end();
  entry.is_known = entry.nodes.size() <= kFew;
  return entry.is_known;
}

void ClassMemory::CheckReasons(Entry& entry, const Question& question, NodeIndex node) const {
  if (entry.why_not == nullptr) return;
  const Explanation& known = *entry.why_not;
  if (!known.short_of_resources && MayChangeLoss(known, question, node)) {
    entry.why_not.reset();
    return;
  }
  if (!domain_.Has(node)) {
    if (domain_.empty() != (known.nodes == 0)) entry.why_not.reset();
    return;
  }
  for (const Filter* filter : FiltersFor(question)) {
    if (filter->Admits(question, node)) continue;
    if (filter->may_err(question) || !known.doubt.empty()) {
      entry.why_not.reset();
      return;
    }
    if (known.short_of_resources && filter->is_about_resources()) return;  // of one or another
    for (const std::string& reason : filter->Explain(question, node)) {
      const bool is_known = std::any_of(known.reasons.begin(), known.reasons.end(),
                                        [&](const ReasonCount& count) { return count.reason == reason; });
      if (!is_known) {
        entry.why_not.reset();
        return;
      }
    }
    return;
  }
}

std::shared_ptr<const Explanation> ClassMemory::WhyNot(ClassIndex index, const Usage& usage) {
  Entry& entry = EntryOf(index);
  for (const NodeIndex node : entry.nodes) CheckReasons(entry, {model_, usage, model_.pod_class(index)}, node);
  constexpr std::uint64_t kTurns = 256;  // not all of them in one round
  const bool is_its_turn = round_ % kTurns == index.value() % kTurns && entry.explained != round_;
  return is_its_turn ? nullptr : entry.why_not;
}

void ClassMemory::Remember(ClassIndex index, std::shared_ptr<const Explanation> why_not) {
  Entry& entry = EntryOf(index);
  entry.why_not = std::move(why_not);
  entry.explained = round_;
}

}  // namespace spillway::sim
