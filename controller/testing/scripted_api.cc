#include "controller/testing/scripted_api.h"

#include "base/time.h"

namespace spillway::controller::testing {

using kube::testing::FakeTransport;
using nlohmann::json;

namespace {

std::string ResourceOf(const std::string& path) {
  const std::string collection = path.substr(0, path.find('?'));
  constexpr std::string_view kByName = "fieldSelector=metadata.name%3D";
  if (const std::size_t at = path.find(kByName); at != std::string::npos && collection.ends_with("/configmaps")) {
    const std::size_t from = at + kByName.size();
    return "configmaps/" + path.substr(from, path.find('&', from) - from);
  }
  const bool is_list =
      collection.size() != path.size() &&
      (collection.starts_with("/api/v1/") || collection.starts_with("/apis/apps/v1/") ||
       collection.starts_with("/apis/resource.k8s.io/v1/") || collection.starts_with("/apis/storage.k8s.io/v1/"));
  return is_list && !collection.starts_with("/api/v1/namespaces/") ? collection.substr(collection.rfind('/') + 1)
                                                                   : std::string();
}

}  // namespace

ScriptedApi::ScriptedApi(Runtime& runtime) : runtime_(runtime), transport_(runtime) {
  transport_.on_request = [this](const kube::Request& request) { return Answer(request); };
  Put("namespaces", {{"metadata", {{"name", "default"}}}});
}

void ScriptedApi::Put(const std::string& resource, json object) {
  const std::string name = object["metadata"]["name"];
  auto& slot = stored_[resource];
  const bool is_new = !slot.contains(name);
  object["metadata"]["uid"] = "uid-" + name;
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  slot[name] = object;
  Show(resource, is_new ? "ADDED" : "MODIFIED", object);
}

void ScriptedApi::Remove(const std::string& resource, const std::string& name) {
  json object = stored_[resource].at(name);
  stored_[resource].erase(name);
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  Show(resource, "DELETED", object);
}

void ScriptedApi::Show(const std::string& resource, const std::string& type, const json& object) {
  changed_[resource] = version_;
  const std::string line = json{{"type", type}, {"object", object}}.dump() + "\n";
  for (const auto& exchange : transport_.open()) {
    const std::string& path = exchange->request().path;
    if (ResourceOf(path) == resource && path.find("watch=") != std::string::npos) exchange->Data(line);
  }
}

// The header of the answer comes at once, the body as things change.
void ScriptedApi::StartWatches() {
  for (const auto& exchange : transport_.open()) {
    if (exchange->request().path.find("watch=") != std::string::npos) exchange->Start();
  }
}

void ScriptedApi::AddNode(const std::string& name, const std::string& cpu) {
  Put("nodes", {{"metadata", {{"name", name}}},
                {"status",
                 {{"allocatable", {{"cpu", cpu}, {"memory", "64Gi"}, {"pods", "110"}}},
                  {"conditions", json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
}

void ScriptedApi::AddVirtualNode(const std::string& name) {
  const json can = {{"spillway.io/capabilities", "imageEntrypoint,persistentVolumeClaim"}};
  Put("nodes", {{"metadata", {{"name", name}, {"labels", {{"type", "virtual-kubelet"}}}, {"annotations", can}}},
                {"spec",
                 {{"taints",
                   json::array({{{"key", "virtual-kubelet.io/provider"}, {"value", "x"}, {"effect", "NoSchedule"}}})}}},
                {"status",
                 {{"allocatable", {{"cpu", "1000"}, {"memory", "4Ti"}, {"pods", "3000"}}},
                  {"conditions", json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
}

void ScriptedApi::AddPod(const std::string& name, const std::string& cpu, const json& merge) {
  json pod = {
      {"metadata",
       {{"name", name}, {"namespace", "default"}, {"creationTimestamp", base::FormatRfc3339(runtime_.WallNow())}}},
      {"spec",
       {{"schedulerName", "default-scheduler"},
        {"containers", json::array({{{"name", "c"}, {"resources", {{"requests", {{"cpu", cpu}}}}}}})}}},
      {"status", {{"phase", "Pending"}}}};
  if (merge.is_object()) pod.merge_patch(merge);
  Put("pods", std::move(pod));
}

void ScriptedApi::ShowBound(const std::string& pod, const std::string& node) {
  json object = Get("pods", pod);
  object["spec"]["nodeName"] = node;
  for (const Bound& bound : binds) {  // the API server puts a Binding's annotations onto the Pod
    if (bound.pod != object["metadata"].value("namespace", "default") + "/" + pod || bound.node != node) continue;
    for (const auto& [key, value] : bound.annotations) object["metadata"]["annotations"][key] = value;
  }
  Put("pods", std::move(object));
}

void ScriptedApi::SetDown(bool down) {
  down_ = down;
  if (!down) return;
  for (const auto& exchange : transport_.open()) {
    if (!ResourceOf(exchange->request().path).empty()) exchange->Break({Code::kUnavailable, "connection lost"});
  }
}

void ScriptedApi::BreakWatches(const std::string& resource) {
  for (const auto& exchange : transport_.open()) {
    if (ResourceOf(exchange->request().path) == resource) exchange->Break({Code::kUnavailable, "connection lost"});
  }
}

std::string ScriptedApi::LeaseHolder() const {
  return lease_.is_null() ? "" : lease_["spec"].value("holderIdentity", "");
}

void ScriptedApi::AnswerOpenBinds(int status) {
  for (const auto& exchange : transport_.open()) {
    if (exchange->request().path.ends_with("/binding")) exchange->Answer({status, "{}"});
  }
}

std::optional<Result<kube::Response>> ScriptedApi::Answer(const kube::Request& request) {
  const std::string& path = request.path;
  if (const std::string resource = ResourceOf(path); !resource.empty()) {
    asked.insert(resource);
    if (resource == forbidden_) {
      return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "cannot list " + resource));
    }
    if (down_) return FakeTransport::Reply(503, FakeTransport::StatusBody(503, "ServiceUnavailable", "down"));
    if (path.find("watch=") != std::string::npos) {
      const std::size_t at = path.find("resourceVersion=");
      const int since = at == std::string::npos ? 0 : std::atoi(path.c_str() + at + 16);
      if (since >= changed_[resource]) {
        runtime_.Post([this] { StartWatches(); });
        return std::nullopt;
      }
      return FakeTransport::Reply(410, FakeTransport::StatusBody(410, "Expired", "no history is kept"));
    }
    json items = json::array();
    for (const auto& [name, object] : stored_[resource]) items.push_back(object);
    const json list = {{"kind", "List"},
                       {"apiVersion", "v1"},
                       {"metadata", {{"resourceVersion", std::to_string(version_)}}},
                       {"items", items}};
    return FakeTransport::Reply(200, list.dump());
  }
  if (path == "/apis/resource.k8s.io/v1" && stored_.contains("deviceclasses")) {
    return FakeTransport::Reply(200, R"({"kind":"APIResourceList","resources":[{"name":"deviceclasses"}]})");
  }
  if (request.method == kube::Method::kGet && path == "/apis/resource.k8s.io/v1") {
    return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "no such group"));
  }
  if (path == "/version") {
    return FakeTransport::Reply(down_ ? 503 : 200,
                                json{{"major", "1"}, {"minor", on_version ? on_version() : minor_version}}.dump());
  }
  if (path.ends_with("/binding")) return AnswerBind(request);
  if (path.ends_with("/eviction")) return AnswerEviction(request);
  if (path.find("/leases") != std::string::npos) return AnswerLease(request);
  if (path.starts_with("/apis/events.k8s.io/v1/")) return AnswerEvent(request);
  if (path.ends_with("/selfsubjectaccessreviews")) return AnswerAccessReview(request);
  if (path.find("/configmaps") != std::string::npos) return AnswerConfigMap(request);
  constexpr std::string_view kPods = "/api/v1/namespaces/default/pods/";
  if (request.method == kube::Method::kGet && path.starts_with(kPods)) return AnswerPodRead(path.substr(kPods.size()));
  if (request.method == kube::Method::kPatch && path.starts_with(kPods)) {
    return AnswerPodPatch(path.substr(kPods.size()), request);
  }
  ++other_writes;
  return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "not found"));
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerBind(const kube::Request& request) {
  const json body = json::parse(request.body);
  const json& meta = body["metadata"];
  Bound bound{.pod = meta["namespace"].get<std::string>() + "/" + meta["name"].get<std::string>(),
              .uid = meta["uid"],
              .version = meta["resourceVersion"],
              .node = body["target"]["name"],
              .annotations = meta["annotations"].get<std::map<std::string, std::string>>(),
              .at = runtime_.Now()};
  binds.push_back(bound);
  if (on_bind) return on_bind(bound);
  runtime_.PostAt(runtime_.Now() + std::chrono::milliseconds(10), [this, bound] {
    const std::string name = bound.pod.substr(bound.pod.find('/') + 1);
    if (stored_["pods"].contains(name)) ShowBound(name, bound.node);
  });
  return FakeTransport::Reply(201, R"({"kind":"Status","status":"Success"})");
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerEviction(const kube::Request& request) {
  const json body = json::parse(request.body);
  const json& preconditions = body["deleteOptions"]["preconditions"];
  const std::string name = body["metadata"]["name"];
  evictions.push_back({name, preconditions["uid"], preconditions["resourceVersion"], runtime_.Now()});
  if (on_evict) {
    if (auto answer = on_evict()) return answer;
  }
  const json meta = Get("pods", name)["metadata"];
  if (meta["uid"] != evictions.back().uid || meta["resourceVersion"] != evictions.back().version) {
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "the precondition does not match"));
  }
  runtime_.PostAt(runtime_.Now() + std::chrono::milliseconds(10), [this, name] { Remove("pods", name); });
  return FakeTransport::Reply(201, R"({"kind":"Status","status":"Success"})");
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerPodPatch(const std::string& name,
                                                                  const kube::Request& request) {
  const json operations = json::parse(request.body);
  patches.emplace_back(name, operations);
  if (on_patch) return FakeTransport::Reply(on_patch(), FakeTransport::StatusBody(on_patch(), "Refused", "refused"));
  const json before = Get("pods", name);
  json after = before.patch(operations);
  if (after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]) {
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "the object has been modified"));
  }
  Put("pods", after);
  return FakeTransport::Reply(200, after.dump());
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerEvent(const kube::Request& request) {
  if (holds_events_) return std::nullopt;
  const json event = json::parse(request.body);
  if (request.method == kube::Method::kPost) {
    events.push_back({event["regarding"].value("namespace", "") + "/" + event["regarding"].value("name", ""),
                      event["reason"], event["type"], event["note"]});
  }
  return FakeTransport::Reply(201, request.body);
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerAccessReview(const kube::Request& request) const {
  if (holds_access_reviews_) return std::nullopt;
  json review = json::parse(request.body);
  const std::string ns = review["spec"]["resourceAttributes"].value("namespace", "");
  review["status"]["allowed"] = !may_bind || may_bind(ns);
  return FakeTransport::Reply(201, review.dump());
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerPodRead(const std::string& name) {
  if (holds_pod_reads_) return std::nullopt;
  const auto& pods = stored_["pods"];
  const auto found = pods.find(name);
  if (found != pods.end()) return FakeTransport::Reply(200, found->second.dump());
  return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "no such Pod"));
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerConfigMap(const kube::Request& request) {
  if (on_config_map) {
    return FakeTransport::Reply(on_config_map(), FakeTransport::StatusBody(on_config_map(), "Refused", "refused"));
  }
  const bool creates = request.method == kube::Method::kPost;
  const json body = request.body.empty() ? json() : json::parse(request.body);
  const std::string name =
      creates ? body["metadata"]["name"].get<std::string>() : request.path.substr(request.path.rfind('/') + 1);
  if (!creates && !config_maps.contains(name)) {
    return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "no such ConfigMap"));
  }
  if (request.method != kube::Method::kGet) config_maps[name] = body;
  return FakeTransport::Reply(creates ? 201 : 200, config_maps[name].dump());
}

std::optional<Result<kube::Response>> ScriptedApi::AnswerLease(const kube::Request& request) {
  if (request.method == kube::Method::kGet) {
    if (!lease_holder.empty()) {
      const json held = {{"metadata", {{"name", "l"}, {"resourceVersion", std::to_string(++version_)}}},
                         {"spec",
                          {{"holderIdentity", lease_holder},
                           {"leaseDurationSeconds", 15},
                           {"renewTime", base::FormatRfc3339Micro(runtime_.WallNow())}}}};
      return FakeTransport::Reply(200, held.dump());
    }
    if (lease_.is_null()) {
      return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "no lease"));
    }
    return FakeTransport::Reply(200, lease_.dump());
  }
  ++lease_writes;
  lease_ = json::parse(request.body);
  lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
  return FakeTransport::Reply(request.method == kube::Method::kPost ? 201 : 200, lease_.dump());
}

}  // namespace spillway::controller::testing
