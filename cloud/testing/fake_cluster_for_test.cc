#include "cloud/testing/fake_cluster.h"

#include <fmt/core.h>

namespace spillway::cloud::testing {
namespace {

using kube::Method;
using kube::testing::FakeTransport;

std::optional<Result<kube::Response>> Ok(const Json& body) { return FakeTransport::Reply(200, body.dump()); }
std::optional<Result<kube::Response>> Failure(int code, const char* reason) {
  return FakeTransport::Reply(code, FakeTransport::StatusBody(code, reason, reason));
}

// As far as the agent needs strategic merge: maps merge, null deletes, conditions and taints merge by key.
void Merge(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    const char* merge_key = key == "conditions" ? "type" : key == "taints" ? "key" : nullptr;
    if (merge_key && value.is_array()) {
      Json& list = target[key];
      for (const Json& item : value) {
        Json* found = nullptr;
        for (Json& have : list) {
          if (have[merge_key] == item[merge_key]) found = &have;
        }
        if (found) {
          Merge(*found, item);
        } else {
          list.push_back(item);
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
  Notify("ADDED", pod);
  return uid;
}

void FakeCluster::DeletePod(const std::string& name, int grace_seconds) {
  Json& pod = pods_.at(name);
  Touch(pod);
  if (grace_seconds == 0) {
    Notify("DELETED", pod);
    pods_.erase(name);
    return;
  }
  pod["metadata"]["deletionTimestamp"] = base::FormatRfc3339(runtime_.WallNow() + std::chrono::seconds(grace_seconds));
  pod["metadata"]["deletionGracePeriodSeconds"] = grace_seconds;
  Notify("MODIFIED", pod);
}

void FakeCluster::PatchPodStatus(const std::string& name, const Json& status) {
  Json& pod = pods_.at(name);
  Merge(pod["status"], status);
  Touch(pod);
  Notify("MODIFIED", pod);
}

const Json& FakeCluster::Pod(const std::string& name) const {
  static const Json none;
  const auto found = pods_.find(name);
  return found == pods_.end() ? none : found->second;
}

void FakeCluster::Add(const std::string& resource, const std::string& name, Json object) {
  others_[resource + "/" + name] = std::move(object);
}

void FakeCluster::Notify(const char* type, const Json& pod) {
  const Json event = {{"type", type}, {"object", pod}};
  log_.emplace_back(version_, event.dump() + "\n");
  for (const auto& exchange : transport_.open()) {
    if (exchange->request().path.find("watch=") != std::string::npos) exchange->Data(log_.back().second);
  }
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
  if (path == "/api/v1/pods") {
    if (request.path.find("watch=") != std::string::npos) {
      // The stream stays open. What happened since the list is sent first, on a turn of its own.
      const auto at = request.path.find("resourceVersion=");
      const std::int64_t since = std::stoll(request.path.substr(at + 16));
      runtime_.Post([this, since] {
        const auto open = transport_.open();
        for (const auto& exchange : open) {
          if (exchange->request().path.find("watch=") == std::string::npos || exchange != open.back()) continue;
          exchange->Start();
          for (const auto& [version, line] : log_) {
            if (version > since) exchange->Data(line);
          }
        }
      });
      return std::nullopt;
    }
    Json list = {{"kind", "PodList"}, {"metadata", {{"resourceVersion", fmt::format("{}", version_)}}}};
    list["items"] = Json::array();
    for (const auto& [name, pod] : pods_) list["items"].push_back(pod);
    return Ok(list);
  }
  if (path.starts_with(pods)) return ServePod(request, path.substr(pods.size()));
  if (path.starts_with("/api/v1/nodes")) return ServeNode(request, path.ends_with("/status"));
  if (path.find("/leases") != std::string::npos) return ServeLease(request);
  if (path.find("/events") != std::string::npos) {
    const Json event = Json::parse(request.body);
    if (request.method == Method::kPost) events.push_back(event);
    return Ok(event);
  }
  const std::string default_namespace = "/api/v1/namespaces/default/";
  if (path.starts_with(default_namespace)) {
    const auto found = others_.find(path.substr(default_namespace.size()));
    return found == others_.end() ? Failure(404, "NotFound") : Ok(found->second);
  }
  return Failure(404, "NotFound");
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
    if (TextAt(body, "metadata", "uid") != uid) return Failure(409, "Conflict");
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
    return Ok(node);
  }
  if (node.is_null()) return Failure(404, "NotFound");
  if (request.method == Method::kPatch) {
    const Json patch = Json::parse(request.body);
    if (is_status) {
      Merge(node["status"], At(patch, "status"));
    } else {
      Merge(node, patch);
    }
    Touch(node);
  }
  return Ok(node);
}

std::optional<Result<kube::Response>> FakeCluster::ServeLease(const kube::Request& request) {
  if (request.method == Method::kGet) return lease.is_null() ? Failure(404, "NotFound") : Ok(lease);
  lease = Json::parse(request.body);
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
