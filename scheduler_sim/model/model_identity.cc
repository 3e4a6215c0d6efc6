#include <algorithm>
#include <cstring>

#include "scheduler_sim/model/key.h"
#include "scheduler_sim/model/model.h"
#include "scheduler_sim/model/terms.h"
#include "scheduler_sim/model/undecidable.h"

// What selectors see of Pods, and the classes of pending ones.

namespace spillway::sim {
namespace {

// Source: component-helpers nodedeclaredfeatures/features, InferForScheduling of each.
std::vector<std::string> RequiredFeaturesOf(const kube::Pod& pod) {
  std::vector<std::string> features;
  const auto restarts_all = [](const kube::Container& container) {
    const auto& actions = container.restart_rules_actions;
    return std::find(actions.begin(), actions.end(), "RestartAllContainers") != actions.end();
  };
  if (std::any_of(pod.containers.begin(), pod.containers.end(), restarts_all) ||
      std::any_of(pod.init_containers.begin(), pod.init_containers.end(), restarts_all)) {
    features.push_back("RestartAllContainersOnContainerExits");
  }
  if (pod.host_network && !pod.host_users) features.push_back("UserNamespacesHostNetworkSupport");
  return features;
}

std::uint32_t FrameIdOf(std::string_view identity_key) {
  std::uint32_t frame;
  std::memcpy(&frame, identity_key.data(), sizeof frame);
  return frame;
}

}  // namespace

IdentityId Cluster::Model::AcquireIdentity(const kube::Pod& pod) {
  KeyWriter frame_key(inner_key_);
  frame_key.Text(pod.metadata.ns).Size(pod.is_terminating() ? 1 : 0);
  for (const auto& [name, value] : pod.metadata.labels) frame_key.Text(name);
  const auto [frame, frame_is_new] = frames.Acquire(inner_key_);
  if (frame_is_new) {
    frames[frame].ns = pod.metadata.ns;
    frames[frame].terminating = pod.is_terminating();
    for (const auto& [name, value] : pod.metadata.labels) frames[frame].label_names.push_back(name);
  }

  KeyWriter(inner_key_).Size(frame);
  for (const auto& [name, value] : pod.metadata.labels) PackedLabels::Append(value, inner_key_);
  const auto [id, is_new] = identities.Acquire(inner_key_);
  if (!is_new) {
    (void)frames.Release(frame);  // the identity has a reference of its own
    return IdentityId(id);
  }
  for (std::uint32_t counter = 0; counter < counters.end(); ++counter) {
    if (counters.live(counter) && IsCounted(counters[counter], IdentityId(id))) {
      identities[id].counters_to_change().push_back(CounterId(counter));
    }
  }
  return IdentityId(id);
}

void Cluster::Model::Release(IdentityId id) {
  if (!identities.Release(id.value())) return;
  const std::uint32_t frame = FrameIdOf(identities.key(id.value()));
  identities.Erase(id.value());
  if (frames.Release(frame)) frames.Erase(frame);
}

const Frame& Cluster::Model::FrameOf(IdentityId id) const { return frames[FrameIdOf(identities.key(id.value()))]; }

PackedLabels Cluster::Model::LabelsOf(IdentityId id) const {
  return {FrameOf(id).label_names, identities.key(id.value()).substr(sizeof(std::uint32_t))};
}

void Cluster::Model::AddPending(IdentityId id) {
  Identity& identity = identities[id.value()];
  if (identity.pending++ != 0) return;
  if (!identity.repelled_by().empty()) identity.repelled_by_to_change().clear();
  for (std::uint32_t counter = 0; counter < counters.end(); ++counter) {
    if (counters.live(counter) && counters[counter].kind == Counter::Kind::kCarried &&
        Repels(counters[counter].terms.front(), id)) {
      identity.repelled_by_to_change().push_back(CounterId(counter));
    }
  }
}

void Cluster::Model::NoticeCarried(CounterId counter) {
  bool found = false;
  for (std::uint32_t id = 0; id < identities.end(); ++id) {
    Identity& identity = identities[id];
    if (!identities.live(id) || identity.pending == 0 ||
        !Repels(counters[counter.value()].terms.front(), IdentityId(id))) {
      continue;
    }
    std::vector<CounterId>& repelled_by = identity.repelled_by_to_change();
    const auto at = std::lower_bound(repelled_by.begin(), repelled_by.end(), counter);
    if (at == repelled_by.end() || *at != counter) repelled_by.insert(at, counter);
    found = true;
  }
  if (!found) return;
  for (const PodIndex pod : pending) {
    const auto& repelled_by = identities[pods[pod.value()].identity.value()].repelled_by();
    if (std::binary_search(repelled_by.begin(), repelled_by.end(), counter)) Reclassify(pod);
  }
}

ClassIndex Cluster::Model::AcquireClass(const kube::Pod& pod, FootprintId footprint, IdentityId identity) {
  PodClass made{.footprint = footprint,
                .rule = AcquireRule(pod.node_selector, pod.required_node_affinity),
                .tolerations = AcquireTolerations(pod),
                .volumes = this->footprint(footprint).volumes};
  footprints.AddReference(footprint.value());
  AddTopologicalRules(pod, identity, made);
  made.repelled_by = identities[identity.value()].repelled_by();
  for (const CounterId counter : made.repelled_by) counters.AddReference(counter.value());
  made.needs = pod.features;
  if (semantics.declared_features) made.required_features = RequiredFeaturesOf(pod);
  made.undecidable = ChooseProfile(pod, made);
  if (made.undecidable.empty()) made.undecidable = WhyUndecidable(pod);
  if (pod.topology_spread.empty()) AddDefaultSpread(ControllerOf(pod), identity, made);
  return AcquireClass(std::move(made));
}

ClassIndex Cluster::Model::AcquireClass(PodClass made) {
  KeyWriter key(key_);
  key.Size(made.profile)
      .Size(made.footprint.value())
      .Size(made.rule.value())
      .Size(made.tolerations.value())
      .Text(made.undecidable)
      .Text(made.asks);
  for (const auto* list : {&made.affinity, &made.anti_affinity, &made.repelled_by}) {
    key.Size(list->size());
    for (const CounterId counter : *list) key.Size(counter.value());
  }
  key.Size(made.matches_own_affinity ? 1 : 0).Size(made.spread.size());
  for (const SpreadRule& rule : made.spread) {
    key.Size(rule.counter.value()).Int(rule.max_skew).Int(rule.min_domains).Size(rule.counts_itself ? 1 : 0);
  }
  key.Size(made.required_features.size());
  for (const std::string& feature : made.required_features) key.Text(feature);
  for (const kube::PodFeature& need : made.needs) key.Text(need.name).Text(need.field);
  const auto [id, is_new] = classes.Acquire(key_);
  if (is_new) {
    made.number = ++classes_made;
    classes[id] = std::move(made);
  } else {
    DropReferences(made);
  }
  return ClassIndex(id);
}

void Cluster::Model::Release(ClassIndex id) {
  if (!classes.Release(id.value())) return;
  const PodClass gone = std::move(classes[id.value()]);
  classes.Erase(id.value());
  DropReferences(gone);
}

void Cluster::Model::AddReferences(const PodClass& of) {
  footprints.AddReference(of.footprint.value());
  if (of.rule.valid()) rules.AddReference(of.rule.value());
  tolerations.AddReference(of.tolerations.value());
  for (const auto* list : {&of.affinity, &of.anti_affinity, &of.repelled_by}) {
    for (const CounterId counter : *list) counters.AddReference(counter.value());
  }
  for (const SpreadRule& rule : of.spread) counters.AddReference(rule.counter.value());
}

void Cluster::Model::DropReferences(const PodClass& of) {
  Release(of.footprint);
  Release(of.rule);
  Release(of.tolerations);
  for (const auto* list : {&of.affinity, &of.anti_affinity, &of.repelled_by}) {
    for (const CounterId counter : *list) Release(counter);
  }
  for (const SpreadRule& rule : of.spread) Release(rule.counter);
}

void Cluster::Model::Reclassify(PodIndex pod) {
  PodRecord& record = pods[pod.value()];
  PodClass next = classes[record.pod_class.value()];
  next.repelled_by = identities[record.identity.value()].repelled_by();
  if (!next.affinity.empty()) {
    const auto& terms = counters[next.affinity.front().value()].terms;
    next.matches_own_affinity = std::all_of(terms.begin(), terms.end(),
                                            [&](const PodTerm& term) { return MatchesOwnTerm(term, record.identity); });
  }
  AddReferences(next);
  queue_changes.Add(pod);
  const ClassIndex before = record.pod_class;
  record.pod_class = AcquireClass(std::move(next));
  Release(before);
}

}  // namespace spillway::sim
