#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::sim {

inline constexpr std::string_view kUncordon = "uncordon it";  // a remedy that two filters name

// What a node lacks of one resource. Milli-CPU, bytes, or counts.
struct Shortage {
  std::string resource;
  std::int64_t requested = 0;    // by the Pod
  std::int64_t allocatable = 0;  // of the node
  std::int64_t free = 0;         // negative when overcommitted
  std::int64_t pods = 0;         // that use the rest
};

// One thing that a filter has against a node, with the facts that decided it, for `spillway explain`.
struct Objection {
  std::string filter;   // the plugin's name; filled in by ExplainPod
  std::string reason;   // kube-scheduler's text
  std::string subject;  // what it is about, the same on every node where it is: "taint gpu=true:NoSchedule", "cpu"
  std::string detail;   // the facts of this node; may be empty
  // The smallest change that would settle it, as an imperative: "tolerate gpu=true:NoSchedule", "free 500m cpu". Empty
  // when none is known: then nobody is told that this node could be made to fit.
  std::string remedy;
  std::int64_t distance = 0;  // how far off, per mille of what is asked for: the closest node is the one to change
  std::optional<Shortage> shortage;
};

}  // namespace spillway::sim
