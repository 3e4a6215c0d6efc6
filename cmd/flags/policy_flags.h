#pragma once

#include "base/result.h"
#include "cmd/flags/flags.h"
#include "cmd/flags/simulation_flags.h"
#include "controller/policy/policy.h"

// Which Pods overflow, where to and when: the controller acts by these flags, `simulate --mode=pack` says what it would
// do. A SpillwayConfiguration changes what they say.
namespace spillway::cmd {

inline constexpr FlagGroup kPolicyFlags = {"Policy", "cmd/flags/policy_flags.cc"};

// The policy of a controller with these virtual nodes and profiles; its times are the defaults. Errors name the flag.
Result<controller::Policy> PolicyFromFlags(const VirtualNodes& virtual_nodes, const sim::SchedulerConfig& scheduler);
// The same with those that the flags name.
Result<controller::Policy> PolicyOfFlags();

}  // namespace spillway::cmd
