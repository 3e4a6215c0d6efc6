#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kube/api/objects.h"

// What Spillway writes on Pods that it moves.
namespace spillway::controller {

inline constexpr std::string_view kDecisionId = "spillway.io/decision-id";
inline constexpr std::string_view kDecidedAt = "spillway.io/decided-at";
inline constexpr std::string_view kReason = "spillway.io/reason";  // why no real node takes it
inline constexpr std::string_view kBoundTo = "spillway.io/virtual-node";
// Kubernetes' own: ReplicaSets scale in what costs least.
inline constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";

// The cost to write; nullopt: none is wanted, or the user has set one.
inline std::optional<std::pair<std::string, std::string>> DeletionCostFor(const kube::Pod& pod,
                                                                          const std::string& wanted) {
  if (wanted.empty() || kube::Find(pod.metadata.annotations, kDeletionCost) != nullptr) return std::nullopt;
  return std::pair(std::string(kDeletionCost), wanted);
}

}  // namespace spillway::controller
