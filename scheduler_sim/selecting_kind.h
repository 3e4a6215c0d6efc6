#pragma once

#include <array>
#include <cstdint>

namespace spillway::sim {

// Kinds whose selectors default spread constraints go by.
enum class SelectingKind : std::uint8_t { kService, kReplicationController, kReplicaSet, kStatefulSet };
inline constexpr std::array kSelectingKinds = {SelectingKind::kService, SelectingKind::kReplicationController,
                                               SelectingKind::kReplicaSet, SelectingKind::kStatefulSet};

// "services", as kubectl calls them.
constexpr const char* ResourceOf(SelectingKind kind) {
  switch (kind) {
    case SelectingKind::kService:
      return "services";
    case SelectingKind::kReplicationController:
      return "replicationcontrollers";
    case SelectingKind::kReplicaSet:
      return "replicasets";
    case SelectingKind::kStatefulSet:
      return "statefulsets";
  }
  return "";
}

}  // namespace spillway::sim
