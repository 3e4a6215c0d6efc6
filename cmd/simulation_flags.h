#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/flags.h"
#include "kube/api/objects.h"

// Which kube-scheduler is simulated, and what of the cluster is virtual: --kube-scheduler-version, --scheduler-names,
// --virtual-node-selector. Errors name the flag.
namespace spillway::cmd {

inline constexpr FlagGroup kSimulationFlags = {"Simulation", "cmd/simulation_flags.cc"};

// 33 to 36; 0 for auto.
Result<int> SchedulerMinorVersion();
// Pods of these schedulers only are looked at.
Result<std::vector<std::string>> SchedulerNames();
struct VirtualNodes {
  kube::LabelSelector selector;
  std::string text;  // as given
};
Result<VirtualNodes> VirtualNodeSelector();

}  // namespace spillway::cmd
