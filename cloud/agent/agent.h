#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/cloud_watch.h"
#include "cloud/agent/context.h"
#include "cloud/agent/cost_meter.h"
#include "cloud/agent/input_reader.h"
#include "cloud/agent/market_watch.h"
#include "cloud/agent/node_dns.h"
#include "cloud/agent/node_labels.h"
#include "cloud/agent/node_lease.h"
#include "cloud/agent/node_registrar.h"
#include "cloud/agent/orphan_collector.h"
#include "cloud/agent/pod_admission.h"
#include "cloud/agent/pod_lifecycle.h"
#include "cloud/agent/punctual_provider.h"
#include "kube/api/objects.h"
#include "kube/reflector.h"
#include "kube/transport.h"

namespace spillway::cloud {

// For gauges, health checks and the status page.
struct AgentCounts {
  std::size_t pods = 0, pods_without_instance = 0;
  std::size_t creating = 0, running = 0, terminating = 0, failed = 0;  // instances of known Pods
  std::size_t orphans = 0;                                             // instances without one
  bool is_waiting_for_lease = true;                                    // another agent of this name lives
  bool is_registered = false;                                          // the API server has Node and status
  bool is_synced = false;                                              // Pods and instances are known
  bool is_cloud_suspect = false;
  bool is_cloud_reachable = true;
  WallTime lease_renewed_at{};  // the epoch: not yet
};

// The process behind one virtual node: a kubelet to the cluster, a client to a cloud. Stateless: everything is rebuilt
// from the API server and the cloud, so it may die at any moment. Destroying it stops it as kill -9 would, and touches
// no instance. Loop thread only.
//
// What it calls at the API server is listed in docs/virtual-node.md.
class Agent final : private PodLifecycleHost, private CloudListener {
 public:
  // All referenced objects outlive the Agent; `observer` and `client_observer` may be null. Only one Agent at a time
  // may use `provider`.
  Agent(Runtime& runtime, kube::Transport& transport, Provider& provider, AgentOptions options,
        AgentObserver* observer = nullptr, kube::ClientObserver* client_observer = nullptr);
  ~Agent() override = default;

  // Waits for the node's Lease: a second agent of one name does nothing while the first one lives. Should another take
  // the Lease all the same, because this process stood still for too long, it does nothing new from then on, and
  // `fenced` is called on a later turn: destroy it, and start anew.
  void Start(std::function<void(std::string holder)> fenced = nullptr);
  // No new instances; what is under way is finished, statuses and events are sent; returns then or at `deadline`.
  // Instances run on, the Node stays: it turns NotReady when its Lease runs out, unless another agent takes over, which
  // it may at once.
  Task<void> Shutdown(Instant deadline);

  AgentCounts counts() const;
  const kube::ReflectorCounts& pod_watch() const;
  const kube::EventCounts& event_counts() const;
  const CostMeter& costs() const { return costs_; }
  std::string_view provider_name() const { return provider_.name(); }
  const AgentOptions& options() const { return options_; }
  // The kubelet API serves there now: told to the API server.
  void SetKubeletPort(std::uint16_t port) { registrar_.SetKubeletPort(port); }
  // A Warning on the Node.
  void TellTrouble(std::string reason, std::string note);

  // ---- what the kubelet API answers (cloud/kubelet_api/)
  struct InstanceRef {
    std::string pod_uid, instance_id;
  };
  // The instance that runs a Pod's container, of an init container too. An empty container: any. kNotFound: no such Pod
  // or container; kInvalidArgument: it waits for its instance.
  Result<InstanceRef> FindInstance(const std::string& ns, const std::string& pod_name,
                                   const std::string& container) const;
  struct RunningInstance {
    std::string pod_namespace, pod_name, pod_uid;
    std::optional<WallTime> started_at;
    std::string instance_id;
  };
  std::vector<RunningInstance> RunningInstances() const;
  // The container will write no more: it has ended for good, or its Pod is not here (any more).
  bool HasEnded(const std::string& pod_uid, const std::string& container) const;
  // Null: the provider has none.
  InstanceStreams* streams() const { return context_.provider.streams(); }
  // The Pods as the API server has them; those with a running instance.
  std::vector<Json> Pods() const;
  std::vector<Json> RunningPods() const;

 private:
  // PodLifecycleHost
  void RequestListing() override { cloud_.RequestListing(); }
  void RequestLook(const std::string& uid, const std::string& id) override { cloud_.RequestLook(uid, id); }
  bool is_stopping() const override { return stopping_; }
  bool is_in_charge() const override { return lease_.is_certain(); }
  PodAdmission& admission() override { return admission_; }
  void OnDone(const std::string& uid) override;
  // CloudListener
  void OnInstance(const Instance& instance, Instant as_of) override;
  void OnInstanceGone(const std::string& instance_id) override;
  void OnNotFound(const std::string& pod_uid, const std::string& instance_id, Instant asked_at) override;
  void OnListing(std::vector<Instance> listed, Instant asked_at) override;
  void OnReachable() override;

  Task<void> Run(std::function<void(std::string)> fenced);
  void OnMarketNews();
  void OnPods(kube::DeltaBatch<kube::RawObject> batch);
  void OnPod(const std::string& uid, Json pod);
  // Once Pods and instances are both known: adopts, oldest Pod first, so that the budget goes to who came first.
  void StartLifecycles();
  void StartLifecycle(Json pod);
  // Whether nothing may be concluded from what a listing begun at `at` does not show.
  bool IsSuspect(const std::vector<Instance>& listed, Instant at) const;
  void NoteSuspect(bool is_suspect);
  // What of this node a credible listing begun at `asked_at` shows in the cloud.
  void TellInstancesLeft(const std::vector<Instance>& listed, Instant asked_at);
  const PodLifecycle* FindByName(const std::string& ns, const std::string& name) const;

  Runtime& runtime_;
  AgentOptions options_;
  AgentObserver null_observer_;
  PunctualProvider provider_;
  ApiClients api_;
  kube::EventRecorder events_;
  InputReader inputs_;
  NodeDns node_dns_;
  CostMeter costs_;
  NodeLabels node_labels_;
  AgentContext context_;
  PodAdmission admission_;
  NodeLease lease_;
  NodeRegistrar registrar_;
  OrphanCollector orphans_;
  MarketWatch market_;

  bool pods_synced_ = false, listed_once_ = false, stopping_ = false, cloud_suspect_ = false;
  bool cloud_is_out_ = false;
  std::map<std::string, Json> waiting_;  // Pods that came before the first listing, by UID
  std::vector<Instance> first_listing_;
  std::map<std::string, std::unique_ptr<PodLifecycle>> lifecycles_;  // by Pod UID
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  CloudWatch cloud_;
  kube::Reflector<kube::RawObject> pods_;
  TaskScope flows_;
};

}  // namespace spillway::cloud
