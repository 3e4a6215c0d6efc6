#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api/objects.h"

// What only the cluster's administrator knows: kube-scheduler's own configuration, as far as verdicts depend on it.
// Values as they stand in the file; defaults depend on the version and are filled in by filter_chain.h. Everything
// about scores, queues and preemption is left out: it never makes a Pod unschedulable.
//
// Source: k8s.io/kube-scheduler config/v1 types.go and types_pluginargs.go.
namespace spillway::sim {

// Plugins of one extension point by name; "*" in `disabled` is all defaults.
struct PluginSet {
  std::vector<std::string> enabled, disabled;
};

struct SchedulerProfile {
  std::string scheduler_name = "default-scheduler";
  PluginSet multi_point, pre_enqueue, pre_filter, filter;
  // NodeAffinityArgs.addedAffinity, its required part: all Pods of the profile must match it too.
  std::optional<kube::NodeSelector> added_affinity;
  // NodeResourcesFitArgs: extended resources that are not checked, by name and by what stands before the slash.
  std::vector<std::string> ignored_resources, ignored_resource_groups;
  // PodTopologySpreadArgs.defaultConstraints, for Pods without constraints of their own; their selectors are derived
  // from what selects the Pod. The system's own defaults (defaultingType System) are ScheduleAnyway, and none is here
  // then.
  std::vector<kube::TopologySpreadConstraint> default_constraints;
};

// A webhook that kube-scheduler asks about the nodes that passed all filters; it can only take some of them away.
// Extenders without a filterVerb are left out: they score, bind and choose victims.
struct Extender {
  std::string url;
  // Asked only about Pods with a container that names one of these; empty: about every Pod.
  std::vector<std::string> managed_resources;

  bool IsAskedAbout(const kube::Pod& pod) const;
};

// Never without a profile; no two have the same name.
struct SchedulerConfig {
  std::vector<SchedulerProfile> profiles = {SchedulerProfile()};
  std::vector<Extender> extenders;  // of all profiles
};

// The configuration of a kube-scheduler that was given none, but goes by these names.
SchedulerConfig DefaultConfig(const std::vector<std::string>& scheduler_names);

// Some profile has default spread constraints that can make a Pod unschedulable: what selects Pods must be known.
bool SpreadsByDefault(const SchedulerConfig& config);

// spec.schedulerName, which kube-apiserver fills in.
std::string_view SchedulerNameOf(const kube::Pod& pod);

}  // namespace spillway::sim
