#pragma once

#include <string>
#include <vector>

#include "scheduler_sim/filter_chain.h"
#include "scheduler_sim/model/counter.h"

namespace spillway::sim {

// A SchedulerProfile, ready to be asked.
struct Profile {
  std::string scheduler_name;
  FilterChain chain;
  RuleId added_affinity;  // invalid: none
  std::vector<std::string> ignored_resources, ignored_resource_groups;
  // Those that filter, without selectors; empty where PodTopologySpread does not filter.
  std::vector<kube::TopologySpreadConstraint> default_spread;

  // True for extended resources that NodeResourcesFit is told not to check.
  bool Ignores(std::string_view resource) const {
    return (!ignored_resources.empty() || !ignored_resource_groups.empty()) && IsIgnored(resource);
  }

 private:
  bool IsIgnored(std::string_view resource) const;
};

}  // namespace spillway::sim
