#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/context.h"
#include "cloud/agent/node_registrar.h"
#include "cloud/agent/orphan_collector.h"
#include "cloud/agent/pod_admission.h"
#include "cloud/agent/pod_lifecycle.h"
#include "kube/api/objects.h"
#include "kube/reflector.h"
#include "kube/transport.h"

namespace spillway::cloud {

// For gauges, health checks and the status page.
struct AgentCounts {
  std::size_t pods = 0, pods_without_instance = 0;
  std::size_t creating = 0, running = 0, terminating = 0, failed = 0;  // instances of known Pods
  std::size_t orphans = 0;                                             // instances without one
  bool is_registered = false;                                          // the API server has Node and status
  bool is_synced = false;                                              // Pods and instances are known
  bool is_cloud_suspect = false;
};

// The process behind one virtual node: a kubelet to the cluster, a client to a cloud. Stateless: everything is rebuilt
// from the API server and the cloud, so it may die at any moment. Destroying it stops it as kill -9 would, and touches
// no instance. Loop thread only.
//
// What it calls at the API server is listed in docs/virtual-node.md.
class Agent final : private PodLifecycleHost {
 public:
  // All referenced objects outlive the Agent; `observer` and `client_observer` may be null. Only one Agent at a time
  // may use `provider`.
  Agent(Runtime& runtime, kube::Transport& transport, Provider& provider, AgentOptions options,
        AgentObserver* observer = nullptr, kube::ClientObserver* client_observer = nullptr);
  ~Agent() override;

  void Start();
  // No new instances; what is under way is finished, statuses and events are sent; returns then or at `deadline`.
  // Instances run on, the Node stays: it turns NotReady when its Lease runs out, unless another agent takes over.
  Task<void> Shutdown(Instant deadline);

  AgentCounts counts() const;
  const kube::ReflectorCounts& pod_watch() const;
  const kube::EventCounts& event_counts() const;
  const AgentOptions& options() const { return options_; }
  // The kubelet API serves there now: told to the API server.
  void SetKubeletPort(std::uint16_t port) { registrar_.SetKubeletPort(port); }

  // ---- what the kubelet API answers (kubelet_api.h)
  // kNotFound: no such Pod, or no instance yet.
  Task<Result<std::string>> Logs(std::string ns, std::string pod_name, LogOptions options);
  // The container will write no more: it has ended for good, or its Pod is not here (any more).
  bool HasEnded(const std::string& ns, const std::string& pod_name, const std::string& container) const;
  // The Pods as the API server has them; those with a running instance.
  std::vector<Json> Pods() const;
  std::vector<Json> RunningPods() const;

 private:
  // PodLifecycleHost
  void RequestListing() override { listing_wanted_.Notify(); }
  bool is_stopping() const override { return stopping_; }
  bool is_cloud_suspect() const override { return cloud_suspect_; }
  PodAdmission& admission() override { return admission_; }
  void OnDone(const std::string& uid) override;

  void OnPods(kube::DeltaBatch<kube::RawObject> batch);
  void OnPod(const std::string& uid, Json pod);
  // Once Pods and instances are both known: adopts, oldest Pod first, so that the budget goes to who came first.
  void StartLifecycles();
  void StartLifecycle(Json pod);
  Task<void> KeepListing();
  void TakeListing(std::vector<Instance> listed, Instant asked_at);
  // How many instances a listing begun at `at` ought to show.
  std::size_t InstancesExpected(Instant at) const;
  const PodLifecycle* FindByName(const std::string& ns, const std::string& name) const;

  Runtime& runtime_;
  AgentOptions options_;
  AgentObserver null_observer_;
  kube::RateLimiter limiter_;
  kube::Client client_;
  kube::EventRecorder events_;
  AgentContext context_;
  PodAdmission admission_;
  NodeRegistrar registrar_;
  OrphanCollector orphans_;

  bool pods_synced_ = false, listed_once_ = false, stopping_ = false, cloud_suspect_ = false;
  std::map<std::string, Json> waiting_;  // Pods that came before the first listing, by UID
  std::vector<Instance> first_listing_;
  std::map<std::string, std::unique_ptr<PodLifecycle>> lifecycles_;  // by Pod UID
  Signal listing_wanted_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  kube::Reflector<kube::RawObject> pods_;
  TaskScope flows_;
};

}  // namespace spillway::cloud
