#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api/objects.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// What a cloud does not run on its virtual nodes whatever the Node itself says: a profile per provider, or one's own.
// What a Node says of itself is spillway.io/capabilities. DaemonSet Pods and mirror Pods stay in any case.
struct Restrictions {
  std::string set_in;  // for texts: "--restrictions=tke"; empty: there are none
  std::vector<std::string> namespaces;
  // Ports that containers, init containers and their probes may not use, nor net.ipv4.ip_local_port_range touch.
  struct Ports {
    std::int64_t first = 0, last = -1;
    bool operator==(const Ports&) const = default;
  };
  std::optional<Ports> ports;
  std::vector<std::string> annotations;  // of the Pod, whatever their value; the decoder must keep them
  std::vector<std::string> features;     // names of docs/capabilities.md
  // Kinds of PersistentVolume source, or CSI drivers, that claims may lead to; none: any.
  std::vector<std::string> volumes;

  bool operator==(const Restrictions&) const = default;
};

// "tke", "eci" or "none"; nullopt: there is no such profile.
std::optional<Restrictions> RestrictionsOf(std::string_view profile);

// The first restriction that the Pod is against, with the field, its value and what is allowed:
// "spec.containers[0].ports[0].containerPort is 61000, and 61000-65534 are not to be used (--restrictions=tke)".
// nullopt: none.
std::optional<std::string> WhyRestricted(const kube::Pod& pod, std::span<const sim::ClaimedVolume> volumes,
                                         const Restrictions& restrictions);

}  // namespace spillway::controller
