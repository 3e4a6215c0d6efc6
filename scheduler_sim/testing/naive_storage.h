#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scheduler_sim/semantics.h"
#include "scheduler_sim/testing/naive.h"

namespace spillway::sim::testing {

// The volume filters, written a second time: see naive.h. An error is what makes kube-scheduler fail altogether.
struct NaiveResult {
  std::vector<std::string> reasons;  // empty: passes
  std::string error;
};

using NaivePods = std::vector<const kube::Pod*>;

struct NaiveStorage {
  const Objects& objects;
  const kube::Pod& pod;
  Semantics semantics;
  NaivePods placed;  // on any node

  // All plugins, in order: what they reject the Pod for, or fail with.
  NaiveResult PreFilter() const;
  // `pods`: on the node, nominated ones (`added`) included.
  NaiveResult VolumeRestrictions(const NaivePods& pods, const NaivePods& added) const;
  NaiveResult NodeVolumeLimits(const kube::Node& node, const NaivePods& pods) const;
  NaiveResult VolumeBinding(const kube::Node& node) const;
  NaiveResult VolumeZone(const kube::Node& node) const;
};

// What kube-scheduler would have the API say soon after it has placed `pod` on `node`.
void BindVolumesNaively(Objects& objects, const kube::Pod& pod, const kube::Node& node, Semantics semantics);

}  // namespace spillway::sim::testing
