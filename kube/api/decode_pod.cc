#include "kube/api/decode_common.h"

namespace spillway::kube::internal {
namespace {

// ---- containers

bool Read(Value& value, Trail& trail, ContainerPort& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "hostIP") return internal::Read(field, trail, out.host_ip);
    if (key == "protocol") return internal::Read(field, trail, out.protocol);
    if (key == "hostPort") return internal::Read(field, trail, out.host_port);
    if (key == "containerPort") return internal::Read(field, trail, out.container_port);
    return true;
  });
}

bool ReadHostPorts(Value& value, Trail& trail, std::vector<ContainerPort>& out) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) {
    ContainerPort port;
    if (!Read(item, trail, port)) return false;
    if (port.host_port > 0) out.push_back(std::move(port));
    return true;
  });
}

// Engages `requests` as soon as the object is there, whatever it holds.
bool ReadRequests(Value& value, Trail& trail, std::optional<ResourceList>& requests) {
  if (IsNull(value)) return true;
  requests.emplace();
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "requests" || internal::Read(field, trail, *requests);
  });
}

bool ReadAnyItem(Value& value, Trail& trail, bool& out) {
  out = false;
  return EachItem(value, trail, [&](Value&) { return out = true; });
}

bool ReadGates(Value& value, Trail& trail, Pod& pod) {
  pod.scheduling_gates.clear();
  const bool is_read = EachItem(value, trail, [&](Value& item) {
    std::string& name = pod.scheduling_gates.emplace_back();
    return EachField(item, trail, [&](std::string_view key, Value& field) {
      return key != "name" || internal::Read(field, trail, name);
    });
  });
  pod.has_scheduling_gates = !pod.scheduling_gates.empty();
  return is_read;
}

bool ReadContainerResources(Value& value, Trail& trail, Container& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "requests") return internal::Read(field, trail, out.requests);
    if (key == "claims") return ReadAnyItem(field, trail, out.has_resource_claims);
    return true;
  });
}

// Whether any object of the array has `name` = `wanted`.
bool ReadHasField(Value& value, Trail& trail, std::string_view name, std::string_view wanted, bool& out) {
  out = false;
  return EachItem(value, trail, [&](Value& item) {
    return EachField(item, trail, [&](std::string_view key, Value& field) {
      if (key != name) return true;
      std::string_view text;
      if (!ReadText(field, trail, text)) return false;
      out |= text == wanted;
      return true;
    });
  });
}

bool ReadRestartRules(Value& value, Trail& trail, std::vector<std::string>& out) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) {
    return EachField(item, trail, [&](std::string_view key, Value& field) {
      return key != "action" || internal::Read(field, trail, out.emplace_back());
    });
  });
}

bool Read(Value& value, Trail& trail, Container& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "name") return internal::Read(field, trail, out.name);
    if (key == "resources") return ReadContainerResources(field, trail, out);
    if (key == "ports") return ReadHostPorts(field, trail, out.host_ports);
    if (key == "resizePolicy") {
      return ReadHasField(field, trail, "restartPolicy", "RestartContainer", out.has_resize_policy_restart);
    }
    if (key == "restartPolicyRules") return ReadRestartRules(field, trail, out.restart_rules_actions);
    if (key == "restartPolicy") {
      std::string_view text;
      if (!ReadText(field, trail, text)) return false;
      out.restart_always = text == "Always";
    }
    return true;
  });
}

bool ReadContainers(Value& value, Trail& trail, std::vector<Container>& out) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) { return Read(item, trail, out.emplace_back()); });
}

// ---- volumes

Volume::Kind ToVolumeKind(std::string_view type) {
  using Kind = Volume::Kind;
  if (type == "persistentVolumeClaim") return Kind::kPersistentVolumeClaim;
  if (type == "ephemeral") return Kind::kEphemeral;
  if (type == "gcePersistentDisk") return Kind::kGcePd;
  if (type == "awsElasticBlockStore") return Kind::kAwsEbs;
  if (type == "rbd") return Kind::kRbd;
  if (type == "iscsi") return Kind::kIscsi;
  if (type == "hostPath") return Kind::kHostPath;
  if (type == "azureDisk") return Kind::kAzureDisk;
  if (type == "cinder") return Kind::kCinder;
  if (type == "portworxVolume") return Kind::kPortworx;
  return Kind::kOther;
}

std::string_view SourceField(Volume::Kind kind) {
  switch (kind) {
    case Volume::Kind::kPersistentVolumeClaim:
      return "claimName";
    case Volume::Kind::kGcePd:
      return "pdName";
    case Volume::Kind::kAwsEbs:
    case Volume::Kind::kCinder:
    case Volume::Kind::kPortworx:
      return "volumeID";
    case Volume::Kind::kAzureDisk:
      return "diskURI";
    case Volume::Kind::kRbd:
      return "image";
    case Volume::Kind::kIscsi:
      return "iqn";
    default:
      return {};
  }
}

bool ReadUnmanaged(Value& value, Trail& trail, bool& out) {
  if (IsNull(value)) return true;
  std::string_view kind;
  if (!ReadText(value, trail, kind)) return false;
  out = !IsManagedAzureDisk(kind);
  return true;
}

bool ReadVolumeSource(Value& value, Trail& trail, Volume& out) {
  const std::string_view source = SourceField(out.kind);
  if (source.empty()) return true;
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == source) return internal::Read(field, trail, out.source);
    if (key == "readOnly") return internal::Read(field, trail, out.read_only);
    if (key == "kind" && out.kind == Volume::Kind::kAzureDisk) return ReadUnmanaged(field, trail, out.unmanaged);
    if (out.kind != Volume::Kind::kRbd) return true;
    if (key == "pool") return internal::Read(field, trail, out.pool);
    if (key == "monitors") return internal::Read(field, trail, out.monitors);
    return true;
  });
}

bool Read(Value& value, Trail& trail, Volume& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "name") return internal::Read(field, trail, out.name);
    if (IsNull(field)) return true;
    out.type = key;
    out.kind = ToVolumeKind(key);
    return ReadVolumeSource(field, trail, out);
  });
}

// ---- affinity and spread

bool Read(Value& value, Trail& trail, PodAffinityTerm& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "labelSelector") return internal::Read(field, trail, out.label_selector);
    if (key == "namespaceSelector") return internal::Read(field, trail, out.namespace_selector);
    if (key == "namespaces") return internal::Read(field, trail, out.namespaces);
    if (key == "topologyKey") return internal::Read(field, trail, out.topology_key);
    return true;
  });
}

constexpr std::string_view kRequired = "requiredDuringSchedulingIgnoredDuringExecution";

bool ReadPodAffinity(Value& value, Trail& trail, std::vector<PodAffinityTerm>& out) {
  out.clear();
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key != kRequired) return true;
    return EachItem(field, trail, [&](Value& item) { return Read(item, trail, out.emplace_back()); });
  });
}

bool ReadNodeAffinity(Value& value, Trail& trail, std::optional<NodeSelector>& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key != kRequired || IsNull(field)) return true;
    return internal::Read(field, trail, out.emplace());
  });
}

bool ReadAffinity(Value& value, Trail& trail, Pod& pod) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "nodeAffinity") return ReadNodeAffinity(field, trail, pod.required_node_affinity);
    if (key == "podAffinity") return ReadPodAffinity(field, trail, pod.required_pod_affinity);
    if (key == "podAntiAffinity") return ReadPodAffinity(field, trail, pod.required_pod_anti_affinity);
    return true;
  });
}

bool Read(Value& value, Trail& trail, TopologySpreadConstraint& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "maxSkew") return internal::Read(field, trail, out.max_skew);
    if (key == "topologyKey") return internal::Read(field, trail, out.topology_key);
    if (key == "whenUnsatisfiable") return ReadIs(field, trail, "DoNotSchedule", out.do_not_schedule);
    if (key == "labelSelector") return internal::Read(field, trail, out.label_selector);
    if (key == "minDomains") return internal::Read(field, trail, out.min_domains);
    if (key == "nodeAffinityPolicy") return ReadIs(field, trail, "Honor", out.node_affinity_honor);
    if (key == "nodeTaintsPolicy") return ReadIs(field, trail, "Honor", out.node_taints_honor);
    if (key == "matchLabelKeys") return internal::Read(field, trail, out.match_label_keys);
    return true;
  });
}

bool ReadSpread(Value& value, Trail& trail, std::vector<TopologySpreadConstraint>& out) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) { return Read(item, trail, out.emplace_back()); });
}

// ---- spec

bool ReadSchedulingGroup(Value& value, Trail& trail, std::string& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "podGroupName" || internal::Read(field, trail, out);
  });
}

// What schedulingGroup was in 1.35.
bool ReadWorkloadRef(Value& value, Trail& trail, std::string& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "name" || internal::Read(field, trail, out);
  });
}

bool ReadVolumes(Value& value, Trail& trail, std::vector<Volume>& out) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) { return Read(item, trail, out.emplace_back()); });
}

bool ReadPreemption(Value& value, Trail& trail, bool& preempts) {
  bool never = false;
  if (!ReadIs(value, trail, "Never", never)) return false;
  preempts = !never;
  return true;
}

// A main container's own restartPolicy makes no sidecar of it.
bool ReadMainContainers(Value& value, Trail& trail, std::vector<Container>& out) {
  if (!ReadContainers(value, trail, out)) return false;
  for (auto& container : out) container.restart_always = false;
  return true;
}

bool ReadSpec(Value& value, Trail& trail, Pod& pod) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "nodeName") return internal::Read(field, trail, pod.node_name);
    if (key == "schedulerName") return internal::Read(field, trail, pod.scheduler_name);
    if (key == "priority") return internal::Read(field, trail, pod.priority);
    if (key == "preemptionPolicy") return ReadPreemption(field, trail, pod.preempts);
    if (key == "nodeSelector") return internal::Read(field, trail, pod.node_selector);
    if (key == "affinity") return ReadAffinity(field, trail, pod);
    if (key == "topologySpreadConstraints") return ReadSpread(field, trail, pod.topology_spread);
    if (key == "tolerations") return ReadList(field, trail, pod.tolerations);
    if (key == "initContainers") return ReadContainers(field, trail, pod.init_containers);
    if (key == "containers") return ReadMainContainers(field, trail, pod.containers);
    if (key == "overhead") return internal::Read(field, trail, pod.overhead);
    if (key == "resources") {
      // Only present requests replace the containers' sum; an empty object replaces nothing either way.
      return ReadRequests(field, trail, pod.pod_level_requests);
    }
    if (key == "volumes") return ReadVolumes(field, trail, pod.volumes);
    if (key == "resourceClaims") return ReadAnyItem(field, trail, pod.has_resource_claims);
    if (key == "schedulingGates") return ReadGates(field, trail, pod);
    if (key == "hostNetwork") return internal::Read(field, trail, pod.host_network);
    if (key == "hostUsers") return internal::Read(field, trail, pod.host_users);
    if (key == "schedulingGroup") return ReadSchedulingGroup(field, trail, pod.scheduling_group);
    if (key == "workloadRef") return ReadWorkloadRef(field, trail, pod.scheduling_group);
    return true;
  });
}

// ---- status

bool ReadPhase(Value& value, Trail& trail, PodPhase& out) {
  std::string_view text;
  if (!ReadText(value, trail, text)) return false;
  if (text.empty() || text == "Pending") {
    out = PodPhase::kPending;
  } else if (text == "Running") {
    out = PodPhase::kRunning;
  } else if (text == "Succeeded") {
    out = PodPhase::kSucceeded;
  } else if (text == "Failed") {
    out = PodPhase::kFailed;
  } else {
    out = PodPhase::kUnknown;
  }
  return true;
}

bool ReadCondition(Value& value, Trail& trail, Pod& pod) {
  std::string_view type;
  PodScheduledCondition condition;
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "type") return ReadText(field, trail, type);
    if (key == "status") return ReadIs(field, trail, "True", condition.is_true);
    if (key == "reason") return internal::Read(field, trail, condition.reason);
    if (key == "message") return internal::Read(field, trail, condition.message);
    if (key == "lastTransitionTime") return internal::Read(field, trail, condition.last_transition);
    return true;
  });
  if (!read) return false;
  if (type == "PodScheduled")
    pod.pod_scheduled = std::move(condition);
  else if (type == "PodResizePending")
    pod.resize_infeasible = condition.reason == "Infeasible";
  return true;
}

// state or lastState: of a container that runs, or has run.
bool ReadHasRun(Value& value, Trail& trail, bool& has_run) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "running" || key == "terminated") has_run |= !IsNull(field);
    return true;
  });
}

// What says that a container ran at some time, of its status.
bool ReadTraceOfRun(std::string_view key, Value& field, Trail& trail, bool& has_run) {
  if (key == "state" || key == "lastState") return ReadHasRun(field, trail, has_run);
  if (key == "started") {
    bool started = false;
    if (!internal::Read(field, trail, started)) return false;
    has_run |= started;
  } else if (key == "restartCount") {
    std::int32_t restarts = 0;
    if (!internal::Read(field, trail, restarts)) return false;
    has_run |= restarts > 0;
  }
  return true;
}

bool ReadContainerStatuses(Value& value, Trail& trail, std::vector<ContainerStatus>& out, bool& has_started) {
  out.clear();
  return EachItem(value, trail, [&](Value& item) {
    ContainerStatus status;
    const bool read = EachField(item, trail, [&](std::string_view key, Value& field) {
      if (key == "name") return internal::Read(field, trail, status.name);
      if (key == "resources") return ReadRequests(field, trail, status.resources_requests);
      if (key == "allocatedResources") return internal::Read(field, trail, status.allocated_resources);
      return ReadTraceOfRun(key, field, trail, has_started);
    });
    if (!read) return false;
    if (status.resources_requests || !status.allocated_resources.empty()) out.push_back(std::move(status));
    return true;
  });
}

bool ReadStatus(Value& value, Trail& trail, Pod& pod) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "phase") return ReadPhase(field, trail, pod.phase);
    if (key == "nominatedNodeName") return internal::Read(field, trail, pod.nominated_node_name);
    if (key == "conditions")
      return EachItem(field, trail, [&](Value& item) { return ReadCondition(item, trail, pod); });
    if (key == "reason") return internal::Read(field, trail, pod.status_reason);
    if (key == "message") return internal::Read(field, trail, pod.status_message);
    if (key == "containerStatuses") {
      return ReadContainerStatuses(field, trail, pod.container_statuses, pod.has_started);
    }
    if (key == "initContainerStatuses") {
      return ReadContainerStatuses(field, trail, pod.init_container_statuses, pod.has_started);
    }
    if (key == "resources") return ReadRequests(field, trail, pod.pod_status_requests);
    if (key == "allocatedResources") return internal::Read(field, trail, pod.pod_allocated_resources);
    return true;
  });
}

}  // namespace

bool Kind<Pod>::ReadField(std::string_view key, Value& value, Trail& trail, Pod& pod) {
  if (key == "spec") return ReadSpec(value, trail, pod);
  if (key == "status") return ReadStatus(value, trail, pod);
  return true;
}

}  // namespace spillway::kube::internal
