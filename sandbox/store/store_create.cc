#include <fmt/core.h>

#include <string>

#include "sandbox/store/defaults.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/store.h"

// What happens to an object between its arrival and its first write: upstream's strategies and admission plug-ins.

namespace spillway::sandbox {
namespace {

// Source: plugin/pkg/admission/defaulttolerationseconds.
void TolerateNodeFailure(Json& spec) {
  Json& tolerations = spec["tolerations"];
  if (!tolerations.is_array()) tolerations = Json::array();
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    bool tolerated = false;
    for (const Json& each : tolerations) {
      const std::string effect = TextAt(each, "effect");
      const std::string named = TextAt(each, "key");
      if ((named == key || named.empty()) && (effect == "NoExecute" || effect.empty())) tolerated = true;
    }
    if (tolerated) continue;
    tolerations.push_back({{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}, {"tolerationSeconds", 300}});
  }
}

// Source: pkg/registry/batch/job/strategy.go generateSelector.
void SelectByUid(Json& job) {
  if (IsTrueAt(job, "spec.manualSelector")) return;
  const std::string uid = TextAt(job, "metadata.uid");
  const std::string name = TextAt(job, "metadata.name");
  Json& labels = ObjectAt(job, "spec.template.metadata.labels");
  for (const char* prefix : {"", "batch.kubernetes.io/"}) {
    labels[std::string(prefix) + "controller-uid"] = uid;
    labels[std::string(prefix) + "job-name"] = name;
  }
  job["spec"]["selector"] = {{"matchLabels", {{"batch.kubernetes.io/controller-uid", uid}}}};
}

}  // namespace

ApiStatus Store::CheckNamespace(const Kind& kind, std::string_view ns, std::string_view name) const {
  if (!kind.namespaced) return {};
  static const Kind& namespaces = *FindKind("namespaces");
  const StoredPtr found = etcd_.Get(namespaces, "", ns);
  if (!found) return Refuse(NotFound(namespaces, ns));
  if (found->fields[0] == "Terminating") {
    return Refuse(Forbidden(
        kind, name, fmt::format("unable to create new content in namespace {} because it is being terminated", ns)));
  }
  return {};
}

void Store::PrepareForCreate(const Kind& kind, Json& object) {
  const bool keeps_status =
      kind.plural == "nodes" || kind.plural == "persistentvolumes" || kind.plural == "resourceclaims";
  if (kind.has_status && !keeps_status) object["status"] = Json::object();
  if (kind.plural == "jobs") SelectByUid(object);
  if (kind.plural == "services") {
    Json& spec = ObjectAt(object, "spec");
    const std::string type = TextAt(spec, "type");
    if (type != "ExternalName" && TextAt(spec, "clusterIP").empty()) {
      const std::uint32_t ip = ++cluster_ips_;
      spec["clusterIP"] = fmt::format("10.96.{}.{}", (ip / 250) % 256, 1 + ip % 250);
    }
    if (type != "ExternalName") spec["clusterIPs"] = Json::array({spec["clusterIP"]});
  }
  ApplyDefaults(kind, object);
  if (kind.has_generation) object["metadata"]["generation"] = 1;
}

ApiStatus Store::AdmitPod(Json& pod) const {
  Json& spec = ObjectAt(pod, "spec");
  const std::string name = TextAt(pod, "metadata.name");
  if (TextAt(spec, "serviceAccountName").empty()) {
    spec["serviceAccountName"] = "default";
    spec["serviceAccount"] = "default";
  }
  TolerateNodeFailure(spec);
  std::int64_t priority = 0;
  std::string preemption = "PreemptLowerPriority";
  static const Kind& classes = *FindKind("priorityclasses");
  if (const std::string wanted = TextAt(spec, "priorityClassName"); !wanted.empty()) {
    const StoredPtr found = etcd_.Get(classes, "", wanted);
    if (!found) {
      return Refuse(Forbidden(*FindKind("pods"), name, fmt::format("no PriorityClass with name {} was found", wanted)));
    }
    const Json priority_class = Json::parse(found->json);
    priority = IntAt(priority_class, "value", 0);
    preemption = TextAt(priority_class, "preemptionPolicy");
  } else {
    etcd_.ForEach(classes, "", "", [&](const StoredPtr& each) {
      const Json priority_class = Json::parse(each->json);
      if (!IsTrueAt(priority_class, "globalDefault")) return true;
      priority = IntAt(priority_class, "value", 0);
      preemption = TextAt(priority_class, "preemptionPolicy");
      spec["priorityClassName"] = each->name;
      return false;
    });
  }
  spec["priority"] = priority;
  Default(spec, "preemptionPolicy", preemption);
  pod["status"] = {{"phase", "Pending"}, {"qosClass", QosClass(spec)}};
  if (!ArrayAt(spec, "schedulingGates").empty()) {
    pod["status"]["conditions"] =
        Json::array({{{"type", "PodScheduled"},
                      {"status", "False"},
                      {"lastProbeTime", nullptr},
                      {"lastTransitionTime", Timestamp()},
                      {"reason", "SchedulingGated"},
                      {"message", "Scheduling is blocked due to non-empty scheduling gates"}}});
  }
  return {};
}

}  // namespace spillway::sandbox
