#include "scheduler_sim/dependence.h"

#include "scheduler_sim/model/model.h"

namespace spillway::sim {

bool LooksAtOtherPods(const Cluster& cluster, PodIndex pod) {
  const ClassIndex pod_class = cluster.class_of(pod);
  return pod_class.valid() && cluster.model().pod_class(pod_class).topological();
}

}  // namespace spillway::sim
