#include "controller/policy/fail_over.h"

#include <algorithm>
#include <utility>

namespace spillway::controller {
namespace {

constexpr std::string_view kRefusals[] = {"InstanceCreateFailed", "ProviderFailed"};

bool IsAllowed(const RefusedPod& pod, const FailOverFacts& facts) {
  if (!facts.namespace_allows || !pod.was_sent || !pod.owner || pod.own_word == "false") return false;
  if (pod.owner->kind == "DaemonSet") return false;  // its successor belongs to the same node
  return pod.owner->kind != "Job" || pod.own_word == "true";
}

std::string_view Word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

}  // namespace

bool IsRefused(const kube::Pod& pod) {
  if (pod.phase != kube::PodPhase::kPending || pod.has_started) return false;
  return std::find(std::begin(kRefusals), std::end(kRefusals), pod.status_reason) != std::end(kRefusals);
}

FailOverWait WhyNotFailedOver(const RefusedPod& pod, const FailOverFacts& facts, const Policy& policy) {
  if (policy.virtual_grace == Duration(0) || policy.mode == Mode::kOff) return FailOverWait::kNotIts;
  if (!IsAllowed(pod, facts)) return FailOverWait::kNotIts;
  const bool is_due = pod.is_refused && facts.node_speaks && facts.now - pod.since >= policy.virtual_grace;
  if (!is_due) return FailOverWait::kGrace;
  if (facts.evictions >= kMostFailOvers) return FailOverWait::kTooManyEvicted;
  return facts.has_another_node ? FailOverWait::kNothing : FailOverWait::kNoOtherNode;
}

void FailOverBook::Note(Entry entry) {
  ++counts_[entry.owner];
  entries_.push_back(std::move(entry));
}

void FailOverBook::TakeBack(const Entry& entry) {
  const auto found = std::find(entries_.begin(), entries_.end(), entry);
  if (found == entries_.end()) return;
  if (--counts_[found->owner] == 0) counts_.erase(found->owner);
  entries_.erase(found);
}

void FailOverBook::Forget(WallTime now) {
  std::erase_if(entries_, [&](const Entry& entry) {
    if (entry.at + kFailOverMemory > now) return false;
    if (--counts_[entry.owner] == 0) counts_.erase(entry.owner);
    return true;
  });
}

int FailOverBook::CountOf(const std::string& owner) const {
  const auto found = counts_.find(owner);
  return found == counts_.end() ? 0 : found->second;
}

bool FailOverBook::Has(const std::string& owner, const std::string& node) const {
  if (!counts_.contains(owner)) return false;
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.owner == owner && entry.node == node; });
}

std::set<std::string> FailOverBook::NodesOf(const std::string& owner) const {
  std::set<std::string> nodes;
  if (!counts_.contains(owner)) return nodes;
  for (const Entry& entry : entries_) {
    if (entry.owner == owner) nodes.insert(entry.node);
  }
  return nodes;
}

std::string FailOverBook::ToText() const {
  std::string text;
  for (const Entry& entry : entries_) {
    text += entry.owner + " " + entry.node + " " + base::FormatRfc3339(entry.at) + "\n";
  }
  return text;
}

FailOverBook FailOverBook::FromText(std::string_view text) {
  FailOverBook book;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view owner = Word(line), node = Word(line);
    const auto at = base::ParseRfc3339(line);
    if (!owner.empty() && !node.empty() && at) book.Note({std::string(owner), std::string(node), *at});
  }
  return book;
}

}  // namespace spillway::controller
