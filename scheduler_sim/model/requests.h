#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "kube/api/objects.h"
#include "scheduler_sim/semantics.h"

namespace spillway::sim {

// What one Pod takes from a node: whole numbers, rounded up once per Pod after exact sums.
struct PodRequests {
  std::int64_t milli_cpu = 0, memory = 0, ephemeral_storage = 0;
  // Extended resources, hugepages and the like; sorted by name; none is zero. Names live as long as the Pod asked
  // about.
  std::vector<std::pair<std::string_view, std::int64_t>> scalars;
  // As kube-scheduler's scores see it: a container without a request counts 100m and 200Mi.
  std::int64_t scored_milli_cpu = 0, scored_memory = 0;
};

// A Pod that is still to be placed: what its spec asks for.
//
// Source: kube-scheduler noderesources/fit.go computePodResourceRequest; component-helpers resource/helpers.go.
PodRequests PendingRequests(const kube::Pod& pod, const Semantics& semantics);

// A Pod on a node: in-place resize makes it the largest of what is asked, acknowledged and in effect, or only the
// latter two when the resize was found infeasible.
//
// Source: kube-scheduler framework/types.go PodInfo.CalculateResource.
PodRequests PlacedRequests(const kube::Pod& pod, const Semantics& semantics);

// Resources a node can have and a Pod can ask for besides cpu, memory, ephemeral-storage and pods. Others, a bare
// "storage" say, are ignored by kube-scheduler.
bool IsScalarResource(std::string_view name);
// Those of them that are neither native nor under kubernetes.io: what device plugins and operators offer.
//
// Source: kubernetes pkg/apis/core/v1/helper IsExtendedResourceName.
bool IsExtendedResource(std::string_view name);
// Those that dynamic resource allocation can take care of: extended resources, and what a DeviceClass is asked for by
// its own name, deviceclass.resource.kubernetes.io/<name>.
//
// Source: kube-scheduler util IsDRAExtendedResourceName, 1.36.
bool CanBeDevices(std::string_view name);

// allocatable as kube-scheduler counts it; a missing resource is zero.
struct NodeCapacity {
  std::int64_t milli_cpu = 0, memory = 0, ephemeral_storage = 0, pods = 0;
  // Sorted by name. Zero only where it tells an absent device plugin from one that is there and has nothing
  // (CanBeDevices).
  std::vector<std::pair<std::string_view, std::int64_t>> scalars;
};
NodeCapacity CapacityOf(const kube::Node& node);

}  // namespace spillway::sim
