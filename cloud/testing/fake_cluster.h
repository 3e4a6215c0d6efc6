#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/json.h"
#include "kube/testing/fake_transport.h"

namespace spillway::cloud::testing {

// The few resources an agent touches, kept as kube-apiserver would as far as the agent can tell: Pods of one node with
// a live watch, Nodes, Leases, Events, ConfigMaps and Secrets. For unit tests on SimRuntime.
class FakeCluster {
 public:
  explicit FakeCluster(Runtime& runtime);

  kube::Transport& transport() { return transport_; }

  // Binds a Pod to the node: metadata and status as the API server would complete them. Returns its UID.
  std::string AddPod(Json pod);
  // kubectl delete: deletionTimestamp, or gone at once with grace 0.
  void DeletePod(const std::string& name, int grace_seconds = 30);
  void DeleteNode();
  void SetTaints(Json taints);  // as others do
  void PatchPodStatus(const std::string& name, const Json& status);
  // Containers are merged by name.
  void PatchPodSpec(const std::string& name, const Json& spec);
  void AnnotatePod(const std::string& name, const Json& annotations);
  // Null when there is none.
  const Json& Pod(const std::string& name) const;
  std::string Phase(const std::string& name) const { return TextAt(Pod(name), "status", "phase"); }
  // "configmaps", "secrets", "services", "serviceaccounts", "nodes", "persistentvolumeclaims", "persistentvolumes".
  void Add(const std::string& resource, const std::string& name, Json object);
  void Annotate(const std::string& key, const std::string& value);  // the Node

  Json node, lease;  // null: not there
  std::vector<Json> events;
  std::vector<Json> token_requests;
  // Pods deleted by the agent, with the UID it gave as precondition.
  std::vector<std::string> released_uids;
  std::vector<std::string> status_patches;  // names of the Pods
  // Fails the request if it returns an answer. May be null.
  std::function<std::optional<Result<kube::Response>>(const kube::Request&)> fault;

  std::vector<std::string> EventReasons(const std::string& pod) const;

 private:
  std::optional<Result<kube::Response>> Serve(const kube::Request& request);
  std::optional<Result<kube::Response>> ServeToken(const kube::Request& request);
  std::optional<Result<kube::Response>> ServePod(const kube::Request& request, const std::string& rest);
  std::optional<Result<kube::Response>> ServeNode(const kube::Request& request, bool is_status);
  std::optional<Result<kube::Response>> ServeLease(const kube::Request& request);
  void Touch(Json& object);
  void Notify(const std::string& path, const char* type, const Json& object);
  void OpenWatch(const std::string& path, const std::string& request);
  std::optional<Result<kube::Response>> ServeCollection(const std::string& path, const std::string& request);

  Runtime& runtime_;
  kube::testing::FakeTransport transport_;
  std::map<std::string, Json> pods_;    // by name; one namespace
  std::map<std::string, Json> others_;  // "configmaps/name"
  struct Collection {
    std::vector<std::pair<std::int64_t, std::string>> log;  // watch lines by resourceVersion
    std::vector<std::shared_ptr<kube::testing::FakeTransport::Exchange>> watches;
  };
  std::map<std::string, Collection> collections_;  // by path
  std::int64_t version_ = 100;
  int next_uid_ = 1;
};

// A Pod of namespace "default" with one container "main" of image "nginx".
Json SimplePod(const std::string& name);

}  // namespace spillway::cloud::testing
