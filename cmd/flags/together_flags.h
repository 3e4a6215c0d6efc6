#pragma once

#include <string>

#include "base/result.h"
#include "cmd/flags/flags.h"
#include "controller/configuration.h"

// What controller and webhook must be told alike: --configuration, --leader-elect-resource-name,
// --leader-elect-resource-namespace, --pod-deletion-cost.
namespace spillway::cmd {

inline constexpr FlagGroup kTogetherFlags = {"Controller and webhook", "cmd/flags/together_flags.cc"};

// Of the controllers' Lease, and so of Spillway itself.
std::string LeaseNamespace();
std::string LeaseName();
controller::ConfigurationOptions ConfigurationOfFlags();
Result<std::string> PodDeletionCost();

}  // namespace spillway::cmd
