#include "tests/simulation/load.h"

#include <fmt/core.h>

#include <fstream>
#include <sstream>

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

Json PodTemplate(const Line& load, const std::string& name) {
  Json pod = {{"metadata", {{"labels", {{"app", name}}}, {"annotations", Json::object()}}}, {"spec", Json::object()}};
  Json container = {{"name", "main"}, {"image", "registry.example/" + name + ":1"}};
  Json& requests = container["resources"]["requests"];
  requests = Json::object();
  if (load.options.contains("cpu")) requests["cpu"] = load.Text("cpu");
  if (load.options.contains("memory")) requests["memory"] = load.Text("memory");
  if (const auto port = load.Number("port", 0); port > 0)
    container["ports"] = Json::array({{{"containerPort", port}, {"hostPort", port}}});
  pod["spec"]["containers"] = Json::array({container});
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

Status CreatePods(sandbox::Store& store, const std::string& name, const Line& load) {
  const std::int64_t count = load.Number("count", 1);
  for (std::int64_t i = 0; i < count; ++i) {
    Json pod = PodTemplate(load, name);
    pod["metadata"]["name"] = count == 1 ? name : fmt::format("{}-{}", name, i);
    pod["metadata"]["namespace"] = load.Text("namespace", "default");
    if (auto created = Created(store.Create("pods", std::move(pod))); !created) return created;
  }
  return {};
}

Status ApplyManifestFile(sandbox::SandboxCluster& cluster, const std::string& path, const Line& load) {
  std::ifstream file(path);
  if (!file) return Fail(Code::kNotFound, path + ": cannot be read");
  std::ostringstream yaml;
  yaml << file.rdbuf();
  return cluster.Apply(yaml.str(), load.Text("namespace", "default"));
}

}  // namespace

Status ApplyLoad(sandbox::SandboxCluster& cluster, const std::string& folder, const Line& load) {
  sandbox::Store& store = cluster.store();
  const std::string verb = load.Word(0);
  const std::string ns = load.Text("namespace", "default");
  EnsurePriorityClass(store, load);
  if (verb == "manifest") return ApplyManifestFile(cluster, folder + "/" + load.Word(1), load);
  if (verb == "namespace") return Created(store.Create("namespaces", {{"metadata", {{"name", load.Word(1)}}}}));
  if (verb == "pod") return CreatePods(store, load.Word(1), load);
  if (verb == "scale") {
    return Created(store.Modify(Resource(load.Word(1)), ns, load.Word(2), sandbox::Part::kObject, [&](Json& object) {
      object["spec"]["replicas"] = load.Number("replicas", 1);
      return true;
    }));
  }
  if (verb == "delete") return Created(store.Delete(Resource(load.Word(1)), ns, load.Word(2)));
  if (verb == "deployment" || verb == "statefulset" || verb == "daemonset" || verb == "job")
    return Created(store.Create(Resource(verb), Workload(verb, load.Word(1), load)));
  return Fail(Code::kInvalidArgument, fmt::format("unknown load \"{}\"", verb));
}

}  // namespace spillway::simulation
