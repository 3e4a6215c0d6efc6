#pragma once

#include <string>

#include "cmd/scheduler_config/strict_yaml.h"
#include "scheduler_sim/scheduler_config.h"

// The parts of a KubeSchedulerConfiguration that plugins and extenders define.
namespace spillway::cmd {

// profiles[].pluginConfig[]: `config` is the entry for `plugin`, of which "name" is read already. Arguments of plugins
// that are not kube-scheduler's own may hold anything.
void ReadPluginArgs(const std::string& plugin, Fields& config, sim::SchedulerProfile& profile);

// extenders[], after the profiles. What they tell kube-scheduler not to check goes to every profile, in place of what
// its NodeResourcesFitArgs say.
//
// Source: kubernetes pkg/scheduler/scheduler.go buildExtenders.
void ReadExtenders(Fields& root, sim::SchedulerConfig& config);

}  // namespace spillway::cmd
