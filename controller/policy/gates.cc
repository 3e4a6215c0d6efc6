#include "controller/policy/gates.h"

#include <algorithm>

namespace spillway::controller {

std::optional<std::size_t> GateOf(const kube::Pod& pod) {
  const auto& gates = pod.scheduling_gates;
  const auto found = std::find(gates.begin(), gates.end(), kLocalReplicasGate);
  if (found == gates.end()) return std::nullopt;
  return static_cast<std::size_t>(found - gates.begin());
}

bool WaitsForGateOnly(const kube::Pod& pod) { return pod.scheduling_gates.size() == 1 && GateOf(pod).has_value(); }

GateRelease WhatOfGate(const kube::Pod& pod, const GateFacts& facts) {
  if (facts.age >= facts.deadline) return GateRelease::kPlainly;
  if (!facts.decides) return GateRelease::kNotYet;
  if (facts.mode != Mode::kEnforce || pod.is_terminating()) return GateRelease::kPlainly;
  if (!WaitsForGateOnly(pod)) return GateRelease::kNotYet;  // in its turn when the others are gone
  const bool goes = facts.standing && facts.standing->is_beyond() && facts.may_overflow;
  return goes ? GateRelease::kToVirtualNodes : GateRelease::kPlainly;
}

}  // namespace spillway::controller
