#pragma once

#include "base/result.h"
#include "cmd/flags/flags.h"
#include "cmd/flags/simulation_flags.h"
#include "controller/policy/policy.h"

// Which Pods overflow: --trigger, --exclude-namespaces, --overflow-taints. The controller acts by them, `simulate
// --mode=pack` says what it would do.
namespace spillway::cmd {

inline constexpr FlagGroup kPolicyFlags = {"Policy", "cmd/flags/policy_flags.cc"};

// The policy of a controller with these virtual nodes and profiles; its times are the defaults. Errors name the flag.
Result<controller::Policy> PolicyFromFlags(const VirtualNodes& virtual_nodes, const sim::SchedulerConfig& scheduler);

}  // namespace spillway::cmd
