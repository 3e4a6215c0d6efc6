#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "controller/policy/local_replicas.h"
#include "controller/policy/policy.h"
#include "kube/api/objects.h"

// The gate that the webhook sets on Pods with local replicas, so that they are seen before kube-scheduler places them.
namespace spillway::controller {

inline constexpr std::string_view kLocalReplicasGate = "spillway.io/local-replicas";

// Where it stands among the Pod's gates; nullopt: it has none.
std::optional<std::size_t> GateOf(const kube::Pod& pod);
// It waits for nothing but this gate.
bool WaitsForGateOnly(const kube::Pod& pod);

enum class GateRelease : std::uint8_t {
  kNotYet,
  kPlainly,         // as any other Pod: kube-scheduler places it
  kToVirtualNodes,  // enough others stay local; if there is room, and no cap against it
};

struct GateFacts {
  Duration age{0}, deadline{0};  // of the Pod; from which age on anybody lifts it
  bool decides = false;          // this process leads, and knows enough to decide
  Mode mode = Mode::kEnforce;
  std::optional<ReplicaStanding> standing;
  bool may_overflow = false;  // no switch, restriction or namespace is against it
};
GateRelease WhatOfGate(const kube::Pod& pod, const GateFacts& facts);

}  // namespace spillway::controller
