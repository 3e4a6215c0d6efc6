#include "scheduler_sim/filters/node_volume_limits.h"

#include <algorithm>

#include "scheduler_sim/model/storage_edit.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kTooManyVolumes = "node(s) exceed max volume count";

struct Wanted {
  CsiDriverId driver;
  Attachment attachment;
};

// The Pod's volumes, each once, grouped by driver.
std::vector<Wanted> WantedBy(const Question& question, const VolumeUse& use) {
  const Storage& storage = question.model.storage;
  std::vector<Wanted> wanted;
  const auto add = [&](const Attachment& attachment) {
    if (attachment.volume.valid()) wanted.push_back({storage.attachables[attachment.volume.value()], attachment});
  };
  for (const VolumeUse::Claim& claim : use.claims) add(storage.claim(claim.claim).attachment);
  for (const VolumeUse::Inline& volume : use.inlines) add(volume.attachment);
  // Of a volume wanted both ways the one that always counts comes first.
  const auto key = [](const Wanted& w) { return std::tuple(w.driver, w.attachment.volume, w.attachment.in_tree); };
  std::sort(wanted.begin(), wanted.end(), [&](const Wanted& a, const Wanted& b) { return key(a) < key(b); });
  const auto same = [](const Wanted& a, const Wanted& b) { return a.attachment.volume == b.attachment.volume; };
  wanted.erase(std::unique(wanted.begin(), wanted.end(), same), wanted.end());
  return wanted;
}

// Why looking at the Pod's own volumes stops at once; empty when it does not. VolumeBinding, where it is enabled, finds
// the same before.
struct Stop {
  std::string rejection, error;
};
Stop StopOf(const Question& question, const VolumeUse& use) {
  const Storage& storage = question.model.storage;
  for (const VolumeUse::Claim& claim : use.claims) {
    const std::string name(storage.NameOf(claim.claim));
    if (name.empty()) return {{}, "PersistentVolumeClaim had no name"};
    if (!storage.claim(claim.claim).exists) {
      return {"looking up PVC " + std::string(storage.claims.key(claim.claim.value())) + ": persistentvolumeclaim \"" +
                  name + "\" not found",
              {}};
    }
    if (storage.IsBroken(claim)) return {{}, "the claim " + name + " of an ephemeral volume is not the Pod's"};
  }
  return {};
}

enum class Finding : std::uint8_t { kRoom, kFull, kError };

// An in-tree volume of the Pod itself that cannot be translated is found wherever there is a CSINode.
bool StumblesOn(const Question& question, const VolumeUse& use, NodeIndex node) {
  return question.model.storage.csi_node(node) != nullptr &&
         std::any_of(use.inlines.begin(), use.inlines.end(),
                     [](const VolumeUse::Inline& volume) { return !volume.untranslatable.empty(); });
}

Finding Look(const Question& question, const std::vector<Wanted>& wanted, NodeIndex node) {
  const Storage& storage = question.model.storage;
  if (!storage.limited.Has(node)) return Finding::kRoom;
  const VolumeUsage& usage = question.usage.volumes();
  const NodeVolumes* there = usage.On(node);
  bool any = false, full = false;
  for (std::size_t first = 0, last = 0; first < wanted.size(); first = last) {
    const CsiDriverId driver = wanted[first].driver;
    const bool in_tree_counts = InTreeCounts(question.model, driver, node);
    std::int64_t more = 0;
    for (last = first; last < wanted.size() && wanted[last].driver == driver; ++last) {
      if (wanted[last].attachment.in_tree && !in_tree_counts) continue;
      any = true;
      const NodeVolumes::Entry* entry = there == nullptr ? nullptr : there->Find(wanted[last].attachment.volume);
      if (entry == nullptr || !entry->on_pods(in_tree_counts)) ++more;
    }
    const std::int32_t limit = storage.drivers[driver.value()].LimitOn(node);
    if (more != 0 && limit != CsiDriverRecord::kNoLimit && usage.Count(driver, node) + more > limit) full = true;
  }
  if (any && there != nullptr && there->broken != 0) return Finding::kError;
  return full ? Finding::kFull : Finding::kRoom;
}

}  // namespace

void NodeVolumeLimits::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  const VolumeUse* use = question.model.volumes_of(question.pod);
  if (use == nullptr || (use->claims.empty() && use->inlines.empty()) || alive.empty()) return;
  if (const Stop stop = StopOf(question, *use); !stop.rejection.empty() || !stop.error.empty()) {
    if (stop.error.empty()) {
      tally.Add(stop.rejection, alive.Count());
    } else {
      tally.NoteError(stop.error);
    }
    alive = NodeSet();
    return;
  }
  const std::vector<Wanted> wanted = WantedBy(question, *use);
  std::int64_t rejected = 0;
  alive.ForEach([&](NodeIndex node) {
    Finding finding = Look(question, wanted, node);
    if (StumblesOn(question, *use, node)) finding = Finding::kError;
    if (finding == Finding::kRoom) return;
    alive.Remove(node);
    if (finding == Finding::kFull) ++rejected;
    if (finding == Finding::kError) {
      tally.NoteError("it cannot count the volumes on node " + question.model.node(node).name);
    }
  });
  tally.Add(kTooManyVolumes, rejected);
}

bool NodeVolumeLimits::Admits(const Question& question, NodeIndex node) const {
  NodeSet only;
  only.Add(node);
  Tally ignored;
  Narrow(question, only, ignored);
  return only.Has(node);
}

std::vector<std::string> NodeVolumeLimits::Explain(const Question& question, NodeIndex node) const {
  NodeSet only;
  only.Add(node);
  Tally tally;
  Narrow(question, only, tally);
  return {tally.counts().empty() ? tally.error() : tally.counts().front().reason};
}

}  // namespace spillway::sim
