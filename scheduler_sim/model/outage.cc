#include "scheduler_sim/model/outage.h"

#include <algorithm>
#include <array>

namespace spillway::sim {

// Source: kubernetes k8s.io/api/core/v1/well_known_taints.go, cloud-provider api/well_known_taints.go.
std::span<const Outage> Outages() {
  static constexpr std::array<Outage, 9> kOutages = {{
      {"node.kubernetes.io/out-of-service", "out of service", false},
      {"node.kubernetes.io/unreachable", "unreachable", true},
      {"node.kubernetes.io/not-ready", "not ready", true},
      {"node.cloudprovider.kubernetes.io/uninitialized", "not initialized", true},
      {"node.kubernetes.io/network-unavailable", "without network", true},
      {"node.kubernetes.io/memory-pressure", "under memory pressure", false},
      {"node.kubernetes.io/disk-pressure", "under disk pressure", false},
      {"node.kubernetes.io/pid-pressure", "under PID pressure", false},
      {kCordonTaint, "cordoned", false},
  }};
  return kOutages;
}

const Outage* OutageOf(const kube::Taint& taint) {
  if (taint.key.find("kubernetes.io/") == std::string::npos) return nullptr;  // nearly all
  const std::span<const Outage> all = Outages();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Outage& outage) { return outage.taint == taint.key; });
  return found == all.end() ? nullptr : &*found;
}

bool Stays(const kube::Taint& taint, Suppose suppose) {
  if (suppose == Suppose::kNothing) return true;
  const Outage* outage = OutageOf(taint);
  return outage == nullptr || (suppose == Suppose::kReady && !outage->ends_when_ready);
}

}  // namespace spillway::sim
