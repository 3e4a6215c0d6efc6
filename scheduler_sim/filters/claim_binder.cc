#include "scheduler_sim/filters/claim_binder.h"

#include <algorithm>

#include "kube/api/selector.h"

namespace spillway::sim {
namespace {

// Choices that are tried after the first one: on one node, and on all nodes of one question.
constexpr std::size_t kTriesOnNode = 1'000, kTries = 20'000;

constexpr std::string_view kNotSupported = "kubernetes.io/no-provisioner";

// `among` without `kept`.
NodeSet Without(NodeSet among, const NodeSet& kept) {
  among.Subtract(kept);
  return among;
}

}  // namespace

ClaimBinder::ClaimBinder(const Question& question)
    : question_(question), storage_(question.model.storage), usage_(question.usage.volumes()) {
  const VolumeUse* use = question.model.volumes_of(question.pod);
  if (use == nullptr || use->claims.empty()) return;
  Reject(*use);
  if (rejection_.empty()) Classify(*use);
}

// Source: volume_binding.go podHasPVCs.
void ClaimBinder::Reject(const VolumeUse& use) {
  for (const VolumeUse::Claim& wanted : use.claims) {
    const ClaimRecord& claim = storage_.claim(wanted.claim);
    const std::string name(storage_.NameOf(wanted.claim));
    const std::string quoted = "persistentvolumeclaim \"" + name + "\"";
    if (!claim.exists && wanted.ephemeral) {
      rejection_ = "waiting for ephemeral volume controller to create the " + quoted;
    } else if (!claim.exists) {
      rejection_ = quoted + " not found";
    } else if (claim.lost) {
      const std::string_view volume = claim.volume.valid() ? storage_.volumes.key(claim.volume.value()) : "";
      rejection_ = quoted + " bound to non-existent persistentvolume \"" + std::string(volume) + "\"";
    } else if (claim.terminating) {
      rejection_ = quoted + " is being deleted";
    } else if (storage_.IsBroken(wanted)) {
      const std::string_view key = storage_.claims.key(wanted.claim.value());
      rejection_ = "PVC " + std::string(key) + " was not created for pod " + std::string(key.substr(0, key.find('/'))) +
                   "/" + use.pod_name + " (pod is not owner)";
    }
    if (!rejection_.empty()) return;
  }
}

// Source: binder.go GetPodVolumeClaims.
void ClaimBinder::Classify(const VolumeUse& use) {
  bool immediate = false;
  for (const VolumeUse::Claim& wanted : use.claims) {
    const ClaimRecord& claim = storage_.claim(wanted.claim);
    if (claim.bound()) {
      bound_.push_back(wanted.claim);
      continue;
    }
    bool waits = false;
    if (claim.storage_class.valid() && storage_.storage_class(claim.storage_class).exists) {
      const auto binding = storage_.storage_class(claim.storage_class).binding;
      if (binding == kube::StorageClass::Binding::kUnset) {
        error_ = "VolumeBindingMode not set for StorageClass \"" +
                 std::string(storage_.classes.key(claim.storage_class.value())) + "\"";
        return;
      }
      waits = binding == kube::StorageClass::Binding::kWaitForFirstConsumer;
    }
    if (!waits || claim.volume.valid()) {
      immediate = true;
      continue;
    }
    Unbound& unbound = unbound_.emplace_back();
    unbound.claim = wanted.claim;
    unbound.to_match = !claim.selected_node && !usage_.assumed_nodes.contains(wanted.claim.value());
  }
  if (immediate) {
    rejection_ = "pod has unbound immediate PersistentVolumeClaims";
    return;
  }
  const auto before = [&](const Unbound& a, const Unbound& b) {
    if (a.to_match != b.to_match) return b.to_match;
    return a.to_match && storage_.claim(a.claim).request < storage_.claim(b.claim).request;
  };
  std::stable_sort(unbound_.begin(), unbound_.end(), before);
  for (Unbound& unbound : unbound_) {
    if (unbound.to_match) FindVolumes(unbound);
    FindProvisioning(unbound);
  }
}

// ---- which volumes a claim could be bound to, wherever

bool ClaimBinder::Fits(const ClaimRecord& claim, const VolumeRecord& volume) const {
  if (volume.storage_class != claim.storage_class || volume.terminating || volume.capacity < claim.request)
    return false;
  if (volume.block != claim.block) return false;
  switch (question_.model.semantics.attributes_classes) {
    case Semantics::AttributesClasses::kIgnored:
      return true;
    case Semantics::AttributesClasses::kRefused:
      return volume.attributes_class.empty();
    case Semantics::AttributesClasses::kCompared:
      break;
  }
  return volume.attributes_class == claim.attributes_class;
}

bool ClaimBinder::FitsUnreserved(const ClaimRecord& claim, const VolumeRecord& volume) const {
  if (!Fits(claim, volume) || (claim.modes & ~volume.modes) != 0) return false;
  return !claim.selector || kube::Matches(*claim.selector, volume.labels);
}

bool ClaimBinder::IsAssumedElsewhere(ClaimId claim, PersistentVolumeId volume) const {
  const auto assumed = usage_.assumed_volumes.find(volume.value());
  return assumed != usage_.assumed_volumes.end() && assumed->second != claim;
}

void ClaimBinder::FindVolumes(Unbound& unbound) {
  const ClaimRecord& claim = storage_.claim(unbound.claim);
  for (const PersistentVolumeId id : claim.reserved) {
    const VolumeRecord& volume = storage_.volume(id);
    const bool ours = volume.claim_uid.empty() || volume.claim_uid == claim.uid;
    if (ours && Fits(claim, volume)) unbound.reserved.push_back(id);
  }
  for (const PersistentVolumeId id : storage_.storage_class(claim.storage_class).available) {
    const VolumeRecord& volume = storage_.volume(id);
    if (volume.capacity < claim.request || IsAssumedElsewhere(unbound.claim, id)) continue;
    const bool assumed = !usage_.assumed_volumes.empty() && usage_.assumed_volumes.contains(id.value());
    if (assumed && Fits(claim, volume)) unbound.reserved.push_back(id);
    if (!assumed && FitsUnreserved(claim, volume)) unbound.fitting.push_back(id);
  }
}

// Source: binder.go checkVolumeProvisions, hasEnoughCapacity.
void ClaimBinder::FindProvisioning(Unbound& unbound) {
  const ClaimRecord& claim = storage_.claim(unbound.claim);
  const StorageClassRecord& storage_class = storage_.storage_class(claim.storage_class);
  unbound.can_be_made = !storage_class.provisioner.empty() && storage_class.provisioner != kNotSupported;
  unbound.where = storage_.NodesOf(storage_class.topologies);
  const std::uint32_t driver = storage_.drivers.Find(storage_class.provisioner);
  unbound.space_counts = claim.has_request && driver != IdTable::kNone && storage_.drivers[driver].checks_capacity;
  if (!unbound.space_counts) return;
  for (const std::uint32_t id : storage_class.capacities) {
    const StorageCapacityRecord& capacity = storage_.capacities[id];
    if (!capacity.limit || *capacity.limit < claim.request.Value()) continue;
    if (const NodeSet* nodes = storage_.NodesOf(capacity.topology)) unbound.with_space.UniteWith(*nodes);
  }
}

const NodeSet* ClaimBinder::NodesOf(PersistentVolumeId volume) const {
  return storage_.NodesOf(storage_.volume(volume).affinity);
}

bool ClaimBinder::Reaches(PersistentVolumeId volume, NodeIndex node) const {
  const NodeSet* nodes = NodesOf(volume);
  return nodes == nullptr || nodes->Has(node);
}

// ---- nodes, all at once

ClaimBinder::Outcome ClaimBinder::Judge(const NodeSet& among) {
  Outcome outcome;
  left_to_try_ = kTries;
  JudgeBound(among, outcome);
  if (!unbound_.empty()) JudgeUnbound(Without(among, outcome.fails), outcome);
  return outcome;
}

// Source: binder.go checkBoundClaims.
void ClaimBinder::JudgeBound(const NodeSet& among, Outcome& outcome) const {
  NodeSet left = among;
  for (const ClaimId id : bound_) {
    const VolumeRecord& volume = storage_.volume(storage_.claim(id).volume);
    if (!volume.exists) {
      outcome.volume_missing = left;
      return;
    }
    NodeSet taken_over;
    if (volume.plugin != kube::InTreeSource::Plugin::kNone) {
      left.ForEach([&](NodeIndex node) {
        const CsiNodeRecord* csi_node = storage_.csi_node(node);
        if (csi_node != nullptr && csi_node->Lists(volume.plugin)) taken_over.Add(node);
      });
      left.Subtract(taken_over);
      if (!volume.untranslatable.empty()) {
        outcome.fails.UniteWith(taken_over);
        taken_over = NodeSet();
      }
    }
    const auto keep = [&](NodeSet& nodes, LabelRuleId rule) {
      const NodeSet* reached = storage_.NodesOf(rule);
      if (reached == nullptr) return;
      outcome.volume_elsewhere.UniteWith(Without(nodes, *reached));
      nodes.IntersectWith(*reached);
    };
    keep(left, volume.affinity);
    keep(taken_over, volume.csi_affinity);
    left.UniteWith(taken_over);
  }
}

void ClaimBinder::KeepSelectedNodes(NodeSet& among, Outcome& outcome) const {
  for (const Unbound& unbound : unbound_) {
    if (unbound.to_match) continue;
    NodeSet selected;
    const auto assumed = usage_.assumed_nodes.find(unbound.claim.value());
    if (assumed != usage_.assumed_nodes.end()) {
      selected.Add(assumed->second);
    } else if (const auto node = question_.model.names.Find(*storage_.claim(unbound.claim).selected_node)) {
      selected.Add(*node);
    }
    outcome.nothing_to_bind.UniteWith(Without(among, selected));
    among.IntersectWith(selected);
  }
}

// Source: binder.go FindPodVolumes.
void ClaimBinder::JudgeUnbound(NodeSet among, Outcome& outcome) {
  KeepSelectedNodes(among, outcome);
  std::size_t matchable = 0, to_match = 0;
  for (const Unbound& unbound : unbound_) {
    matchable += unbound.may_match() ? 1 : 0;
    to_match += unbound.to_match ? 1 : 0;
    if (unbound.to_match && question_.model.semantics.attributes_classes == Semantics::AttributesClasses::kRefused &&
        !storage_.claim(unbound.claim).attributes_class.empty()) {
      outcome.fails.UniteWith(among);
      return;
    }
  }
  if (matchable == 0) {
    JudgeProvisioning(std::move(among), outcome);
    return;
  }
  if (to_match == 1) {  // the last; the others are being provisioned
    const NodeSet matched = MatchedFor(unbound_.back(), among);
    JudgeProvisioning(Without(among, matched), outcome);
    if (unbound_.size() == 1) return;
    Unbound last = std::move(unbound_.back());
    unbound_.pop_back();
    among.IntersectWith(matched);
    JudgeProvisioning(std::move(among), outcome);
    unbound_.push_back(std::move(last));
    return;
  }
  NodeSet searched;
  for (const Unbound& unbound : unbound_) {
    if (unbound.may_match()) searched.UniteWith(MatchedFor(unbound, among));
  }
  JudgeProvisioning(Without(among, searched), outcome);
  searched.ForEach([&](NodeIndex node) {
    const Result result = Search(node);
    if (result == Result::kNothingToBind) outcome.nothing_to_bind.Add(node);
    if (result == Result::kNoSpace) outcome.no_space.Add(node);
  });
}

// Nodes where the claim, alone, finds a volume.
NodeSet ClaimBinder::MatchedFor(const Unbound& unbound, const NodeSet& among) const {
  NodeSet matched;
  LabelRuleId last;
  for (const PersistentVolumeId id : unbound.reserved.empty() ? unbound.fitting : unbound.reserved) {
    const NodeSet* nodes = NodesOf(id);
    if (nodes == nullptr) return among;
    const LabelRuleId rule = storage_.volume(id).affinity;
    if (rule != last) matched.UniteWith(*nodes);
    last = rule;
  }
  matched.IntersectWith(among);
  return matched;
}

// Source: binder.go checkVolumeProvisions, for nodes where none of the claims found a volume.
void ClaimBinder::JudgeProvisioning(NodeSet among, Outcome& outcome) const {
  for (const Unbound& unbound : unbound_) {
    if (!unbound.can_be_made) {
      outcome.nothing_to_bind.UniteWith(among);
      return;
    }
    if (unbound.where != nullptr) {
      outcome.nothing_to_bind.UniteWith(Without(among, *unbound.where));
      among.IntersectWith(*unbound.where);
    }
    if (!unbound.space_counts) continue;
    outcome.no_space.UniteWith(Without(among, unbound.with_space));
    among.IntersectWith(unbound.with_space);
  }
}

// ---- one node

bool ClaimBinder::IsTaken(std::size_t until, PersistentVolumeId volume) const {
  const auto end = matches_.begin() + static_cast<std::ptrdiff_t>(until);
  return std::find(matches_.begin(), end, volume) != end;
}

// Which of the later claims could do with the volume.
std::vector<bool> ClaimBinder::UsesLater(std::size_t after, PersistentVolumeId volume) const {
  std::vector<bool> uses;
  for (std::size_t i = after + 1; i < unbound_.size(); ++i) {
    const auto has = [&](const auto& list) { return std::find(list.begin(), list.end(), volume) != list.end(); };
    uses.push_back(has(unbound_[i].reserved));
    uses.push_back(has(unbound_[i].fitting));
  }
  return uses;
}

// Volumes that kube-scheduler may take for the claim, one of each kind that makes a difference later; an invalid one
// stands for none.
//
// Source: component-helpers FindMatchingVolume: a volume that is reserved for the claim is taken if the node reaches
// it, and keeps it from all others if not; else the smallest.
std::vector<PersistentVolumeId> ClaimBinder::ChoicesFor(std::size_t at, NodeIndex node) const {
  const Unbound& unbound = unbound_[at];
  std::vector<PersistentVolumeId> choices;
  for (const PersistentVolumeId id : unbound.reserved) {
    if (!IsTaken(at, id)) choices.push_back(Reaches(id, node) ? id : PersistentVolumeId());
  }
  if (choices.empty()) {
    for (const PersistentVolumeId id : unbound.fitting) {
      if (!choices.empty() && storage_.volume(id).capacity != storage_.volume(choices.front()).capacity) break;
      if (!IsTaken(at, id) && Reaches(id, node)) choices.push_back(id);
    }
  }
  if (choices.empty()) return {PersistentVolumeId()};
  if (choices.size() == 1) return choices;
  std::vector<PersistentVolumeId> different;
  std::vector<std::vector<bool>> seen;
  for (const PersistentVolumeId id : choices) {
    std::vector<bool> uses = UsesLater(at, id);
    uses.push_back(id.valid());
    if (std::find(seen.begin(), seen.end(), uses) != seen.end()) continue;
    seen.push_back(std::move(uses));
    different.push_back(id);
  }
  return different;
}

ClaimBinder::Result ClaimBinder::Search(NodeIndex node) {
  matches_.assign(unbound_.size(), {});
  const std::size_t tries = std::min(kTriesOnNode, left_to_try_);
  left_on_node_ = tries;
  const Result result = SearchFrom(0, node);
  left_to_try_ -= tries - left_on_node_;
  return result;
}

ClaimBinder::Result ClaimBinder::SearchFrom(std::size_t next, NodeIndex node) {
  if (next == unbound_.size()) return Provision(node);
  if (!unbound_[next].to_match) return SearchFrom(next + 1, node);
  std::optional<Result> worst;
  for (const PersistentVolumeId choice : ChoicesFor(next, node)) {
    if (worst && left_on_node_-- == 0) {
      left_on_node_ = 0;
      return Result::kUnsettled;
    }
    matches_[next] = choice;
    const Result result = SearchFrom(next + 1, node);
    if (result == Result::kMet || result == Result::kUnsettled) return result;
    if (!worst || result == Result::kNothingToBind) worst = result;
  }
  return *worst;
}

ClaimBinder::Result ClaimBinder::Provision(NodeIndex node) const {
  for (std::size_t i = 0; i < unbound_.size(); ++i) {
    const Unbound& unbound = unbound_[i];
    if (matches_[i].valid()) continue;
    if (!unbound.can_be_made || (unbound.where != nullptr && !unbound.where->Has(node))) return Result::kNothingToBind;
    if (unbound.space_counts && !unbound.with_space.Has(node)) return Result::kNoSpace;
  }
  return Result::kMet;
}

// Source: binder.go AssumePodVolumes.
void ClaimBinder::Assume(NodeIndex node, VolumeUsage& usage) {
  left_to_try_ = kTries;
  if (Search(node) != Result::kMet) return;
  for (std::size_t i = 0; i < unbound_.size(); ++i) {
    if (matches_[i].valid()) {
      usage.assumed_volumes[matches_[i].value()] = unbound_[i].claim;
    } else {
      usage.assumed_nodes[unbound_[i].claim.value()] = node;
    }
  }
}

}  // namespace spillway::sim
