#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cmd/doctor/facts.h"
#include "cmd/doctor/finding.h"

// What checks have in common.
namespace spillway::cmd::doctor {

// "kube-scheduler's Pods cannot be read: ..."
Finding Unreadable(std::string_view check, std::string_view what, const Error& error);

// "3 Pods", "1 Pod"
std::string CountOf(std::size_t count, std::string_view one, std::string_view many);

// Whether one of our virtual nodes' providers is a cloud.
bool IsCloud(std::string_view provider);

// The Nodes that the controller takes for virtual ones, or for real ones.
std::vector<const kube::Json*> VirtualNodesOf(const Facts& facts);
std::vector<const kube::Json*> RealNodesOf(const Facts& facts);

}  // namespace spillway::cmd::doctor
