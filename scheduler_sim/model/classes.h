#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler_sim/model/counter.h"
#include "scheduler_sim/model/default_selectors.h"
#include "scheduler_sim/model/pods.h"
#include "scheduler_sim/model/usage.h"

namespace spillway::sim {

// A DoNotSchedule constraint of a class.
struct SpreadRule {
  CounterId counter;
  std::int32_t max_skew = 1, min_domains = 1;
  bool counts_itself = false;  // the Pod matches the selector
};

// What filters read of a pending Pod.
struct PodClass {
  std::uint64_t number = 0;  // no other class ever had it, though an index is reused
  FootprintId footprint;
  std::uint32_t profile = 0;  // index into Model::profiles
  RuleId rule;                // invalid: any node
  TolerationsId tolerations;
  VolumeUseId volumes;                             // its footprint's
  std::vector<CounterId> affinity, anti_affinity;  // kMatched, a term each
  std::vector<CounterId> repelled_by;              // kCarried: terms of other Pods that match this one
  bool matches_own_affinity = false;
  std::vector<SpreadRule> spread;
  std::vector<std::string> required_features;  // of nodes: status.declaredFeatures
  std::vector<kube::PodFeature> needs;         // of whoever runs it: virtual nodes may be unable to
  std::string undecidable;                     // why no verdict is possible; empty when it is
  std::string asks;  // the extender with the last word on nodes that pass all filters; empty: none

  // Verdicts depend on where other Pods are, not only on what is free.
  bool topological() const {
    return !affinity.empty() || !anti_affinity.empty() || !repelled_by.empty() || !spread.empty();
  }
};

// What a pending Pod's default spread constraints are made from, besides its identity.
struct SpreadByDefault {
  ControllerName controller;
  std::string undecidable;  // for other reasons
};

}  // namespace spillway::sim
