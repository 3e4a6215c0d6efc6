#include "tests/simulation/load.h"

#include <fmt/core.h>

#include "base/files.h"
#include "sandbox/standins/objects.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;

// "key:value", the value being optional.
std::pair<std::string, std::string> SplitPair(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

// How it wants to stand beside others: spread=SKEW [zone=yes] of its own over nodes or zones, apart=yes from its own,
// near=NAME to another workload's.
void SetTopology(Json& spec, const Line& load, const std::string& name) {
  const Json own = {{"matchLabels", {{"app", name}}}};
  const char* topology = load.Text("zone") == "yes" ? "topology.kubernetes.io/zone" : "kubernetes.io/hostname";
  const char* required = "requiredDuringSchedulingIgnoredDuringExecution";
  if (load.options.contains("spread"))
    spec["topologySpreadConstraints"] = Json::array({{{"maxSkew", load.Number("spread", 1)},
                                                      {"topologyKey", topology},
                                                      {"whenUnsatisfiable", "DoNotSchedule"},
                                                      {"labelSelector", own}}});
  if (load.Text("apart") == "yes")
    spec["affinity"]["podAntiAffinity"][required] = Json::array({{{"topologyKey", topology}, {"labelSelector", own}}});
  if (load.options.contains("near")) {
    const Json other = {{"matchLabels", {{"app", load.Text("near")}}}};
    spec["affinity"]["podAffinity"][required] = Json::array({{{"topologyKey", topology}, {"labelSelector", other}}});
  }
}

// What virtual nodes may be unable to run: hostPID, hostIPC, hostPath, configMap; privileged is the container's.
void SetNeeds(Json& spec, const std::string& needs) {
  if (needs == "hostPID" || needs == "hostIPC") spec[needs] = true;
  if (needs == "hostPath") spec["volumes"] = Json::array({{{"name", "v"}, {"hostPath", {{"path", "/var/log"}}}}});
  if (needs == "configMap") spec["volumes"] = Json::array({{{"name", "v"}, {"configMap", {{"name", "settings"}}}}});
}

Json PodTemplate(const Line& load, const std::string& name) {
  Json pod = {{"metadata", {{"labels", {{"app", name}}}, {"annotations", Json::object()}}}, {"spec", Json::object()}};
  Json container = {{"name", "main"}, {"image", "registry.example/" + name + ":1"}};
  Json& requests = container["resources"]["requests"];
  requests = Json::object();
  if (load.options.contains("cpu")) requests["cpu"] = load.Text("cpu");
  if (load.options.contains("memory")) requests["memory"] = load.Text("memory");
  if (load.options.contains("gpu")) container["resources"]["limits"]["nvidia.com/gpu"] = load.Text("gpu");
  if (load.options.contains("scratch")) requests["ephemeral-storage"] = load.Text("scratch");
  if (load.Text("needs") == "privileged") container["securityContext"]["privileged"] = true;
  if (const auto port = load.Number("port", 0); port > 0)
    container["ports"] = Json::array({{{"containerPort", port}, {"hostPort", port}}});
  pod["spec"]["containers"] = Json::array({container});
  SetNeeds(pod["spec"], load.Text("needs"));
  if (load.options.contains("run"))
    pod["metadata"]["annotations"]["spillway.io/simulated-run-seconds"] =
        fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(load.Time("run", 1s)).count());
  if (load.options.contains("annotation")) {
    const auto [key, value] = SplitPair(load.Text("annotation"));
    pod["metadata"]["annotations"][key] = value;
  }
  if (load.options.contains("selector")) {
    const auto [key, value] = SplitPair(load.Text("selector"));
    pod["spec"]["nodeSelector"][key] = value;
  }
  if (load.options.contains("toleration"))
    pod["spec"]["tolerations"] = Json::array({{{"key", load.Text("toleration")}, {"operator", "Exists"}}});
  if (load.Text("gated") == "yes") pod["spec"]["schedulingGates"] = Json::array({{{"name", "simulation/later"}}});
  if (load.options.contains("gate")) {
    pod["spec"]["schedulingGates"] = Json::array({{{"name", load.Text("gate")}}});
  }
  SetTopology(pod["spec"], load, name);
  if (load.options.contains("scheduler")) pod["spec"]["schedulerName"] = load.Text("scheduler");
  if (load.options.contains("priority"))
    pod["spec"]["priorityClassName"] = fmt::format("priority-{}", load.Number("priority", 0));
  return pod;
}

void EnsurePriorityClass(sandbox::Store& store, const Line& load) {
  if (!load.options.contains("priority")) return;
  const std::int64_t value = load.Number("priority", 0);
  (void)store.Create("priorityclasses",
                     {{"metadata", {{"name", fmt::format("priority-{}", value)}}}, {"value", value}});
}

std::string Resource(const std::string& kind) {
  if (kind == "deployment" || kind == "statefulset" || kind == "daemonset" || kind == "replicaset")
    return kind + "s.apps";
  return kind == "job" ? "jobs.batch" : kind + "s";
}

Json Workload(const std::string& kind, const std::string& name, const Line& load) {
  Json object = {{"metadata", {{"name", name}, {"namespace", load.Text("namespace", "default")}}}};
  Json& spec = object["spec"];
  spec["template"] = PodTemplate(load, name);
  if (kind == "job") {
    spec["completions"] = load.Number("completions", 1);
    spec["parallelism"] = load.Number("parallelism", load.Number("completions", 1));
    spec["backoffLimit"] = load.Number("backoff", 4);
    spec["template"]["spec"]["restartPolicy"] = "Never";
    return object;
  }
  spec["selector"] = {{"matchLabels", {{"app", name}}}};
  if (kind != "daemonset") spec["replicas"] = load.Number("replicas", 1);
  if (kind == "statefulset") spec["serviceName"] = name;
  return object;
}

Status Created(const sandbox::ApiResult<Json>& created) {
  if (!created) return Fail(sandbox::ToError(created.error()));
  return {};
}

// A claim that is bound to a volume already: volume=anywhere, or volume=NODE for one that only that node reaches.
Status AddVolume(sandbox::Store& store, Json& pod, const Line& load) {
  const std::string name = sandbox::ObjectName(pod), ns = sandbox::NamespaceOf(pod), where = load.Text("volume");
  Json volume;
  volume["metadata"]["name"] = "pv-" + name;
  volume["spec"]["capacity"]["storage"] = "1Gi";
  volume["spec"]["accessModes"] = {"ReadWriteOnce"};
  volume["spec"]["nfs"] = {{"server", "files.example"}, {"path", "/" + name}};
  if (where != "anywhere") {
    const Json here = {{"key", "kubernetes.io/hostname"}, {"operator", "In"}, {"values", {where}}};
    volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"] =
        Json::array({{{"matchExpressions", Json::array({here})}}});
  }
  Json claim;
  claim["metadata"] = {{"name", name}, {"namespace", ns}};
  claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = "yes";
  claim["spec"]["accessModes"] = {"ReadWriteOnce"};
  claim["spec"]["resources"]["requests"]["storage"] = "1Gi";
  claim["spec"]["volumeName"] = "pv-" + name;
  pod["spec"]["volumes"] = Json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", name}}}}});
  const auto made = store.Create("persistentvolumeclaims", claim);
  if (!made) return Created(made);
  // As the controller of volumes says it, and kubelets want to read it.
  volume["spec"]["claimRef"] = {{"name", name}, {"namespace", ns}, {"uid", sandbox::UidOf(*made)}};
  (void)store.Modify("persistentvolumeclaims", ns, name, sandbox::Part::kStatus, [](Json& object) {
    object["status"]["phase"] = "Bound";
    return true;
  });
  return Created(store.Create("persistentvolumes", volume));
}

// Takes the scheduling gates off all Pods of a workload.
Status Ungate(sandbox::Store& store, const std::string& ns, const std::string& app) {
  const auto pods = store.List("pods", {.ns = ns, .label_selector = "app=" + app});
  if (!pods) return Fail(sandbox::ToError(pods.error()));
  for (const Json& pod : *pods) {
    (void)store.Modify("pods", ns, sandbox::ObjectName(pod), sandbox::Part::kObject,
                       [](Json& object) { return object["spec"].erase("schedulingGates") > 0; });
  }
  return {};
}

Status CreatePods(sandbox::Store& store, const std::string& name, const Line& load) {
  const std::int64_t count = load.Number("count", 1);
  for (std::int64_t i = 0; i < count; ++i) {
    Json pod = PodTemplate(load, name);
    pod["metadata"]["name"] = count == 1 ? name : fmt::format("{}-{}", name, i);
    pod["metadata"]["namespace"] = load.Text("namespace", "default");
    if (load.options.contains("owner")) {
      // The second is of a kind that the garbage collector does not know, so that it lets the Pod be.
      Json& owners = pod["metadata"]["ownerReferences"] = Json::array();
      for (const std::string& kind : {load.Text("owner"), std::string("Keeper")}) {
        owners.push_back(
            {{"apiVersion", "apps.example/v1"}, {"kind", kind}, {"name", name}, {"uid", kind + "-" + name}});
      }
      owners.front()["controller"] = true;
    }
    if (load.options.contains("volume")) {
      if (auto added = AddVolume(store, pod, load); !added) return added;
    }
    if (auto created = Created(store.Create("pods", std::move(pod))); !created) return created;
  }
  return {};
}

// Creates it, or puts it in the place of what is there.
Status Put(sandbox::Store& store, const char* resource, const Json& object) {
  const std::string ns = sandbox::NamespaceOf(object), name = sandbox::ObjectName(object);
  if (store.Create(resource, object)) return {};
  return Created(store.Modify(resource, ns, name, sandbox::Part::kObject, [&](Json& there) {
    there.merge_patch(object);
    return true;
  }));
}

Status PutConfigMap(sandbox::Store& store, const std::string& ns, const std::string& name, const std::string& key,
                    const std::string& value) {
  return Put(store, "configmaps", {{"metadata", {{"name", name}, {"namespace", ns}}}, {"data", {{key, value}}}});
}

Status PutNamespace(sandbox::Store& store, const Line& load) {
  Json ns = {{"metadata", {{"name", load.Word(1)}}}};
  if (load.options.contains("annotation")) {
    const auto [key, value] = SplitPair(load.Text("annotation"));
    ns["metadata"]["annotations"][key] = value;
  }
  return Put(store, "namespaces", ns);
}

Status Configure(sandbox::SandboxCluster& cluster, const std::string& folder, const Line& load) {
  constexpr const char* kName = "spillway-configuration";
  if (load.Word(1) == "none") {
    (void)cluster.store().Delete("configmaps", "kube-system", kName);
    return {};
  }
  std::string yaml = "apiVersion: spillway.io/v1alpha1\nkind: SpillwayConfiguration\n";
  if (load.options.contains("mode")) yaml += "mode: " + load.Text("mode") + "\n";
  if (load.options.contains("most")) yaml += fmt::format("limits: {{cluster: {{pods: {}}}}}\n", load.Text("most"));
  if (!load.Word(1).empty()) {
    const auto text = base::ReadFile(folder + "/" + load.Word(1));
    if (!text) return Fail(text.error());
    yaml = *text;
  }
  return PutConfigMap(cluster.store(), "kube-system", kName, "config.yaml", yaml);
}

Status ApplyManifestFile(sandbox::SandboxCluster& cluster, const std::string& path, const Line& load) {
  const auto yaml = base::ReadFile(path);
  return yaml ? cluster.Apply(*yaml, load.Text("namespace", "default")) : Fail(yaml.error());
}

}  // namespace

Status ApplyLoad(sandbox::SandboxCluster& cluster, const std::string& folder, const Line& load) {
  sandbox::Store& store = cluster.store();
  const std::string verb = load.Word(0);
  const std::string ns = load.Text("namespace", "default");
  EnsurePriorityClass(store, load);
  if (verb == "manifest") return ApplyManifestFile(cluster, folder + "/" + load.Word(1), load);
  if (verb == "namespace") return PutNamespace(store, load);
  if (verb == "configuration") return Configure(cluster, folder, load);
  if (verb == "configmap") {
    const auto [key, value] = SplitPair(load.Text("data"));
    return PutConfigMap(store, ns, load.Word(1), key, value);
  }
  if (verb == "pod") return CreatePods(store, load.Word(1), load);
  if (verb == "scale") {
    return Created(store.Modify(Resource(load.Word(1)), ns, load.Word(2), sandbox::Part::kObject, [&](Json& object) {
      object["spec"]["replicas"] = load.Number("replicas", 1);
      return true;
    }));
  }
  if (verb == "ungate") return Ungate(store, ns, load.Word(1));
  if (verb == "delete") return Created(store.Delete(Resource(load.Word(1)), ns, load.Word(2)));
  if (verb == "deployment" || verb == "statefulset" || verb == "daemonset" || verb == "job")
    return Created(store.Create(Resource(verb), Workload(verb, load.Word(1), load)));
  return Fail(Code::kInvalidArgument, fmt::format("unknown load \"{}\"", verb));
}

}  // namespace spillway::simulation
