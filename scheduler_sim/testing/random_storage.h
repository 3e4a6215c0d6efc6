#pragma once

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/testing/naive.h"
#include "scheduler_sim/testing/random_cluster.h"

namespace spillway::sim::testing {

// Storage out of numbers, as in random_cluster.h: claims c0 and c1 of each namespace and those of ephemeral volumes,
// volumes pv0 to pv5 of different sizes, four classes, two drivers, CSINodes of n0 to n5.
constexpr int kStorageKinds = 7;

// Adds object `number` of kind `kind`, 0 to kStorageKinds - 1, to `objects` in place of its namesake, and to `cluster`.
void UpsertStorage(int kind, int number, const Genes& genes, Objects& objects, Cluster& cluster);
void RemoveStorage(int kind, int number, Objects& objects, Cluster& cluster);
// All storage of `objects`.
void LoadStorage(const Objects& objects, Cluster& cluster);

// Gives the Pod up to two volumes.
void AddVolumes(const Genes& genes, kube::Pod& pod);

}  // namespace spillway::sim::testing
