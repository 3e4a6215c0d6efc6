#pragma once

#include <string>
#include <vector>

#include "scheduler_sim/semantics.h"
#include "scheduler_sim/testing/naive.h"

// What the parts of the naive model (naive.h) share.
namespace spillway::sim::testing {

using Reasons = std::vector<std::string>;
using PodList = std::vector<const kube::Pod*>;

struct NodeInfo {
  const kube::Node* node;
  PodList pods;
};

// One scheduling cycle: the incoming Pod against a snapshot.
struct Cycle {
  const Objects& objects;
  const kube::Pod& pod;
  Semantics semantics;
  const SchedulerProfile& profile;
  std::vector<NodeInfo> infos;
  bool has_devices = false;  // every node has a free device of each DeviceClass
};

bool ToleratesNode(const kube::Pod& pod, const kube::Node& node);
bool MatchesAffinity(const kube::Pod& pod, const kube::Node& node);

}  // namespace spillway::sim::testing
