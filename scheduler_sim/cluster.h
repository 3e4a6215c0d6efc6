#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_id.h"
#include "kube/api/capabilities.h"
#include "kube/api/objects.h"
#include "kube/api/selector.h"
#include "kube/api/storage.h"
#include "kube/api/workloads.h"
#include "scheduler_sim/scheduler_config.h"
#include "scheduler_sim/selecting_kind.h"

namespace spillway::sim {

struct NodeTag;
struct PodTag;
struct ClassTag;
// Dense; stable while the object exists, reused afterwards.
using NodeIndex = StrongId<NodeTag>;
using PodIndex = StrongId<PodTag>;
// All Pods whose scheduling-relevant spec is equal share one; verdicts are computed per class.
using ClassIndex = StrongId<ClassTag>;

enum class NodeRole : std::uint8_t { kReal, kVirtual };

// Which nodes a question is about: kReal for Spillway's verdict, kAll for kube-scheduler's own view and message.
enum class NodeDomain : std::uint8_t { kReal, kAll };

struct ClusterOptions {
  // kube-scheduler's minor version, 33 to 36: decides reason texts and quirks.
  int minor_version = 36;
  // Nodes matching this are virtual. Default: type=virtual-kubelet.
  kube::LabelSelector virtual_nodes = {{{"type", "virtual-kubelet"}}, {}};
  // What virtual nodes can run that do not say it: those of other people.
  kube::Capabilities foreign_capabilities = kube::Capabilities::Parse(kube::kForeignNodeCapabilities);
  // Each Pod is judged by the profile of its schedulerName; without one it is undecidable.
  SchedulerConfig scheduler;
};

// What the balancer and people see of a node. int64 in milli-CPU and bytes, as kube-scheduler rounds them.
struct NodeView {
  std::string_view name;
  NodeRole role = NodeRole::kReal;
  bool ready = false;              // condition Ready
  bool unschedulable = false;      // cordoned
  bool cloud_unreachable = false;  // a virtual node says so
  std::int64_t allocatable_milli_cpu = 0, allocatable_memory = 0, allocatable_pods = 0;
  std::int64_t requested_milli_cpu = 0, requested_memory = 0, pods = 0;
};

// A claim of a Pod, and the kind of source of the volume that it leads to: "nfs", or a CSI driver's name. In-tree
// sources that a driver stands for have the driver's. Empty: the claim is not there, or has no volume yet.
struct ClaimedVolume {
  std::string claim, source;
};

// The model of a whole cluster, kept up to date by deltas; everything else in this room is a pure question to it. Specs
// are hash-consed into classes, resources are columns of integers, predicates are bitsets over nodes.
//
// Bound Pods use up their node; terminating ones too until they are gone. Terminal ones (Succeeded, Failed) never do:
// an Upsert of one removes it. Unbound Pods are known by class, priority and order, and wait to be judged. Upsert of a
// known UID replaces it. Pods bound to a node that is not known, or no longer, count from the moment it is. A Pod
// without a UID is known by namespace/name, a Node by its name.
//
// Copying is deliberate only (Clone): what-if questions and fan-out over a snapshot.
class Cluster {
 public:
  explicit Cluster(ClusterOptions options);
  ~Cluster();
  Cluster(Cluster&&) noexcept;
  Cluster& operator=(Cluster&&) noexcept;
  Cluster Clone() const;

  void Upsert(const kube::Node& node);
  void Upsert(const kube::Pod& pod);
  void Upsert(const kube::Namespace& ns);
  // Unknown UIDs are ignored.
  void RemoveNode(std::string_view uid);
  void RemovePod(std::string_view uid);
  void RemoveNamespace(std::string_view uid);

  // What default spread constraints go by; not needed without them, see SpreadsByDefault(). Pods that need a kind which
  // is not listed are undecidable: MarkListed() says that all its objects are here, or will be before the next
  // question.
  void Upsert(SelectingKind kind, const kube::SelectingObject& object);
  void RemoveSelecting(SelectingKind kind, std::string_view uid);
  void MarkListed(SelectingKind kind);
  // From 1.36 on nodes that offer none of a resource that one stands for may have devices all the same, which nobody
  // but kube-scheduler allocates: a Pod that would fit only there is undecidable.
  void Upsert(const kube::DeviceClass& device_class);
  void RemoveDeviceClass(std::string_view uid);

  // What the volume filters read. A kind that is watched is either known completely or SetStorageUnknown().
  void Upsert(const kube::PersistentVolumeClaim& claim);
  void Upsert(const kube::PersistentVolume& volume);
  void Upsert(const kube::StorageClass& storage_class);
  void Upsert(const kube::CsiNode& node);
  void Upsert(const kube::CsiDriver& driver);
  void Upsert(const kube::CsiStorageCapacity& capacity);
  void Upsert(const kube::VolumeAttachment& attachment);
  void RemoveClaim(std::string_view uid);
  void RemoveVolume(std::string_view uid);
  void RemoveStorageClass(std::string_view uid);
  void RemoveCsiNode(std::string_view uid);
  void RemoveCsiDriver(std::string_view uid);
  void RemoveStorageCapacity(std::string_view uid);
  void RemoveVolumeAttachment(std::string_view uid);
  // While not empty, Pods whose volumes filters care about are undecidable for this reason.
  void SetStorageUnknown(std::string why);

  // Counts every change.
  std::uint64_t generation() const;
  // Counts the changes that may let a Pod fit which did not before: a node or namespace added or changed, a Pod gone
  // from a node or grown smaller. While it stands still, a Nowhere verdict stays true.
  std::uint64_t relaxations() const;

  std::size_t node_count(NodeDomain domain) const;
  std::size_t pod_count() const;
  std::optional<PodIndex> FindPod(std::string_view uid) const;
  std::optional<NodeIndex> FindNode(std::string_view name) const;
  NodeView node(NodeIndex index) const;
  // In name order.
  std::vector<NodeIndex> nodes(NodeRole role) const;

  // Unbound Pods only; a bound Pod has none (valid() is false).
  ClassIndex class_of(PodIndex pod) const;
  // What a Pod takes of a node, in milli-CPU and bytes.
  struct Requests {
    std::int64_t milli_cpu = 0, memory = 0;
  };
  Requests requests_of(PodIndex pod) const;
  // Of an unbound Pod, those that filters care about.
  std::vector<ClaimedVolume> ClaimedVolumesOf(PodIndex pod) const;
  // Unbound Pods, in no particular order.
  std::vector<PodIndex> pending() const;
  // kube-scheduler has the Pod in its queue: it waits, has no gates, is not being deleted and is for one of the
  // profiles in ClusterOptions::scheduler. Only such Pods compete for nodes, and only their nominations count.
  bool IsQueued(PodIndex pod) const;
  // True if a Pod of lower priority than `pod` holds a place on a real node: preemption might help it. False for a Pod
  // whose preemptionPolicy is Never.
  bool PreemptionMightHelp(PodIndex pod) const;
  // True if something may yet come of the nomination of a pending Pod that fits nowhere: the node exists, is real, and
  // would have the CPU, memory and slot for it once those were gone that may go, which are Pods being deleted there and
  // those of lower priority. kube-scheduler itself does not take a nomination back that nothing comes of.
  bool NominationMayHold(PodIndex pod) const;

  // For the rest of this room.
  struct Model;
  const Model& model() const { return *model_; }

 private:
  std::unique_ptr<Model> model_;
};

}  // namespace spillway::sim
