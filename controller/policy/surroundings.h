#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "controller/policy/fail_over.h"
#include "controller/policy/groups.h"
#include "controller/policy/limits.h"
#include "controller/policy/local_replicas.h"
#include "controller/policy/switches.h"
#include "kube/api/objects.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// What policies go by besides the Pod, the configuration and the simulation: the same facts for a controller, which
// watches them, and for a snapshot.
class Surroundings {
 public:
  // Each returns true if policies may answer otherwise now.
  bool Upsert(const kube::Namespace& ns) { return namespaces_.Set(ns); }
  bool RemoveNamespace(std::string_view uid) { return namespaces_.Remove(uid); }
  // AUTO_SCALE_EKS of the cluster; nullopt: it is not set.
  bool SetAutoScale(std::optional<std::string> value);
  bool Upsert(const kube::Node& node, sim::NodeRole role);
  bool RemoveNode(std::string_view uid);
  // Virtual nodes without a price of their own have the first of `limits` that matches.
  void Price(const Limits& limits);

  // A node autoscaler's word on a Pod: that it brings a node for it, or that none would help.
  void AutoscalerSays(const std::string& pod_uid, bool brings_a_node);
  void ForgetPod(std::string_view uid) { no_node_for_.erase(std::string(uid)); }
  bool AutoscalerGaveUp(const std::string& pod_uid) const { return no_node_for_.contains(pod_uid); }

  // A Pod that is in `cluster` is on that node, or on its way there. DaemonSet Pods do not count: nobody moved them.
  void Place(const sim::Cluster& cluster, const kube::Pod& pod, const std::string& node);
  // It waits for a node; `in_turn`: kube-scheduler is to place it, and no bind of it may have been carried out.
  void Wait(const kube::Pod& pod, bool in_turn);
  // Caps count it no more.
  void Uncount(std::string_view uid) { ledger_.Remove(uid); }
  void RemovePod(std::string_view uid);

  // What was evicted from virtual nodes lately. FailOver alone writes it.
  FailOverBook& fail_overs() { return fail_overs_; }
  const FailOverBook& fail_overs() const { return fail_overs_; }
  // Virtual nodes on which others of its owner have failed.
  std::set<std::string> AvoidedBy(const kube::Pod& pod) const;

  const NamespaceSwitches& namespaces() const { return namespaces_; }
  const std::optional<std::string>& auto_scale() const { return auto_scale_; }
  const OverflowLedger& ledger() const { return ledger_; }
  const GroupBook& groups() const { return groups_; }
  const ReplicaBook& replicas() const { return replicas_; }
  std::vector<std::string> TakeMovedReplicas() { return replicas_.TakeMoved(); }

 private:
  struct VirtualNode {
    std::string name;
    kube::StringMap labels, prices;
  };
  std::optional<kube::Price> PriceOfNode(const VirtualNode& node) const;

  NamespaceSwitches namespaces_;
  std::optional<std::string> auto_scale_;
  std::map<std::string, VirtualNode, std::less<>> virtual_nodes_;  // by UID
  Limits limits_;
  OverflowLedger ledger_;
  GroupBook groups_;
  ReplicaBook replicas_;
  FailOverBook fail_overs_;
  std::unordered_set<std::string> no_node_for_;  // UIDs of Pods
};

// One Pod, as caps count it.
Amounts AmountsOf(const sim::Cluster& cluster, sim::PodIndex pod);

}  // namespace spillway::controller
