#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "kube/api/pod_features.h"
#include "kube/api/quantity.h"

// The compact object model: only the fields Spillway reads, in upstream's names. Values without behaviour; decoded by
// decode.h on an I/O thread, then owned by the loop. An absent optional means the field was absent or null.
//
// Source: k8s.io/api core/v1, v0.33 to v0.36.
namespace spillway::kube {

// Sorted by key, keys unique.
using StringMap = std::vector<std::pair<std::string, std::string>>;
// nullptr when absent.
const std::string* Find(const StringMap& map, std::string_view key);

struct OwnerReference {
  std::string api_version, kind, name, uid;
  bool controller = false;
  bool operator==(const OwnerReference&) const = default;
};

struct ObjectMeta {
  std::string ns;  // empty for cluster-scoped kinds
  std::string name, uid, resource_version;
  StringMap labels;
  StringMap annotations;  // only keys that Spillway reads, see KeepsAnnotation() in decode.h
  std::vector<OwnerReference> owner_references;
  std::optional<WallTime> creation_timestamp, deletion_timestamp;

  std::string Key() const { return ns.empty() ? name : ns + "/" + name; }
  // The owner with controller=true; nullptr when none.
  const OwnerReference* Controller() const;
  // One of its owners, the controller or not, is of that kind.
  bool IsOwnedBy(std::string_view kind) const;
};

// ---- selectors

struct LabelRequirement {
  enum class Operator : std::uint8_t { kIn, kNotIn, kExists, kDoesNotExist, kGt, kLt, kInvalid };
  std::string key;
  Operator op = Operator::kInvalid;
  std::vector<std::string> values;
  bool operator==(const LabelRequirement&) const = default;
};

// metav1.LabelSelector. Empty matches everything; an absent one (std::optional) matches nothing.
struct LabelSelector {
  StringMap match_labels;
  std::vector<LabelRequirement> match_expressions;
  bool operator==(const LabelSelector&) const = default;
};

struct NodeSelectorTerm {
  std::vector<LabelRequirement> match_expressions;
  std::vector<LabelRequirement> match_fields;
  bool operator==(const NodeSelectorTerm&) const = default;
};
// Terms are OR-ed; none matches nothing.
struct NodeSelector {
  std::vector<NodeSelectorTerm> terms;
  bool operator==(const NodeSelector&) const = default;
};

struct PodAffinityTerm {
  std::optional<LabelSelector> label_selector;
  std::vector<std::string> namespaces;
  std::optional<LabelSelector> namespace_selector;
  std::string topology_key;
  bool operator==(const PodAffinityTerm&) const = default;
};

struct TopologySpreadConstraint {
  std::int32_t max_skew = 1;
  std::string topology_key;
  bool do_not_schedule = true;  // whenUnsatisfiable
  std::optional<LabelSelector> label_selector;
  std::optional<std::int32_t> min_domains;
  bool node_affinity_honor = true;
  bool node_taints_honor = false;
  std::vector<std::string> match_label_keys;
  bool operator==(const TopologySpreadConstraint&) const = default;
};

// ---- taints

enum class TaintEffect : std::uint8_t { kNone, kNoSchedule, kPreferNoSchedule, kNoExecute };

struct Taint {
  std::string key, value;
  TaintEffect effect = TaintEffect::kNone;
  bool operator==(const Taint&) const = default;
};

struct Toleration {
  enum class Operator : std::uint8_t { kEqual, kExists, kLt, kGt, kInvalid };
  std::string key;
  Operator op = Operator::kEqual;
  std::string value;
  TaintEffect effect = TaintEffect::kNone;  // kNone: every effect
  bool operator==(const Toleration&) const = default;
};

// ---- Pod

// Sorted by name.
using ResourceList = std::vector<std::pair<std::string, Quantity>>;

struct ContainerPort {
  std::string host_ip, protocol;  // empty protocol: TCP
  std::int32_t host_port = 0, container_port = 0;
  bool operator==(const ContainerPort&) const = default;
};

struct Container {
  std::string name;
  ResourceList requests;
  std::vector<ContainerPort> host_ports;  // only those with hostPort > 0
  bool restart_always = false;            // an init container that is a sidecar
  bool has_resource_claims = false;
  bool has_resize_policy_restart = false;
  std::vector<std::string> restart_rules_actions;  // restartPolicyRules[].action, for NodeDeclaredFeatures
  bool operator==(const Container&) const = default;
};

// status.containerStatuses[] / initContainerStatuses[] as far as in-place resize needs it.
struct ContainerStatus {
  std::string name;
  std::optional<ResourceList> resources_requests;  // engaged when status.resources is present
  ResourceList allocated_resources;
  bool operator==(const ContainerStatus&) const = default;
};

struct Volume {
  enum class Kind : std::uint8_t {
    kOther,
    kPersistentVolumeClaim,
    kEphemeral,
    kGcePd,
    kAwsEbs,
    kRbd,
    kIscsi,
    kHostPath,
    kAzureDisk,
    kCinder,
    kPortworx
  };
  Kind kind = Kind::kOther;
  std::string name;
  std::string source;                 // claim name, PD name, volume id, RBD image, ISCSI IQN, Azure's disk URI
  std::string pool;                   // RBD
  std::vector<std::string> monitors;  // RBD
  bool read_only = false;
  bool unmanaged = false;  // Azure disk: of a kind other than Managed
  std::string type;        // "kind of source" as the API names it: "emptyDir", "configMap", "csi", ...
  bool operator==(const Volume&) const = default;
};

enum class PodPhase : std::uint8_t { kUnknown, kPending, kRunning, kSucceeded, kFailed };

struct PodScheduledCondition {
  bool is_true = false;
  std::string reason, message;  // Unschedulable, SchedulerError, SchedulingGated
  std::optional<WallTime> last_transition;
  bool operator==(const PodScheduledCondition&) const = default;
};

struct Pod {
  ObjectMeta metadata;

  // spec
  std::string node_name, scheduler_name;
  std::int32_t priority = 0;
  bool preempts = true;  // preemptionPolicy != Never
  StringMap node_selector;
  std::optional<NodeSelector> required_node_affinity;
  std::vector<PodAffinityTerm> required_pod_affinity, required_pod_anti_affinity;
  std::vector<TopologySpreadConstraint> topology_spread;
  std::vector<Toleration> tolerations;
  std::vector<Container> init_containers, containers;
  ResourceList overhead;
  std::optional<ResourceList> pod_level_requests;  // spec.resources.requests
  std::vector<Volume> volumes;
  bool has_resource_claims = false;
  bool has_scheduling_gates = false;
  std::vector<std::string> scheduling_gates;  // their names
  bool host_network = false;
  bool host_users = true;
  std::string scheduling_group;  // spec.schedulingGroup.podGroupName
  // What it asks of whoever runs it, by name. Known only of Pods without a node: nobody asks it of others.
  std::vector<PodFeature> features;
  std::vector<PodValue> values;  // in the order of the spec; of Pods without a node, too

  // status
  PodPhase phase = PodPhase::kPending;
  std::string status_reason, status_message;  // in a node's words, why the Pod is as it is
  bool has_started = false;                   // of its containers one ran at some time, init containers too
  std::string nominated_node_name;
  std::optional<PodScheduledCondition> pod_scheduled;
  bool resize_infeasible = false;  // condition PodResizePending, reason Infeasible
  std::vector<ContainerStatus> container_statuses, init_container_statuses;
  std::optional<ResourceList> pod_status_requests;  // status.resources.requests, when present
  ResourceList pod_allocated_resources;

  bool is_terminal() const { return phase == PodPhase::kSucceeded || phase == PodPhase::kFailed; }
  bool is_terminating() const { return metadata.deletion_timestamp.has_value(); }
  bool is_bound() const { return !node_name.empty(); }
};

// ---- Node and the rest of what the filters read; for volumes see storage.h

struct Node {
  ObjectMeta metadata;
  bool unschedulable = false;
  std::vector<Taint> taints;
  ResourceList allocatable;
  bool ready = false;  // condition Ready is True
  std::string ready_reason;
  std::optional<WallTime> ready_changed;  // that condition's last transition
  // Condition CloudReachable, which agents of virtual nodes set: False.
  bool cloud_unreachable = false;
  std::vector<std::string> declared_features;
};

struct Namespace {
  ObjectMeta metadata;
};

// data as text; binaryData is not read.
struct ConfigMap {
  ObjectMeta metadata;
  StringMap data;
};

// core/v1 Event, as far as what it says of a Pod goes.
struct ObjectEvent {
  ObjectMeta metadata;
  std::string reason;
  std::string about_uid;  // involvedObject's
};

// Metadata only: owners, services' namesakes (PartialObjectMetadata).
struct PartialObject {
  ObjectMeta metadata;
};

// Any object as it came: for the agent, which needs the whole of its own few Pods. metadata has namespace, name, uid
// and resourceVersion only.
struct RawObject {
  ObjectMeta metadata;
  std::string json;
};

}  // namespace spillway::kube
