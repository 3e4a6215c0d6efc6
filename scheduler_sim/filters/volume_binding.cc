#include "scheduler_sim/filters/volume_binding.h"

#include "scheduler_sim/filters/claim_binder.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kElsewhere = "node(s) didn't match PersistentVolume's node affinity";
constexpr std::string_view kElsewhereOld = "node(s) had volume node affinity conflict";
constexpr std::string_view kNothingToBind = "node(s) didn't find available persistent volumes to bind";
constexpr std::string_view kNoSpace = "node(s) did not have enough free storage";
constexpr std::string_view kMissing = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

bool HasClaims(const Question& question) {
  const VolumeUse* use = question.model.volumes_of(question.pod);
  return use != nullptr && !use->claims.empty();
}

}  // namespace

PreFilterResult VolumeBinding::PreFilter(const Question& question) const {
  if (!HasClaims(question)) return {};
  const ClaimBinder binder(question);
  return {.rejection = binder.rejection(), .nodes = {}, .error = binder.error()};
}

void VolumeBinding::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  if (!HasClaims(question)) return;
  const ClaimBinder::Outcome outcome = ClaimBinder(question).Judge(alive);
  tally.Add(question.model.semantics.old_volume_affinity_reason ? kElsewhereOld : kElsewhere,
            outcome.volume_elsewhere.Count());
  tally.Add(kNothingToBind, outcome.nothing_to_bind.Count());
  tally.Add(kNoSpace, outcome.no_space.Count());
  tally.Add(kMissing, outcome.volume_missing.Count());
  if (!outcome.fails.empty()) tally.NoteError("it cannot translate an in-tree volume, or use a VolumeAttributesClass");
  for (const NodeSet* out : {&outcome.volume_elsewhere, &outcome.nothing_to_bind, &outcome.no_space,
                             &outcome.volume_missing, &outcome.fails}) {
    alive.Subtract(*out);
  }
}

bool VolumeBinding::Admits(const Question& question, NodeIndex node) const {
  NodeSet only;
  only.Add(node);
  Tally ignored;
  Narrow(question, only, ignored);
  return only.Has(node);
}

std::vector<std::string> VolumeBinding::Explain(const Question& question, NodeIndex node) const {
  NodeSet only;
  only.Add(node);
  Tally tally;
  Narrow(question, only, tally);
  std::vector<std::string> reasons;
  for (const ReasonCount& count : tally.counts()) reasons.push_back(count.reason);
  if (reasons.empty()) reasons.push_back(tally.error());
  return reasons;
}

}  // namespace spillway::sim
