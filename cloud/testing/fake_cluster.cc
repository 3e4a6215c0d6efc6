#include "cloud/testing/fake_cluster.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace spillway::cloud::testing {
namespace {

using kube::Method;
using kube::testing::FakeTransport;

std::optional<Result<kube::Response>> Ok(const Json& body) { return FakeTransport::Reply(200, body.dump()); }
std::optional<Result<kube::Response>> Failure(int code, const char* reason) {
  return FakeTransport::Reply(code, FakeTransport::StatusBody(code, reason, reason));
}

// To a patch; a conflict it is only to a PUT or a DELETE.
std::optional<Result<kube::Response>> AnotherUid() {
  Json status = Json::parse(FakeTransport::StatusBody(422, "Invalid", "metadata.uid: field is immutable"));
  status["details"]["causes"] = Json::array({{{"reason", "FieldValueInvalid"}, {"field", "metadata.uid"}}});
  return FakeTransport::Reply(422, status.dump());
}

const std::string kPods = "/api/v1/pods", kNodes = "/api/v1/nodes", kServices = "/api/v1/services";

const char* MergeKey(std::string_view field) {
  if (field == "conditions" || field == "addresses") return "type";
  if (field == "containers" || field == "ephemeralContainers") return "name";
  return field == "hostIPs" || field == "podIPs" ? "ip" : nullptr;
}

bool Replaces(const Json& list) {
  return std::any_of(list.begin(), list.end(), [](const Json& each) { return TextAt(each, "$patch") == "replace"; });
}

// As far as the agent needs strategic merge: maps merge, null deletes, some lists merge by key, and what is new in them
// comes first.
void Merge(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    const char* merge_key = MergeKey(key);
    if (merge_key && value.is_array()) {
      Json& list = target[key];
      if (!list.is_array() || Replaces(value)) list = Json::array();
      for (const Json& item : value) {
        if (TextAt(item, "$patch") == "delete") {
          list.erase(std::remove_if(list.begin(), list.end(),
                                    [&](const Json& have) { return have[merge_key] == item[merge_key]; }),
                     list.end());
        }
        if (item.contains("$patch")) continue;
        Json* found = nullptr;
        for (Json& have : list) {
          if (have[merge_key] == item[merge_key]) found = &have;
        }
        if (found) {
          Merge(*found, item);
        } else {
          list.insert(list.begin(), item);
        }
      }
    } else if (value.is_null()) {
      target.erase(key);
    } else {
      Merge(target[key], value);
    }
  }
}

}  // namespace

FakeCluster::FakeCluster(Runtime& runtime) : runtime_(runtime), transport_(runtime) {
  transport_.on_request = [this](const kube::Request& request) { return Serve(request); };
  transport_.latency = 2ms;
}

void FakeCluster::Touch(Json& object) { object["metadata"]["resourceVersion"] = fmt::format("{}", ++version_); }

std::string FakeCluster::AddPod(Json pod) {
  const std::string name = TextAt(pod, "metadata", "name");
  const std::string uid = fmt::format("uid-{}", next_uid_++);
  pod["metadata"]["namespace"] = "default";
  pod["metadata"]["uid"] = uid;
  pod["metadata"]["creationTimestamp"] = base::FormatRfc3339(runtime_.WallNow());
  pod["spec"]["nodeName"] = "vnode";
  if (At(pod, "status", "phase").is_null()) pod["status"]["phase"] = "Pending";
  pod["status"]["conditions"].push_back({{"type", "PodScheduled"}, {"status", "True"}});
  Touch(pod);
  pods_[name] = pod;
  Notify(kPods, "ADDED", pod);
  return uid;
}

void FakeCluster::DeletePod(const std::string& name, int grace_seconds) {
  Json& pod = pods_.at(name);
  Touch(pod);
  if (grace_seconds == 0) {
    Notify(kPods, "DELETED", pod);
    pods_.erase(name);
    return;
  }
  pod["metadata"]["deletionTimestamp"] = base::FormatRfc3339(runtime_.WallNow() + std::chrono::seconds(grace_seconds));
  pod["metadata"]["deletionGracePeriodSeconds"] = grace_seconds;
  Notify(kPods, "MODIFIED", pod);
}

void FakeCluster::PatchPodStatus(const std::string& name, const Json& status) {
  Json& pod = pods_.at(name);
  Merge(pod["status"], status);
  Touch(pod);
  Notify(kPods, "MODIFIED", pod);
}

void FakeCluster::PatchPodSpec(const std::string& name, const Json& spec) {
  Json& pod = pods_.at(name);
  Merge(pod["spec"], spec);
  pod["metadata"]["generation"] = Integer(At(pod, "metadata", "generation"), 1) + 1;
  Touch(pod);
  Notify(kPods, "MODIFIED", pod);
}

void FakeCluster::AnnotatePod(const std::string& name, const Json& annotations) {
  Json& pod = pods_.at(name);
  Merge(pod["metadata"]["annotations"], annotations);
  Touch(pod);
  Notify(kPods, "MODIFIED", pod);
}

const Json& FakeCluster::Pod(const std::string& name) const {
  static const Json none;
  const auto found = pods_.find(name);
  return found == pods_.end() ? none : found->second;
}

void FakeCluster::Add(const std::string& resource, const std::string& name, Json object) {
  if (TextAt(object, "metadata", "namespace").empty()) object["metadata"]["namespace"] = "default";
  object["metadata"]["name"] = name;
  object["metadata"]["uid"] = fmt::format("uid-{}", next_uid_++);
  Touch(object);
  if (resource == "services") Notify(kServices, "ADDED", object);
  others_[resource + "/" + name] = std::move(object);
}

void FakeCluster::Annotate(const std::string& key, const std::string& value) {
  node["metadata"]["annotations"][key] = value;
  Touch(node);
  Notify(kNodes, "MODIFIED", node);
}

void FakeCluster::DeleteNode() {
  Touch(node);
  Notify(kNodes, "DELETED", node);
  node = Json();
}

void FakeCluster::SetTaints(Json taints) {
  node["spec"]["taints"] = std::move(taints);
  Touch(node);
  Notify(kNodes, "MODIFIED", node);
}

void FakeCluster::Notify(const std::string& path, const char* type, const Json& object) {
  const Json event = {{"type", type}, {"object", object}};
  Collection& collection = collections_[path];
  collection.log.emplace_back(version_, event.dump() + "\n");
  std::erase_if(collection.watches, [](const auto& watch) { return watch->is_closed(); });
  for (const auto& watch : collection.watches) watch->Data(collection.log.back().second);
}

// The stream stays open. What happened since the list is sent first, on a turn of its own.
void FakeCluster::OpenWatch(const std::string& path, const std::string& request) {
  const std::int64_t since = std::stoll(request.substr(request.find("resourceVersion=") + 16));
  runtime_.Post([this, path, request, since] {
    std::shared_ptr<FakeTransport::Exchange> watch;
    for (const auto& exchange : transport_.open()) {
      if (exchange->request().path == request) watch = exchange;
    }
    if (!watch) return;
    watch->Start();
    for (const auto& [version, line] : collections_[path].log) {
      if (version > since) watch->Data(line);
    }
    collections_[path].watches.push_back(std::move(watch));
  });
}

std::optional<Result<kube::Response>> FakeCluster::ServeCollection(const std::string& path,
                                                                   const std::string& request) {
  if (request.find("watch=") != std::string::npos) {
    OpenWatch(path, request);
    return std::nullopt;
  }
  Json list = {{"kind", path == kPods    ? "PodList"
                        : path == kNodes ? "NodeList"
                                         : "ServiceList"},
               {"metadata", {{"resourceVersion", fmt::format("{}", version_)}}}};
  list["items"] = Json::array();
  if (path == kNodes && !node.is_null()) list["items"].push_back(node);
  for (const auto& [key, object] : others_) {
    if (path == kServices && key.starts_with("services/")) list["items"].push_back(object);
  }
  if (path == kPods) {
    for (const auto& [name, pod] : pods_) list["items"].push_back(pod);
  }
  return Ok(list);
}

std::vector<std::string> FakeCluster::EventReasons(const std::string& pod) const {
  std::vector<std::string> reasons;
  for (const Json& event : events) {
    if (TextAt(event, "regarding", "name") == pod) reasons.push_back(TextAt(event, "reason"));
  }
  return reasons;
}

std::optional<Result<kube::Response>> FakeCluster::Serve(const kube::Request& request) {
  if (fault) {
    if (auto answer = fault(request)) return answer;
  }
  const std::string path = request.path.substr(0, request.path.find('?'));
  const std::string pods = "/api/v1/namespaces/default/pods/";
  if (request.method == Method::kGet && (path == kPods || path == kNodes || path == kServices))
    return ServeCollection(path, request.path);
  if (path.starts_with(pods)) return ServePod(request, path.substr(pods.size()));
  if (path.starts_with("/api/v1/nodes")) return ServeNode(request, path.ends_with("/status"));
  if (path.find("/leases") != std::string::npos) return ServeLease(request);
  if (path.find("/events") != std::string::npos) {
    const Json event = Json::parse(request.body);
    if (request.method == Method::kPost) events.push_back(event);
    return Ok(event);
  }
  const std::string core = "/api/v1/", default_namespace = core + "namespaces/default/";
  if (path.find("/serviceaccounts/") != std::string::npos && path.ends_with("/token")) return ServeToken(request);
  if (path.starts_with(default_namespace)) {
    const auto found = others_.find(path.substr(default_namespace.size()));
    return found == others_.end() ? Failure(404, "NotFound") : Ok(found->second);
  }
  if (const auto found = others_.find(path.substr(std::min(core.size(), path.size()))); found != others_.end())
    return Ok(found->second);  // of no namespace
  return Failure(404, "NotFound");
}

std::optional<Result<kube::Response>> FakeCluster::ServeToken(const kube::Request& request) {
  Json answer = Json::parse(request.body);
  token_requests.push_back(answer);
  const auto life = std::chrono::seconds(Integer(At(answer, "spec", "expirationSeconds")));
  answer["status"] = {{"token", fmt::format("token-{}", token_requests.size())},
                      {"expirationTimestamp", base::FormatRfc3339(runtime_.WallNow() + life)}};
  return Ok(answer);
}

std::optional<Result<kube::Response>> FakeCluster::ServePod(const kube::Request& request, const std::string& rest) {
  const std::string name = rest.substr(0, rest.find('/'));
  const auto found = pods_.find(name);
  if (found == pods_.end()) return Failure(404, "NotFound");
  Json& pod = found->second;
  const std::string uid = TextAt(pod, "metadata", "uid");
  if (request.method == Method::kGet) return Ok(pod);
  const Json body = Json::parse(request.body);
  if (request.method == Method::kPatch) {
    const std::string version = TextAt(body, "metadata", "resourceVersion");
    if (!version.empty() && version != TextAt(pod, "metadata", "resourceVersion")) return Failure(409, "Conflict");
    if (TextAt(body, "metadata", "uid") != uid) return AnotherUid();
    const Json& annotations = At(body, "metadata", "annotations");
    if (annotations.is_object()) Merge(pod["metadata"]["annotations"], annotations);
    Json next = pod["status"];
    Merge(next, At(body, "status"));
    for (const char* list : {"hostIPs", "podIPs"}) {
      if (At(next, list).size() > 1) return Failure(422, "Invalid");
    }
    status_patches.push_back(name);
    PatchPodStatus(name, At(body, "status"));
    return Ok(pods_.at(name));
  }
  if (TextAt(body, "preconditions", "uid") != uid) return Failure(409, "Conflict");
  released_uids.push_back(uid);
  const Json gone = pod;
  DeletePod(name, 0);
  return Ok(gone);
}

std::optional<Result<kube::Response>> FakeCluster::ServeNode(const kube::Request& request, bool is_status) {
  if (request.method == Method::kPost) {
    node = Json::parse(request.body);
    node["metadata"]["uid"] = fmt::format("node-{}", next_uid_++);
    Touch(node);
    Notify(kNodes, "ADDED", node);
    return Ok(node);
  }
  const std::string name = request.path.substr(std::string("/api/v1/nodes/").size());
  if (node.is_null() || name.substr(0, name.find('/')) != TextAt(node, "metadata", "name")) {
    return others_.contains("nodes/" + name) ? Ok(others_.at("nodes/" + name)) : Failure(404, "NotFound");
  }
  if (request.method == Method::kPatch) {
    const Json patch = Json::parse(request.body);
    const std::string expected = TextAt(patch, "metadata", "resourceVersion");
    if (!expected.empty() && expected != TextAt(node, "metadata", "resourceVersion")) return Failure(409, "Conflict");
    if (is_status) {
      Merge(node["status"], At(patch, "status"));
      if (!At(patch, "metadata").is_null()) Merge(node["metadata"], At(patch, "metadata"));
    } else {
      Merge(node, patch);
    }
    Touch(node);
    Notify(kNodes, "MODIFIED", node);
  }
  return Ok(node);
}

std::optional<Result<kube::Response>> FakeCluster::ServeLease(const kube::Request& request) {
  if (request.method == Method::kGet) return lease.is_null() ? Failure(404, "NotFound") : Ok(lease);
  const Json next = Json::parse(request.body);
  if (request.method == Method::kPost) {
    if (!lease.is_null()) return Failure(409, "AlreadyExists");
  } else {
    if (lease.is_null()) return Failure(404, "NotFound");
    if (At(next, "metadata", "resourceVersion") != At(lease, "metadata", "resourceVersion")) {
      return Failure(409, "Conflict");
    }
  }
  lease = next;
  Touch(lease);
  return Ok(lease);
}

Json SimplePod(const std::string& name) {
  Json pod;
  pod["metadata"]["name"] = name;
  pod["spec"]["restartPolicy"] = "Always";
  pod["spec"]["containers"] = Json::array(
      {Json{{"name", "main"}, {"image", "nginx"}, {"resources", {{"requests", {{"cpu", "2"}, {"memory", "4Gi"}}}}}}});
  return pod;
}

}  // namespace spillway::cloud::testing
