#include "sandbox/store/kinds.h"

#include <fmt/core.h>

namespace spillway::sandbox {
namespace {

// What a kind can do beyond being stored, as letters: s status, c scale, g generation, n namespaced, p PUT creates, v
// PUT needs a resourceVersion.
struct Row {
  std::string_view group, version, kind, plural, singular, abilities;
  std::vector<std::string_view> short_names = {}, categories = {}, fields = {};
};

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {"", "v1", "ConfigMap", "configmaps", "configmap", "n", {"cm"}},
      {"", "v1", "Endpoints", "endpoints", "endpoints", "np", {"ep"}},
      {"",
       "v1",
       "Event",
       "events",
       "event",
       "np",
       {"ev"},
       {},
       {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type"}},
      {"", "v1", "LimitRange", "limitranges", "limitrange", "np", {"limits"}},
      {"", "v1", "Namespace", "namespaces", "namespace", "s", {"ns"}, {}, {"status.phase"}},
      {"", "v1", "Node", "nodes", "node", "s", {"no"}, {}, {"spec.unschedulable"}},
      {"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim", "sn", {"pvc"}},
      {"", "v1", "PersistentVolume", "persistentvolumes", "persistentvolume", "s", {"pv"}},
      {"",
       "v1",
       "Pod",
       "pods",
       "pod",
       "sgn",
       {"po"},
       {"all"},
       {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName"}},
      {"", "v1", "PodTemplate", "podtemplates", "podtemplate", "gn"},
      {"",
       "v1",
       "ReplicationController",
       "replicationcontrollers",
       "replicationcontroller",
       "scgn",
       {"rc"},
       {"all"},
       {"status.replicas"}},
      {"", "v1", "ResourceQuota", "resourcequotas", "resourcequota", "sn", {"quota"}},
      {"", "v1", "Secret", "secrets", "secret", "n", {}, {}, {"type"}},
      {"", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", "n", {"sa"}},
      {"", "v1", "Service", "services", "service", "snp", {"svc"}, {"all"}, {"spec.clusterIP", "spec.type"}},
      {"admissionregistration.k8s.io",
       "v1",
       "MutatingWebhookConfiguration",
       "mutatingwebhookconfigurations",
       "mutatingwebhookconfiguration",
       "gv",
       {},
       {"api-extensions"}},
      {"admissionregistration.k8s.io",
       "v1",
       "ValidatingWebhookConfiguration",
       "validatingwebhookconfigurations",
       "validatingwebhookconfiguration",
       "gv",
       {},
       {"api-extensions"}},
      {"apps", "v1", "ControllerRevision", "controllerrevisions", "controllerrevision", "n"},
      {"apps", "v1", "DaemonSet", "daemonsets", "daemonset", "sgn", {"ds"}, {"all"}},
      {"apps", "v1", "Deployment", "deployments", "deployment", "scgn", {"deploy"}, {"all"}},
      {"apps", "v1", "ReplicaSet", "replicasets", "replicaset", "scgn", {"rs"}, {"all"}, {"status.replicas"}},
      {"apps", "v1", "StatefulSet", "statefulsets", "statefulset", "scgn", {"sts"}, {"all"}},
      {"autoscaling",
       "v2",
       "HorizontalPodAutoscaler",
       "horizontalpodautoscalers",
       "horizontalpodautoscaler",
       "sgn",
       {"hpa"},
       {"all"}},
      {"batch", "v1", "CronJob", "cronjobs", "cronjob", "sgn", {"cj"}, {"all"}},
      {"batch", "v1", "Job", "jobs", "job", "sgn", {}, {"all"}, {"status.successful"}},
      {"coordination.k8s.io", "v1", "Lease", "leases", "lease", "npv"},
      {"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "endpointslice", "gn"},
      {"events.k8s.io", "v1", "Event", "events", "event", "np", {"ev"}, {}, {}},
      {"networking.k8s.io", "v1", "Ingress", "ingresses", "ingress", "sgn", {"ing"}},
      {"networking.k8s.io", "v1", "IngressClass", "ingressclasses", "ingressclass", "g"},
      {"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "networkpolicy", "gn", {"netpol"}},
      {"node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", "runtimeclass", "pv"},
      {"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget", "sgnv", {"pdb"}},
      {"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding", "p"},
      {"rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "clusterrole", "p"},
      {"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "rolebinding", "np"},
      {"rbac.authorization.k8s.io", "v1", "Role", "roles", "role", "np"},
      {"resource.k8s.io", "v1", "DeviceClass", "deviceclasses", "deviceclass", "g"},
      {"resource.k8s.io", "v1", "ResourceClaim", "resourceclaims", "resourceclaim", "sn"},
      {"resource.k8s.io", "v1", "ResourceClaimTemplate", "resourceclaimtemplates", "resourceclaimtemplate", "n"},
      {"resource.k8s.io", "v1", "ResourceSlice", "resourceslices", "resourceslice", "g", {}, {}, {"spec.nodeName"}},
      {"scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "priorityclass", "g", {"pc"}},
      {"storage.k8s.io", "v1", "CSIDriver", "csidrivers", "csidriver", "gv"},
      {"storage.k8s.io", "v1", "CSINode", "csinodes", "csinode", "v"},
      {"storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities", "csistoragecapacity", "nv"},
      {"storage.k8s.io", "v1", "StorageClass", "storageclasses", "storageclass", "", {"sc"}},
      {"storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", "volumeattachment", "sv"},
  };
  return rows;
}

std::vector<Kind> Built() {
  std::vector<Kind> kinds;
  for (const Row& row : Rows()) {
    const auto can = [&](char ability) { return row.abilities.find(ability) != std::string_view::npos; };
    kinds.push_back(Kind{.group = row.group,
                         .version = row.version,
                         .kind = row.kind,
                         .plural = row.plural,
                         .singular = row.singular,
                         .namespaced = can('n'),
                         .has_status = can('s'),
                         .has_scale = can('c'),
                         .has_generation = can('g'),
                         .put_creates = can('p'),
                         .put_needs_version = can('v'),
                         .short_names = row.short_names,
                         .categories = row.categories,
                         .fields = row.fields});
  }
  return kinds;
}

}  // namespace

std::string Kind::ApiVersion() const {
  return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
}

std::string Kind::GroupResource() const {
  return group.empty() ? std::string(plural) : fmt::format("{}.{}", plural, group);
}

std::string Kind::ListKind() const { return std::string(kind) + "List"; }

const std::vector<Kind>& AllKinds() {
  static const std::vector<Kind> kinds = Built();
  return kinds;
}

const Kind* FindKind(std::string_view group, std::string_view version, std::string_view plural) {
  for (const Kind& kind : AllKinds()) {
    if (kind.plural == plural && kind.group == group && kind.version == version) return &kind;
  }
  return nullptr;
}

const Kind* FindKind(std::string_view resource) {
  const std::size_t dot = resource.find('.');
  for (const Kind& kind : AllKinds()) {
    if (kind.plural != resource.substr(0, dot)) continue;
    if (dot == std::string_view::npos || kind.group == resource.substr(dot + 1)) return &kind;
  }
  return nullptr;
}

const Kind* FindKindOf(std::string_view api_version, std::string_view name) {
  for (const Kind& kind : AllKinds()) {
    if (kind.kind == name && kind.ApiVersion() == api_version) return &kind;
  }
  return nullptr;
}

const Kind& StorageOf(const Kind& kind) {
  static const Kind& core_events = *FindKind("", "v1", "events");
  return kind.group == "events.k8s.io" ? core_events : kind;
}

const Kind* FindStorageKind(std::string_view resource) {
  const Kind* kind = FindKind(resource);
  return kind ? &StorageOf(*kind) : nullptr;
}

}  // namespace spillway::sandbox
