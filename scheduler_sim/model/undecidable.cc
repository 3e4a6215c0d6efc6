#include "scheduler_sim/model/undecidable.h"

#include <algorithm>

namespace spillway::sim {
namespace {

// Members of a gang start together or not at all; only the scheduler that knows the gang may place them.
std::string GangMarker(const kube::Pod& pod) {
  if (!pod.scheduling_group.empty()) return "scheduling group " + pod.scheduling_group;
  struct Marker {
    const char* key;
    bool label, annotation;
  };
  for (const Marker& marker :
       {Marker{"scheduling.k8s.io/group-name", false, true}, Marker{"scheduling.volcano.sh/group-name", false, true},
        Marker{"yunikorn.apache.org/task-group-name", false, true},
        Marker{"scheduling.x-k8s.io/pod-group", true, false}, Marker{"kueue.x-k8s.io/pod-group-name", true, true}}) {
    if (marker.label && kube::Find(pod.metadata.labels, marker.key) != nullptr) {
      return std::string("label ") + marker.key;
    }
    if (marker.annotation && kube::Find(pod.metadata.annotations, marker.key) != nullptr) {
      return std::string("annotation ") + marker.key;
    }
  }
  return {};
}

}  // namespace

std::string WhyUndecidable(const kube::Pod& pod) {
  if (const std::string gang = GangMarker(pod); !gang.empty()) {
    return "it belongs to a gang (" + gang + "), whose members only its own scheduler can place together";
  }
  const auto claims = [](const kube::Container& container) { return container.has_resource_claims; };
  if (pod.has_resource_claims || std::any_of(pod.containers.begin(), pod.containers.end(), claims) ||
      std::any_of(pod.init_containers.begin(), pod.init_containers.end(), claims)) {
    return "it uses resource claims (dynamic resource allocation), which only kube-scheduler can allocate";
  }
  return {};
}

}  // namespace spillway::sim
