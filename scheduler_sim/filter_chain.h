#pragma once

#include <string>
#include <vector>

#include "scheduler_sim/scheduler_config.h"
#include "scheduler_sim/semantics.h"

namespace spillway::sim {

class Filter;

// The filters of one profile, in the order in which kube-scheduler runs them: of several that reject a node only the
// first is named. NodeName is left out: it can only reject Pods that have a node already.
struct FilterChain {
  std::vector<const Filter*> pre_filters, filters;
  std::vector<const Filter*> pre_filters_without_volumes, filters_without_volumes;  // without those about volumes alone
  std::string undecidable;  // why no Pod of this profile can be judged; empty when they can
  std::string refused;      // why kube-scheduler would not start with this profile; empty when it would
};

// Default plugins, changed as the profile says: `multiPoint` first, then the single extension points, which take
// precedence.
//
// Source: kubernetes pkg/scheduler/apis/config/v1/default_plugins.go mergePluginSet; framework/runtime/framework.go
// updatePluginList and expandMultiPointPlugins.
FilterChain ChainOf(const SchedulerProfile& profile, const Semantics& semantics);

}  // namespace spillway::sim
