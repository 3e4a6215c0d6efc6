#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "controller/plan.h"
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
  std::string node;
  // kBound, kUnknown: when to stop waiting for the watch and decide again. Repeating is safe: the preconditions refuse
  // what has happened already.
  Instant give_up{};
  // kNone: not before then, after a failure...
  std::optional<Instant> retry_at;
  // ...or, after a conflict, not before the watch has shown a newer version than this one.
  std::string refused_version;
  int failures = 0;  // in a row
};

// An unbound Pod, as the watch last showed it, and what has been made of it so far. Bound Pods are not kept.
struct PendingPod {
  kube::Pod object;
  Instant first_seen{};
  Instant changed{};          // what the simulation reads of it last changed
  Duration age_when_seen{0};  // by its creation timestamp, for Pods that were there before us
  BindState bind;

  // Of the last round that judged it; `since` is when this outcome of the simulation was first reached.
  std::optional<sim::Verdict::Kind> verdict;
  Instant since{};
  std::optional<Decision> decision;

  std::string reported;  // reason of the last event: each state is told once

  Duration PendingFor(Instant now) const { return age_when_seen + (now - first_seen); }
};

// By UID.
using PendingPods = std::map<std::string, PendingPod, std::less<>>;

}  // namespace spillway::controller
