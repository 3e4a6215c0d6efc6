#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kube/api/objects.h"
#include "scheduler_sim/model/counter.h"
#include "scheduler_sim/selecting_kind.h"

namespace spillway::sim {

// The controller of a Pod; empty when it has none.
struct ControllerName {
  std::string api_version, kind, name;
};
ControllerName ControllerOf(const kube::Pod& pod);

// Whom Services, ReplicationControllers, ReplicaSets and StatefulSets select: by that, Pods without topology spread
// constraints of their own are spread where the profile has default ones.
//
// Source: kube-scheduler plugins/helper/spread.go DefaultSelector.
class DefaultSelectors {
 public:
  // What it was about before, if anything; nullopt when nothing changed.
  struct Change {
    std::string ns, name;
    std::optional<kube::LabelSelector> before, after;
  };
  std::optional<Change> Put(SelectingKind kind, const kube::ObjectMeta& metadata,
                            const std::optional<kube::LabelSelector>& selector);
  std::optional<Change> Remove(SelectingKind kind, std::string_view uid);

  // All objects of the kind are known, or will be before anybody asks. False when it was so already.
  bool MarkListed(SelectingKind kind);
  // A kind that is needed for a Pod of this controller, and not listed.
  std::optional<SelectingKind> Missing(const ControllerName& controller) const;

  // Everything that selects the Pod, ANDed; empty when nothing does.
  kube::LabelSelector For(const std::string& ns, const PackedLabels& labels, const ControllerName& controller) const;
  // Whether a change can matter to such a Pod.
  static bool Concerns(SelectingKind kind, const Change& change, const PackedLabels& labels,
                       const ControllerName& controller);

 private:
  struct Entry {
    std::string uid;
    std::optional<kube::LabelSelector> selector;
  };
  struct OfKind {
    bool listed = false;
    std::unordered_map<std::string, std::map<std::string, Entry>> by_namespace;         // then by name
    std::unordered_map<std::string, std::pair<std::string, std::string>> names_by_uid;  // namespace, name
  };
  OfKind& of(SelectingKind kind) { return kinds_[static_cast<std::size_t>(kind)]; }
  const OfKind& of(SelectingKind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }
  const Entry* Find(SelectingKind kind, const std::string& ns, const std::string& name) const;

  std::array<OfKind, kSelectingKinds.size()> kinds_;
};

}  // namespace spillway::sim
