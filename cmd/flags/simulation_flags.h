#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/flags/flags.h"
#include "kube/api/capabilities.h"
#include "kube/api/objects.h"
#include "scheduler_sim/scheduler_config.h"

// Which kube-scheduler is simulated, and what of the cluster is virtual: --kube-scheduler-version, --scheduler-config,
// --scheduler-names, --virtual-node-selector, --foreign-node-capabilities. Errors name the flag, or the file and the
// line.
namespace spillway::cmd {

inline constexpr FlagGroup kSimulationFlags = {"Simulation", "cmd/flags/simulation_flags.cc"};

// 33 to 36; 0 for auto.
Result<int> SchedulerMinorVersion();
// Pods of these profiles only are looked at: those of the file, or of a kube-scheduler without one, that
// --scheduler-names asks for.
Result<sim::SchedulerConfig> SchedulerProfiles();
struct VirtualNodes {
  kube::LabelSelector selector;
  std::string text;  // as given
  kube::Capabilities foreign_capabilities;
};
Result<VirtualNodes> VirtualNodeSelector();

}  // namespace spillway::cmd
