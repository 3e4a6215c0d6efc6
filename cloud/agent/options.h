#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"

namespace spillway::cloud {

// What one virtual node is. Intervals are kubelet's where kubelet has them.
struct AgentOptions {
  std::string node_name;
  std::string cluster_id;  // instances carry it: the UID of namespace kube-system
  std::string version = "dev";
  std::string architecture = "amd64";

  // status.addresses[InternalIP] and the Pods' hostIP; empty: none is published.
  std::string internal_ip;
  // status.daemonEndpoints; 0 while the kubelet API is off.
  std::uint16_t kubelet_port = 0;

  // Keeps out what does not ask for this node. An empty key: no taint.
  std::string taint_key = "virtual-kubelet.io/provider", taint_value, taint_effect = "NoSchedule";
  std::map<std::string, std::string> extra_labels;
  // status.capacity and status.allocatable, as quantities: a budget, not the size of the cloud.
  std::map<std::string, std::string> capacity = {{"cpu", "100"}, {"memory", "400Gi"}, {"pods", "500"}};

  double qps = 50;
  int burst = 100;

  Duration lease_duration = 40s;
  Duration lease_renewal = 10s;
  Duration node_status_interval = 1min;
  Duration instance_list_interval = 10s;  // all instances, in one listing: the status of clouds that send no hints

  // The pause before a failed create or delete is tried again: doubled each time, with jitter; without end.
  Duration first_retry = 1s;
  Duration longest_retry = 2min;

  // An instance without a Pod is deleted after this many listings in a row have shown it, once it is this old (so long
  // at least since this agent first saw it), and at most so many in one round.
  int orphan_confirmations = 3;
  Duration orphan_age = 1min;
  int orphans_per_round = 10;
};

}  // namespace spillway::cloud
