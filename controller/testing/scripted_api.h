#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "kube/testing/fake_transport.h"

namespace spillway::controller::testing {

// An API server that a test plays: it holds Pods, Nodes, Namespaces and what else is Put() there, answers lists, keeps
// watches open, and takes down what is written. It outlives the Runtime's last turn.
class ScriptedApi {
 public:
  struct Bound {
    std::string pod, uid, version, node;  // pod: namespace/name
    std::map<std::string, std::string> annotations;
    Instant at{};
  };
  struct Noted {
    std::string pod, reason, type, note;
  };

  explicit ScriptedApi(Runtime& runtime);
  kube::Transport& transport() { return transport_; }

  // Seen by the next list, or at once by those who watch. A new resourceVersion each time.
  void Put(const std::string& resource, nlohmann::json object);
  void Remove(const std::string& resource, const std::string& name);
  std::string Version(const std::string& pod) const { return Get("pods", pod)["metadata"]["resourceVersion"]; }
  nlohmann::json Get(const std::string& resource, const std::string& name) const {
    return stored_.at(resource).at(name);
  }

  void AddNode(const std::string& name, const std::string& cpu);
  void AddVirtualNode(const std::string& name);
  void AddPod(const std::string& name, const std::string& cpu, const nlohmann::json& merge = {});
  // What a successful bind makes of it, seen through the watch.
  void ShowBound(const std::string& pod, const std::string& node);

  // The answer to a bind; nullopt leaves it open. Null: it succeeds, and the watch shows it 10 ms later.
  std::function<std::optional<Result<kube::Response>>(const Bound&)> on_bind;
  // True: lists and watches are refused with 503, and open ones broken.
  void SetDown(bool down);
  void AnswerOpenBinds(int status);
  // The open watches of this resource break; new ones are served.
  void BreakWatches(const std::string& resource);
  // Reads of single Pods get no answer from now on.
  void HoldPodReads() { holds_pod_reads_ = true; }
  // Questions what the client may do get no answer from now on.
  void HoldAccessReviews() { holds_access_reviews_ = true; }
  // Events get no answer from now on.
  void HoldEvents() { holds_events_ = true; }
  // Lists of this resource are refused with 403; empty: none are.
  void Forbid(const std::string& resource) { forbidden_ = resource; }

  // The answer to the question whether the client may bind in a namespace; null: it may everywhere.
  std::function<bool(const std::string& ns)> may_bind;

  // Requests that have no complete answer yet, watches among them.
  std::size_t open_requests() const { return transport_.open().size(); }
  // Of the Lease; empty when there is none, or it was given back.
  std::string LeaseHolder() const;

  std::set<std::string> asked;  // resources that were listed or watched
  // Single ConfigMaps that are read and written; those that are watched are Put() as "configmaps/<name>".
  std::map<std::string, nlohmann::json> config_maps;
  std::function<int()> on_config_map;  // the status of the answer instead
  std::vector<Bound> binds;
  // Patches of Pods, as JSON patches; refused where the resourceVersion is another.
  std::vector<std::pair<std::string, nlohmann::json>> patches;
  // The status of the answer instead; null: they are carried out, and the watch shows it at once.
  std::function<int()> on_patch;
  // Evictions asked for; refused where uid or resourceVersion is another. What is carried out is deleted at once.
  struct Evicted {
    std::string pod, uid, version;
    Instant at{};
  };
  std::vector<Evicted> evictions;
  // The answer instead; nullopt: it is carried out.
  std::function<std::optional<Result<kube::Response>>()> on_evict;
  std::vector<Noted> events;
  int lease_writes = 0, other_writes = 0;
  std::string minor_version = "36";
  std::function<std::string()> on_version;  // takes the place of minor_version
  std::string lease_holder;                 // somebody else's, if not empty

 private:
  std::optional<Result<kube::Response>> Answer(const kube::Request& request);
  std::optional<Result<kube::Response>> AnswerBind(const kube::Request& request);
  std::optional<Result<kube::Response>> AnswerEviction(const kube::Request& request);
  std::optional<Result<kube::Response>> AnswerPodRead(const std::string& name);
  std::optional<Result<kube::Response>> AnswerPodPatch(const std::string& name, const kube::Request& request);
  std::optional<Result<kube::Response>> AnswerEvent(const kube::Request& request);
  std::optional<Result<kube::Response>> AnswerAccessReview(const kube::Request& request) const;
  std::optional<Result<kube::Response>> AnswerConfigMap(const kube::Request& request);
  std::optional<Result<kube::Response>> AnswerLease(const kube::Request& request);
  void StartWatches();
  void Show(const std::string& resource, const std::string& type, const nlohmann::json& object);

  Runtime& runtime_;
  kube::testing::FakeTransport transport_;
  std::map<std::string, std::map<std::string, nlohmann::json>> stored_;  // resource, name
  std::map<std::string, int> changed_;                                   // resource: version of its last change
  nlohmann::json lease_;
  int version_ = 100;
  bool down_ = false, holds_pod_reads_ = false, holds_events_ = false, holds_access_reviews_ = false;
  std::string forbidden_;
};

}  // namespace spillway::controller::testing
