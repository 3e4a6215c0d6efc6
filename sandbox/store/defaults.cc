#include "sandbox/store/defaults.h"

#include <map>
#include <string>

#include "base/base64.h"
#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

// podIP and podIPs say the same; where they differ, podIP counts. Source: pkg/apis/core/v1/conversion.go, v1.36.
void SettleAddresses(Json& status) {
  const Json& list = ArrayAt(status, "podIPs");
  const std::string ip = TextAt(status, "podIP");
  if (ip.empty() && !list.empty()) {
    status["podIP"] = TextAt(list[0], "ip");
  } else if (!ip.empty() && (list.empty() || TextAt(list[0], "ip") != ip)) {
    status["podIPs"] = Json::array({{{"ip", ip}}});
  }
}

void DefaultPod(Json& pod) {
  if (Json* status = Find(pod, "status"); status && status->is_object()) SettleAddresses(*status);
  Json& spec = ObjectAt(pod, "spec");
  DefaultPodSpec(spec);
  Default(spec, "enableServiceLinks", true);
  for (const char* list : {"initContainers", "containers"}) {
    Json* containers = Find(spec, list);
    if (!containers || !containers->is_array()) continue;
    for (Json& container : *containers) {
      const Json* limits = container.is_object() ? Find(container, "resources.limits") : nullptr;
      if (!limits || !limits->is_object()) continue;
      const Json copied = *limits;  // ObjectAt may move what it points to
      Json& requests = ObjectAt(container, "resources.requests");
      for (const auto& [name, amount] : copied.items()) Default(requests, name.c_str(), amount);
    }
  }
}

void DefaultTemplate(Json& object) {
  if (Json* spec = Find(object, "spec.template.spec")) DefaultPodSpec(*spec);
  // As upstream serializes an unset time within a template.
  if (Json* metadata = Find(object, "spec.template.metadata"); metadata && metadata->is_object()) {
    metadata->erase("creationTimestamp");
  }
}

void DefaultDeployment(Json& deployment) {
  Json& spec = ObjectAt(deployment, "spec");
  Default(spec, "replicas", 1);
  Default(spec, "revisionHistoryLimit", 10);
  Default(spec, "progressDeadlineSeconds", 600);
  Json& strategy = ObjectAt(spec, "strategy");
  Default(strategy, "type", "RollingUpdate");
  if (TextAt(strategy, "type") == "RollingUpdate") {
    Json& rolling = ObjectAt(strategy, "rollingUpdate");
    Default(rolling, "maxSurge", "25%");
    Default(rolling, "maxUnavailable", "25%");
  }
  DefaultTemplate(deployment);
}

void DefaultReplicas(Json& object) {
  Default(ObjectAt(object, "spec"), "replicas", 1);
  DefaultTemplate(object);
}

void DefaultStatefulSet(Json& set) {
  Json& spec = ObjectAt(set, "spec");
  Default(spec, "replicas", 1);
  Default(spec, "podManagementPolicy", "OrderedReady");
  Default(spec, "revisionHistoryLimit", 10);
  Json& update = ObjectAt(spec, "updateStrategy");
  Default(update, "type", "RollingUpdate");
  if (TextAt(update, "type") == "RollingUpdate") Default(ObjectAt(update, "rollingUpdate"), "partition", 0);
  Json& retention = ObjectAt(spec, "persistentVolumeClaimRetentionPolicy");
  Default(retention, "whenDeleted", "Retain");
  Default(retention, "whenScaled", "Retain");
  DefaultTemplate(set);
}

void DefaultDaemonSet(Json& set) {
  Json& spec = ObjectAt(set, "spec");
  Default(spec, "revisionHistoryLimit", 10);
  Json& update = ObjectAt(spec, "updateStrategy");
  Default(update, "type", "RollingUpdate");
  if (TextAt(update, "type") == "RollingUpdate") {
    Json& rolling = ObjectAt(update, "rollingUpdate");
    Default(rolling, "maxSurge", 0);
    Default(rolling, "maxUnavailable", 1);
  }
  DefaultTemplate(set);
}

void DefaultJob(Json& job) {
  Json& spec = ObjectAt(job, "spec");
  if (!Find(spec, "completions") && !Find(spec, "parallelism")) spec["completions"] = 1;
  Default(spec, "parallelism", 1);
  Default(spec, "backoffLimit", 6);
  Default(spec, "completionMode", "NonIndexed");
  Default(spec, "suspend", false);
  Default(spec, "podReplacementPolicy", Find(spec, "podFailurePolicy") ? "Failed" : "TerminatingOrFailed");
  DefaultTemplate(job);
}

void DefaultCronJob(Json& job) {
  Json& spec = ObjectAt(job, "spec");
  Default(spec, "concurrencyPolicy", "Allow");
  Default(spec, "suspend", false);
  Default(spec, "successfulJobsHistoryLimit", 3);
  Default(spec, "failedJobsHistoryLimit", 1);
  if (Json* inner = Find(spec, "jobTemplate.spec.template.spec")) DefaultPodSpec(*inner);
}

void DefaultService(Json& service) {
  Json& spec = ObjectAt(service, "spec");
  Default(spec, "type", "ClusterIP");
  Default(spec, "sessionAffinity", "None");
  if (TextAt(spec, "type") != "ExternalName") {
    Default(spec, "internalTrafficPolicy", "Cluster");
    Default(spec, "ipFamilyPolicy", "SingleStack");
    Default(spec, "ipFamilies", Json::array({"IPv4"}));
  }
  if (Json* ports = Find(spec, "ports"); ports && ports->is_array()) {
    for (Json& port : *ports) {
      if (!port.is_object()) continue;
      Default(port, "protocol", "TCP");
      if (port.contains("port")) Default(port, "targetPort", port["port"]);
    }
  }
  Default(ObjectAt(service, "status"), "loadBalancer", Json::object());
}

void DefaultSecret(Json& secret) {
  Default(secret, "type", "Opaque");
  if (Json* plain = Find(secret, "stringData"); plain && plain->is_object()) {
    const Json copied = *plain;
    Json& data = ObjectAt(secret, "data");
    for (const auto& [name, text] : copied.items()) {
      if (text.is_string()) data[name] = EncodeBase64(text.get<std::string>());
    }
  }
  secret.erase("stringData");
}

void DefaultNamespace(Json& ns) {
  ObjectAt(ns, "metadata.labels")["kubernetes.io/metadata.name"] = TextAt(ns, "metadata.name");
  Default(ObjectAt(ns, "spec"), "finalizers", Json::array({"kubernetes"}));
  Default(ObjectAt(ns, "status"), "phase", "Active");
}

void DefaultClaim(Json& claim) {
  Default(ObjectAt(claim, "spec"), "volumeMode", "Filesystem");
  Default(ObjectAt(claim, "status"), "phase", "Pending");
}

void DefaultPersistentVolume(Json& volume) {
  Json& spec = ObjectAt(volume, "spec");
  Default(spec, "persistentVolumeReclaimPolicy", "Retain");
  Default(spec, "volumeMode", "Filesystem");
  Default(ObjectAt(volume, "status"), "phase", "Pending");
}

void DefaultStorageClass(Json& storage_class) {
  Default(storage_class, "reclaimPolicy", "Delete");
  Default(storage_class, "volumeBindingMode", "Immediate");
}

// A Node admits at least its capacity, and at most it.
void DefaultNode(Json& node) {
  ObjectAt(node, "spec");
  Json& status = ObjectAt(node, "status");
  QuantitiesToText(Find(status, "capacity"));
  QuantitiesToText(Find(status, "allocatable"));
  if (const Json* capacity = Find(status, "capacity"); capacity && !Find(status, "allocatable")) {
    status["allocatable"] = Json(*capacity);
  }
}

}  // namespace

void ApplyDefaults(const Kind& kind, Json& object) {
  using Apply = void (*)(Json&);
  static const std::map<std::string_view, Apply> by_plural = {
      {"pods", DefaultPod},
      {"nodes", DefaultNode},
      {"namespaces", DefaultNamespace},
      {"services", DefaultService},
      {"secrets", DefaultSecret},
      {"persistentvolumes", DefaultPersistentVolume},
      {"persistentvolumeclaims", DefaultClaim},
      {"replicationcontrollers", DefaultReplicas},
      {"replicasets", DefaultReplicas},
      {"deployments", DefaultDeployment},
      {"statefulsets", DefaultStatefulSet},
      {"daemonsets", DefaultDaemonSet},
      {"jobs", DefaultJob},
      {"cronjobs", DefaultCronJob},
      {"storageclasses", DefaultStorageClass},
      {"priorityclasses", [](Json& object) { Default(object, "preemptionPolicy", "PreemptLowerPriority"); }},
  };
  const auto found = by_plural.find(kind.plural);
  if (found != by_plural.end()) found->second(object);
}

}  // namespace spillway::sandbox
