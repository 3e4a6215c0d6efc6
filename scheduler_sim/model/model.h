#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/model/change_log.h"
#include "scheduler_sim/model/classes.h"
#include "scheduler_sim/model/default_selectors.h"
#include "scheduler_sim/model/device_classes.h"
#include "scheduler_sim/model/name_order.h"
#include "scheduler_sim/model/nodes.h"
#include "scheduler_sim/model/pods.h"
#include "scheduler_sim/model/pool.h"
#include "scheduler_sim/model/profile.h"
#include "scheduler_sim/model/requests.h"
#include "scheduler_sim/model/storage.h"
#include "scheduler_sim/model/usage.h"
#include "scheduler_sim/semantics.h"

namespace spillway::sim {

// The data behind Cluster, open to this room. Deltas go through Cluster; everything else only reads. Its tables' rows
// are in nodes.h, pods.h, classes.h, counter.h, usage.h and storage.h.
//
// What is counted, and who keeps it right. A bound Pod is counted from Attach() to Detach(), and by nobody else;
// whatever a count depends on is changed between a pair that takes the Pods concerned out and puts them back:
//
//   Usage, free resources and ports: Place, Unplace; a node's capacity: SetCapacity, ClearCapacity.
//   Usage, Pods per domain of each Counter: Place, Unplace; a node's labels, taints or existence: LeaveTopologies and
//     EnterTopologies around it; a namespace's labels: SetNamespace; a Counter that is new: StartCounting.
//   Counter::eligible_nodes, Topology::domain_of: LeaveTopologies, EnterTopologies.
//   Usage, volumes on nodes and claims in use: Place, Unplace; storage objects: StorageEdit; a node's existence:
//     CountPodsOn.
//   real_priorities, owners_on_virtual: CountOnNode; a node's role or existence: Recount around it.
//   pending, nominated, Storage::pending_pods: Attach, Detach, of Pods that are not bound.
//   Identity::pending, repelled_by: AddPending, DropReferences; a term that is new: NoticeCarried.
//
// Packing does the same to a Usage of its own, with Place and Unplace alone: nodes do not change under it.
struct Cluster::Model {
  explicit Model(ClusterOptions options);

  ClusterOptions options;
  Semantics semantics;
  std::vector<Profile> profiles;  // never empty
  std::uint64_t generation = 0, relaxations = 0;
  ChangeLog<NodeIndex> loosened_nodes;  // something came free there, or the Node object changed
  ChangeLog<PodIndex> queue_changes;    // unbound Pods: came, went, changed their place in the queue or their class

  Pages<NodeRecord> nodes;
  std::vector<NodeIndex> free_nodes;
  NameOrder names;
  std::unordered_map<std::string, NodeIndex> nodes_by_uid;
  NodeSet real, all, cordoned;  // of nodes that exist

  Pages<PodRecord> pods;
  std::vector<PodIndex> free_pods;
  IdTable pods_by_uid;
  Pool<char> odd_uids;
  std::uint64_t arrivals = 0, classes_made = 0;
  std::vector<PodIndex> pending;                                       // unbound
  std::vector<PodIndex> nominated;                                     // of those queued
  std::map<std::int32_t, std::int64_t> real_priorities;                // Pods on real nodes, by priority
  std::unordered_map<std::uint64_t, std::uint32_t> owners_on_virtual;  // see OwnerKey(): Pods

  Usage usage;
  Pool<char> resources, owners;
  Pool<HostPort> ports;
  std::unordered_map<std::string, std::vector<PortId>> ports_by_number;  // key: PortNumberKey()
  Pool<Footprint> footprints;
  Pool<NodeRule> rules;
  Pool<TolerationRule> tolerations;
  Pool<PodClass> classes;
  Pool<Topology> topologies;
  Pool<Counter> counters;
  Pool<Frame> frames;
  Pool<Identity> identities;
  std::vector<CounterId> spread_counters;  // of kind kSpread
  DefaultSelectors selectors;
  std::unordered_map<PodIndex, SpreadByDefault> spread_by_default;  // pending Pods that may be
  DeviceClasses devices;

  Storage storage;

  std::unordered_map<std::string, std::string> namespace_names;  // by UID
  std::unordered_map<std::string, kube::StringMap> namespaces;   // labels, by name

  const NodeRecord& node(NodeIndex index) const { return nodes[index.value()]; }
  const PodRecord& pod(PodIndex index) const { return pods[index.value()]; }
  const PodClass& pod_class(ClassIndex index) const { return classes[index.value()]; }
  const Footprint& footprint(FootprintId id) const { return footprints[id.value()]; }
  const NodeSet& domain(NodeDomain which) const { return which == NodeDomain::kReal ? real : all; }
  std::string_view resource_name(ResourceId id) const { return resources.key(id.value()); }
  // Extended resources that a DeviceClass stands for: from 1.36 on a node that offers none may have devices.
  bool has_device_resources() const { return semantics.device_classes && !devices.empty(); }
  bool MayBeDevices(ResourceId id) const {
    return has_device_resources() && devices.WhyUncertain(resource_name(id)) != nullptr;
  }
  // Why there can be no verdict about Pods of the class; empty when there can.
  const std::string& undecidable(const PodClass& of) const;
  static std::uint64_t OwnerKey(OwnerId owner, NodeIndex node) {
    return std::uint64_t{owner.value()} << 32 | node.value();
  }
  static std::string PortNumberKey(const HostPort& port) { return port.protocol + "/" + std::to_string(port.port); }

  const Topology& topology(TopologyId id) const { return topologies[id.value()]; }
  const Frame& FrameOf(IdentityId id) const;
  std::string_view NamespaceOf(IdentityId id) const { return FrameOf(id).ns; }
  PackedLabels LabelsOf(IdentityId id) const;

  // What its volumes use; nullptr when filters do not care about them.
  const VolumeUse* volumes_of(const PodClass& of) const {
    return of.volumes.valid() ? &storage.uses[of.volumes.value()] : nullptr;
  }

  // A Pod of this footprint and identity comes to, or leaves, a node.
  void Place(Usage& target, FootprintId footprint, IdentityId identity, NodeIndex node) const;
  void Unplace(Usage& target, FootprintId footprint, IdentityId identity, NodeIndex node) const;
  void TakeVolumes(Usage& target, FootprintId footprint, NodeIndex node, std::int32_t change) const;
  void Count(Usage& target, CounterId counter, NodeIndex node, std::int32_t change) const;
  // Whether a kMatched or kSpread counter counts Pods of this identity.
  bool IsCounted(const Counter& counter, IdentityId identity) const;
  // Whether another Pod's term is about Pods of this identity, as kube-scheduler matches terms of placed Pods.
  bool Repels(const PodTerm& term, IdentityId identity) const;
  // The same for a term of the incoming Pod itself.
  bool MatchesOwnTerm(const PodTerm& term, IdentityId identity) const;

  // Nodes
  void UpsertNode(const kube::Node& node);
  void RemoveNode(std::string_view uid);
  NodeIndex AcquireNodeName(std::string_view name);
  void ReleaseNodeName(NodeIndex index);

  // Pods
  PodIndex FindPod(std::string_view uid) const;
  void UpsertPod(const kube::Pod& pod);
  void RemovePod(PodIndex pod);

  // Pieces, each hash-consed; every Acquire gives a reference that the matching Release takes back.
  FootprintId AcquireFootprint(const kube::Pod& pod);
  void Release(FootprintId id);
  ClassIndex AcquireClass(const kube::Pod& pod, FootprintId footprint, IdentityId identity);
  void Release(ClassIndex id);
  ResourceId AcquireResource(std::string_view name);
  void Release(ResourceId id);
  IdentityId AcquireIdentity(const kube::Pod& pod);
  void Release(IdentityId id);

  // Pending Pods get their default spread constraints anew: those that a change concerns, or all.
  void Respread(SelectingKind kind, const DefaultSelectors::Change& change);
  void RespreadAll();
  // Something changed that may let a Pod fit, or take certainty away.
  void Loosened() { ++generation, ++relaxations; }
  // The same, on any node.
  void LoosenedEverywhere() {
    Loosened();
    all.ForEach([&](NodeIndex node) { loosened_nodes.Add(node); });
  }
  void SetNamespace(const std::string& name, const kube::StringMap* labels);  // nullptr: gone

 private:
  void SetCapacity(NodeIndex index, const NodeCapacity& capacity);
  void ClearCapacity(NodeIndex index);
  void Recount(NodeIndex index, int sign);
  void CountOnNode(const PodRecord& pod, int sign);
  void JudgeRules(NodeIndex index, bool labels_changed, bool taints_changed);
  // Whether a change to these labels, or of taints, may change which Pods are counted where.
  bool Moves(const NodeRecord& node, const kube::StringMap& labels) const;
  // Around every such change, and of a node's existence: counts forget the node, then learn it anew.
  void LeaveTopologies(NodeIndex index);
  void EnterTopologies(NodeIndex index);
  void CountPodsOn(NodeIndex index, std::int32_t change);

  PodIndex NewPod(const Uid& uid);
  void Attach(PodIndex pod);
  void Detach(PodIndex pod);
  void DropReferences(const PodRecord& record);
  Uid UidOf(const kube::Pod& pod);
  bool IsQueued(const kube::Pod& pod) const;

  PortId AcquirePort(const kube::ContainerPort& port);
  void Release(PortId id);
  void AddProfile(const SchedulerProfile& profile);
  // Why no profile is `pod`'s; empty when `made` got one.
  std::string ChooseProfile(const kube::Pod& pod, PodClass& made) const;
  RuleId AcquireRule(const kube::StringMap& selector, const std::optional<kube::NodeSelector>& affinity);
  void Release(RuleId id);
  TolerationsId AcquireTolerations(const kube::Pod& pod);
  void Release(TolerationsId id);
  TopologyId AcquireTopology(std::string_view key);
  void Release(TopologyId id);
  CounterId AcquireCounter(Counter definition);
  void Release(CounterId id);
  bool IsEligible(const Counter& counter, NodeIndex node) const;
  void StartCounting(CounterId id);
  void AddTopologicalRules(const kube::Pod& pod, IdentityId identity, PodClass& made);
  void AddSpread(const std::vector<kube::TopologySpreadConstraint>& constraints, IdentityId identity, PodClass& made);
  void AddDefaultSpread(const ControllerName& controller, IdentityId identity, PodClass& made);
  void NoteSpreadByDefault(PodIndex index, const kube::Pod& pod);
  void Respread(PodIndex pod, const SpreadByDefault& by);
  ClassIndex AcquireClass(PodClass made);  // takes over the references in `made`
  void AddReferences(const PodClass& of);
  void DropReferences(const PodClass& of);
  void Reclassify(PodIndex pod);
  void AddPending(IdentityId identity);
  void NoticeCarried(CounterId counter);

  std::string key_, inner_key_;  // buffers
};

}  // namespace spillway::sim
