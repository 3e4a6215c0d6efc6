#pragma once

#include "kube/api/objects.h"
#include "tests/simulation/naive_cluster.h"

namespace spillway::simulation {

// Its annotation LOCAL_REPLICAS keeps some of its owner's Pods on real nodes, and then that many others stand on real
// nodes, or wait and may still come to: it may go though a real node would take it. Pods that are being deleted are
// none.
bool MayGoBeyondLocal(const Objects& then, const kube::Pod& pod);

}  // namespace spillway::simulation
