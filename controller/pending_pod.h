#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "controller/decision.h"
#include "kube/api/objects.h"

namespace spillway::controller {

// How a Pod's bind stands. Until the watch shows the outcome, or it is known to have failed, the Pod counts as placed:
// nothing is bound twice and no virtual node is filled twice.
struct BindState {
  enum class Phase : std::uint8_t {
    kNone,      // counts as pending
    kInFlight,  // the request is out
    kBound,     // it succeeded; the watch has not shown it yet
    kUnknown,   // no answer came: it may have succeeded
  };
  Phase phase = Phase::kNone;
  // kBound, kUnknown: when to stop waiting for the watch and decide again. Repeating is safe: the preconditions refuse
  // what has happened already.
  Instant give_up{};
  // kNone: not before then, after a failure; after a conflict only while the watch still shows `refused_version`.
  std::optional<Instant> retry_at;
  std::string refused_version;
  int failures = 0;                  // in a row
  std::string last_failure;          // of these: "on virtual node v: ..."
  std::set<std::string> refused_on;  // virtual nodes on which the API server refused it, to try others first

  // A bind of it may have been carried out.
  bool was_tried() const { return phase != Phase::kNone || failures > 0; }
  bool waits_for_the_watch() const { return phase == Phase::kBound || phase == Phase::kUnknown; }
};

// An unbound Pod. Bound Pods are not kept.
struct PendingPod {
  // Facts. ClusterState alone writes them, as the watch shows the Pod.
  kube::Pod object;
  Instant first_seen{};
  Instant changed{};          // what the simulation reads of it last changed
  Duration age_when_seen{0};  // by its creation timestamp, for Pods that were there before us
  std::uint64_t arrival = 0;  // counts the Pods seen
  sim::PodIndex index;        // in the model
  std::string assumed_node;   // the virtual node that it counts as placed on, see ClusterState::Assume()

  // What has been made of it. Overflow alone writes this; while the Pod is gated, GateKeeper writes `bind`.
  BindState bind;
  std::optional<Decision> decision;  // of the last round that looked at it
  std::set<std::string> avoided;     // virtual nodes on which its owner's Pods have failed, as of then
  std::uint64_t decided_in = 0;      // that round; 0: none that goes on
  std::optional<Instant> due;        // when to look at it again, if nothing changes

  bool counts_as_placed() const { return !assumed_node.empty(); }
  Duration PendingFor(Instant now) const { return age_when_seen + (now - first_seen); }
};

// By UID.
using PendingPods = std::map<std::string, PendingPod, std::less<>>;

}  // namespace spillway::controller
