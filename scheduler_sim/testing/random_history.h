#pragma once

#include <iosfwd>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/testing/naive.h"
#include "scheduler_sim/testing/random_cluster.h"

// Random clusters and changes to them, for properties; a counterexample shrinks to a few plain objects.
namespace spillway::sim::testing {

struct RandomCluster {
  std::vector<Genes> nodes, pods, namespaces, selecting, storage, volumes;
  Genes scheduler;  // empty: the default

  Objects Make() const;
};
void showValue(const RandomCluster& cluster, std::ostream& out);

ClusterOptions Options(const SchedulerConfig& scheduler = {});
// What only some configurations look at: what selects Pods, DeviceClasses.
void LoadRest(const Objects& objects, Cluster& cluster);
Cluster Load(const Objects& objects);
// One object comes, goes or changes, in both.
void ApplyChange(const Genes& genes, Objects& objects, Cluster& cluster);

}  // namespace spillway::sim::testing
