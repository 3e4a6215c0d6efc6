#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cloud/agent/service_variables.h"
#include "kube/api/capabilities.h"
#include "kube/api/prices.h"

namespace spillway::cloud {

// What one virtual node is. Intervals are kubelet's where kubelet has them.
struct AgentOptions {
  std::string node_name;
  std::string cluster_id;  // instances carry it: the UID of namespace kube-system
  // This very process: holds the node's Lease. Empty: the node's name and a random number.
  std::string identity;
  // Whether the process of this identity is known to be dead, so that its Lease may be taken at once. May be null.
  std::function<bool(const std::string& identity)> is_dead;
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
  std::map<std::string, std::string> capacity = {
      {"cpu", "100"}, {"memory", "400Gi"}, {"pods", "500"}, {"ephemeral-storage", "10Ti"}};
  // Features beyond what provider and agent say, by the names of kube/api/pod_features.h.
  std::vector<std::string> extra_capabilities;
  std::vector<kube::LargestInstance> largest_instances;  // none: what the provider says

  // What a vCPU and a GiB cost an hour, whatever the cloud says; none: what the cloud says.
  std::optional<kube::Price> price;
  Duration market_interval = 10min;  // prices and stock, where the cloud tells them

  // The volume with the API server's token, which admission adds to nearly every Pod, is left out: for providers
  // without such volumes.
  bool omit_api_token = false;

  // Where Pods find the API server, by KUBERNETES_SERVICE_HOST and the other variables of that Service; without an
  // address: what the Service "kubernetes" says.
  ServiceInfo pod_api_server;
  // The nameservers of Pods with dnsPolicy ClusterFirst, and the domain that they serve. None: such Pods get the
  // resolver that instances have by themselves.
  std::vector<std::string> cluster_dns;
  std::string cluster_domain = "cluster.local";

  // Of Pods' statuses and deletions; of events; of reads: each by itself. Leases and node status have limits of their
  // own.
  double qps = 50;
  int burst = 100;

  Duration lease_duration = 40s;
  Duration lease_renewal = 10s;
  Duration node_status_interval = 1min;
  Duration instance_list_interval = 10s;  // all instances, in one listing: the status of clouds that send no hints

  // A Pod that the node cannot run stays Pending for so long, then it fails: at once, and its controller would make one
  // after the other.
  Duration refusal_patience = 5min;

  // The pause before a failed create or delete is tried again: doubled each time, with jitter; without end.
  Duration first_retry = 1s;
  Duration longest_retry = 2min;

  // An instance is lost when so many complete, credible listings in a row lack it, over at least this time.
  int loss_confirmations = 3;
  Duration loss_age = 1min;

  // An instance without a Pod is deleted after this many listings in a row have shown it, once it is this old (so long
  // at least since this agent first saw it), and at most so many in one round.
  int orphan_confirmations = 3;
  Duration orphan_age = 1min;
  int orphans_per_round = 10;
};

}  // namespace spillway::cloud
