#pragma once

#include <string>

#include "scheduler_sim/model/model.h"

namespace spillway::sim {

// Why the provider behind a virtual node cannot run a Pod of this class, whatever else runs there: a feature, a claim,
// or its size. Empty: it can.
std::string WhyItCannotRun(const Cluster::Model& model, const PodClass& pod_class, const VirtualOffer& offer);

}  // namespace spillway::sim
