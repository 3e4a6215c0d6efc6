#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/model/default_selectors.h"
#include "scheduler_sim/model/device_classes.h"
#include "scheduler_sim/model/name_order.h"
#include "scheduler_sim/model/node_set.h"
#include "scheduler_sim/model/pool.h"
#include "scheduler_sim/model/profile.h"
#include "scheduler_sim/model/rare.h"
#include "scheduler_sim/model/requests.h"
#include "scheduler_sim/model/storage.h"
#include "scheduler_sim/model/uid.h"
#include "scheduler_sim/model/usage.h"
#include "scheduler_sim/semantics.h"

namespace spillway::sim {

struct OwnerTag;
struct IdentityTag;
struct FootprintTag;
using OwnerId = StrongId<OwnerTag>;
using IdentityId = StrongId<IdentityTag>;
using FootprintId = StrongId<FootprintTag>;

// A name that has a Node object, or that Pods are bound or nominated to. Without the object it takes no Pods, but
// those that came early, or stay behind, count again the moment it appears.
struct NodeRecord {
  std::string name, uid;
  bool exists = false;
  bool ready = false, unschedulable = false;
  NodeRole role = NodeRole::kReal;
  kube::StringMap labels;
  std::vector<kube::Taint> taints;
  std::vector<std::string> declared_features, unsupported_features;
  std::int64_t milli_cpu = 0, memory = 0, ephemeral_storage = 0, pods = 0;  // allocatable
  std::vector<std::pair<ResourceId, std::int64_t>> scalars;
  std::uint64_t rank = 0;        // orders names
  std::uint32_t references = 0;  // Pods bound or nominated
  PodIndex first_pod;
};

// 80 bytes a Pod; the rest is shared.
struct PodRecord {
  Uid uid;
  std::uint64_t arrival = 0;
  std::uint32_t created = 0;  // seconds since the epoch
  std::int32_t priority = 0;
  FootprintId footprint;  // invalid: the record is free
  IdentityId identity;
  OwnerId owner;
  NodeIndex node;                // bound: where; pending: nominated, if anywhere
  ClassIndex pod_class;          // pending
  std::uint32_t pending_at = 0;  // pending: position in Model::pending
  // Bound: neighbours on the node, and among the bound Pods of the same identity.
  PodIndex next_on_node, previous_on_node, next_alike, previous_alike;
  bool bound = false, tried = false, daemon = false, preempts = true, terminating = false;
};

// spec.nodeSelector and required node affinity, and the nodes they match.
struct NodeRule {
  kube::StringMap selector;
  std::optional<kube::NodeSelector> affinity;
  // Every term names its nodes (metadata.name In ...), as DaemonSet Pods do: judged on those nodes alone, `matches`
  // unused.
  bool pinned = false;
  std::vector<std::string> pinned_to;
  NodeSet matches;

  bool Matches(const NodeRecord& node) const;
};

// A list of tolerations, and the nodes whose NoSchedule and NoExecute taints it tolerates.
struct TolerationRule {
  std::vector<kube::Toleration> tolerations;
  bool tolerates_cordon = false;
  NodeSet tolerated;
};

// What selectors read of Pods besides their labels' values; replicas of most workloads share one. Labels by name.
struct Frame {
  std::string ns;
  std::vector<std::string> label_names;
  bool terminating = false;
};

// What selectors read of a Pod: its frame and its labels' values, which are the pool's key. There may be one for every
// Pod, so it is small: few are counted or repelled.
class Identity {
 public:
  PodIndex first_placed;
  std::uint32_t pending = 0;  // Pods

  // kMatched and kSpread: they count its placed Pods.
  const std::vector<CounterId>& counters() const { return matches_.get().counters; }
  std::vector<CounterId>& counters_to_change() { return matches_.change().counters; }
  // kCarried terms that match it, sorted; kept while Pods of it are pending.
  const std::vector<CounterId>& repelled_by() const { return matches_.get().repelled_by; }
  std::vector<CounterId>& repelled_by_to_change() { return matches_.change().repelled_by; }

 private:
  struct Matches {
    std::vector<CounterId> counters, repelled_by;
  };
  Rare<Matches> matches_;
};

// A DoNotSchedule constraint of a class.
struct SpreadRule {
  CounterId counter;
  std::int32_t max_skew = 1, min_domains = 1;
  bool counts_itself = false;  // the Pod matches the selector
};

// What filters read of a pending Pod.
struct PodClass {
  FootprintId footprint;
  std::uint32_t profile = 0;  // index into Model::profiles
  RuleId rule;                // invalid: any node
  TolerationsId tolerations;
  VolumeUseId volumes;                             // its footprint's
  std::vector<CounterId> affinity, anti_affinity;  // kMatched, a term each
  std::vector<CounterId> repelled_by;              // kCarried: terms of other Pods that match this one
  bool matches_own_affinity = false;
  std::vector<SpreadRule> spread;
  std::vector<std::string> required_features;  // of nodes: status.declaredFeatures
  std::vector<std::string> needs;  // what virtual nodes may be unable to run: hostNetwork, hostPort, volume types
  std::string undecidable;         // why no verdict is possible; empty when it is
  std::string asks;                // the extender with the last word on nodes that pass all filters; empty: none

  // Verdicts depend on where other Pods are, not only on what is free.
  bool topological() const {
    return !affinity.empty() || !anti_affinity.empty() || !repelled_by.empty() || !spread.empty();
  }
};

// What a pending Pod's default spread constraints are made from, besides its identity.
struct SpreadByDefault {
  ControllerName controller;
  std::string undecidable;  // for other reasons
};

struct HostPort {
  std::string ip, protocol;
  std::int32_t port = 0;
};

// The first NoSchedule or NoExecute taint that no toleration matches; nullptr when all are tolerated.
const kube::Taint* FirstUntolerated(const std::vector<kube::Taint>& taints,
                                    const std::vector<kube::Toleration>& tolerations);

// The data behind Cluster, open to this room. Deltas go through Cluster; everything else only reads.
struct Cluster::Model {
  explicit Model(ClusterOptions options);

  ClusterOptions options;
  Semantics semantics;
  std::vector<Profile> profiles;  // never empty
  std::uint64_t generation = 0, relaxations = 0;

  Pages<NodeRecord> nodes;
  std::vector<NodeIndex> free_nodes;
  NameOrder names;
  std::unordered_map<std::string, NodeIndex> nodes_by_uid;
  NodeSet real, all, cordoned;  // of nodes that exist

  Pages<PodRecord> pods;
  std::vector<PodIndex> free_pods;
  IdTable pods_by_uid;
  Pool<char> odd_uids;
  std::uint64_t arrivals = 0;
  std::vector<PodIndex> pending, nominated;
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
