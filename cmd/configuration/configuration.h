#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "controller/policy/policy.h"

// The SpillwayConfiguration: what the controller takes from its ConfigMap, and `spillway config check` from a file. The
// fields are in docs/policy.md.
namespace spillway::cmd {

inline constexpr std::string_view kConfigurationKind = "SpillwayConfiguration";
inline constexpr std::string_view kConfigurationVersion = "spillway.io/v1alpha1";

// A controller::ConfigurationReader. Errors are "config.yaml:<line>: <what>"; `file` is what that file is called.
Result<controller::Policy> ReadConfiguration(std::string_view yaml, const controller::Policy& flags,
                                             const std::string& set_in, std::string_view file = "config.yaml");

// --restrictions: a profile's name, or a file with the fields that `restrictions:` of a SpillwayConfiguration has.
Result<controller::Restrictions> RestrictionsFromFlag(const std::string& value);

}  // namespace spillway::cmd
