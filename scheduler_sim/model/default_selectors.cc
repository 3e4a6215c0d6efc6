#include "scheduler_sim/model/default_selectors.h"

#include <algorithm>
#include <utility>

namespace spillway::sim {
namespace {

// The kind of workload that a controller is, of those whose selector counts.
std::optional<SelectingKind> KindOf(const ControllerName& controller) {
  if (controller.api_version == "v1" && controller.kind == "ReplicationController") {
    return SelectingKind::kReplicationController;
  }
  if (controller.api_version != "apps/v1") return std::nullopt;
  if (controller.kind == "ReplicaSet") return SelectingKind::kReplicaSet;
  if (controller.kind == "StatefulSet") return SelectingKind::kStatefulSet;
  return std::nullopt;
}

// A Service without a selector selects nobody; one with an empty one everybody, which adds nothing.
bool Selects(const std::optional<kube::LabelSelector>& selector, const PackedLabels& labels) {
  return selector && labels.Match(*selector);
}

void MergeLabels(const kube::StringMap& more, kube::StringMap& into) {
  for (const auto& [key, value] : more) {
    const auto at = std::lower_bound(into.begin(), into.end(), key,
                                     [](const auto& entry, const std::string& wanted) { return entry.first < wanted; });
    if (at != into.end() && at->first == key) {
      at->second = value;
    } else {
      into.insert(at, {key, value});
    }
  }
}

}  // namespace

ControllerName ControllerOf(const kube::Pod& pod) {
  const kube::OwnerReference* owner = pod.metadata.Controller();
  return owner == nullptr ? ControllerName() : ControllerName{owner->api_version, owner->kind, owner->name};
}

std::optional<DefaultSelectors::Change> DefaultSelectors::Put(SelectingKind kind, const kube::ObjectMeta& metadata,
                                                              const std::optional<kube::LabelSelector>& selector) {
  Entry& entry = of(kind).by_namespace[metadata.ns][metadata.name];
  const std::string& uid = metadata.uid.empty() ? metadata.Key() : metadata.uid;
  if (entry.uid != uid) {
    of(kind).names_by_uid.erase(entry.uid);
    of(kind).names_by_uid[uid] = {metadata.ns, metadata.name};
    entry.uid = uid;
  }
  if (entry.selector == selector) return std::nullopt;
  Change change{metadata.ns, metadata.name, std::move(entry.selector), selector};
  entry.selector = selector;
  return change;
}

std::optional<DefaultSelectors::Change> DefaultSelectors::Remove(SelectingKind kind, std::string_view uid) {
  const auto known = of(kind).names_by_uid.find(std::string(uid));
  if (known == of(kind).names_by_uid.end()) return std::nullopt;
  const auto [ns, name] = known->second;
  of(kind).names_by_uid.erase(known);
  const auto in_namespace = of(kind).by_namespace.find(ns);
  const auto entry = in_namespace->second.find(name);
  Change change{ns, name, std::move(entry->second.selector), std::nullopt};
  in_namespace->second.erase(entry);
  if (in_namespace->second.empty()) of(kind).by_namespace.erase(in_namespace);
  return change;
}

bool DefaultSelectors::MarkListed(SelectingKind kind) { return !std::exchange(of(kind).listed, true); }

std::optional<SelectingKind> DefaultSelectors::Missing(const ControllerName& controller) const {
  if (!of(SelectingKind::kService).listed) return SelectingKind::kService;
  const std::optional<SelectingKind> owner = KindOf(controller);
  return owner && !of(*owner).listed ? owner : std::nullopt;
}

const DefaultSelectors::Entry* DefaultSelectors::Find(SelectingKind kind, const std::string& ns,
                                                      const std::string& name) const {
  const auto in_namespace = of(kind).by_namespace.find(ns);
  if (in_namespace == of(kind).by_namespace.end()) return nullptr;
  const auto entry = in_namespace->second.find(name);
  return entry == in_namespace->second.end() ? nullptr : &entry->second;
}

kube::LabelSelector DefaultSelectors::For(const std::string& ns, const PackedLabels& labels,
                                          const ControllerName& controller) const {
  kube::LabelSelector selector;
  const auto services = of(SelectingKind::kService).by_namespace.find(ns);
  if (services != of(SelectingKind::kService).by_namespace.end()) {
    for (const auto& [name, service] : services->second) {
      if (Selects(service.selector, labels)) MergeLabels(service.selector->match_labels, selector.match_labels);
    }
  }
  const std::optional<SelectingKind> kind = KindOf(controller);
  const Entry* owner = kind ? Find(*kind, ns, controller.name) : nullptr;
  if (owner == nullptr || !owner->selector) return selector;
  if (kind == SelectingKind::kReplicationController) {
    // Merged, not ANDed: where it contradicts a Service it wins.
    MergeLabels(owner->selector->match_labels, selector.match_labels);
    return selector;
  }
  using Operator = kube::LabelRequirement::Operator;
  for (const auto& [key, value] : owner->selector->match_labels) {
    selector.match_expressions.push_back({key, Operator::kIn, {value}});
  }
  const auto& more = owner->selector->match_expressions;
  selector.match_expressions.insert(selector.match_expressions.end(), more.begin(), more.end());
  return selector;
}

bool DefaultSelectors::Concerns(SelectingKind kind, const Change& change, const PackedLabels& labels,
                                const ControllerName& controller) {
  if (kind == SelectingKind::kService) return Selects(change.before, labels) || Selects(change.after, labels);
  return KindOf(controller) == kind && controller.name == change.name;
}

}  // namespace spillway::sim
