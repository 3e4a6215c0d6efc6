#pragma once

#include "scheduler_sim/model/counter.h"

namespace spillway::sim {

// The term with its owner's namespace filled in where it names none.
//
// Source: kube-scheduler framework getNamespacesFromPodAffinityTerm.
PodTerm TermOf(const kube::PodAffinityTerm& term, const std::string& owner_namespace);

}  // namespace spillway::sim
