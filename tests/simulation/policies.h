#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "tests/simulation/history.h"
#include "tests/simulation/observed_transport.h"

namespace spillway::simulation {

// What the configuration of the controllers allowed, from when to when: written by the loads of a scenario, held
// against every bind in the end.
class Policies {
 public:
  struct Rules {
    bool enforces = true;              // mode Enforce
    std::optional<std::int64_t> most;  // Pods that may have overflowed at a time
  };
  // From now on.
  void Change(Instant when, Rules rules) { timeline_.push_back({when, rules}); }

  //   no-bind-when-off   no bind of Spillway's while the mode was not Enforce
  //   caps-hold          none that made more Pods overflow than may
  //
  // A change takes hold within a second, as far as the controller sees the present; by how much it sees the past a bind
  // says itself: Pods that came later than that are not held against it.
  std::vector<Wrong> Judge(const std::vector<BindRecord>& binds) const;

 private:
  struct Entry {
    Instant from;
    Rules rules;
  };
  // What was in effect at some moment of that span: enforcing, and with the highest cap.
  Rules MostLenient(Instant from, Instant until) const;

  std::vector<Entry> timeline_;
};

}  // namespace spillway::simulation
