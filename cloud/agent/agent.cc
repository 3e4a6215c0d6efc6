#include "cloud/agent/agent.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/agent/node_capabilities.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {

constexpr char kReportingController[] = "spillway.io/agent";
constexpr std::size_t kQueuedEvents = 15'000;  // five of each of 3,000 Pods
constexpr std::size_t kQueuedWarnings = 1000;
constexpr int kEventsPerPod = 25;  // kubelet's
constexpr Duration kShutdownPoll = 50ms;
constexpr std::size_t kFewInstances = 3;  // of fewer, most may be lost without anything being wrong

kube::ReflectorOptions PodsOf(const std::string& node_name) {
  kube::ReflectorOptions options;
  options.path = std::string(kube::kPodsPath);
  options.resource = "pods";
  options.field_selector = "spec.nodeName=" + node_name;
  return options;
}

AgentOptions WithIdentity(AgentOptions options, Runtime& runtime) {
  if (options.identity.empty()) {
    options.identity = fmt::format("{}_{:016x}", options.node_name, runtime.random().Next());
  }
  return options;
}

}  // namespace

Agent::Agent(Runtime& runtime, kube::Transport& transport, Provider& provider, AgentOptions options,
             AgentObserver* observer, kube::ClientObserver* client_observer)
    : runtime_(runtime),
      options_(WithIdentity(std::move(options), runtime)),
      provider_(runtime, provider),
      api_(runtime, transport, options_, client_observer),
      events_(runtime, api_.events(), kReportingController, options_.node_name,
              {options_.qps, options_.burst, kQueuedEvents + kQueuedWarnings, kQueuedWarnings, kEventsPerPod}),
      inputs_(runtime, transport, api_.reads()),
      node_dns_(runtime, events_, options_.node_name),
      costs_(runtime),
      context_{runtime, api_,      events_, provider_,   options_, observer ? *observer : null_observer_,
               inputs_, node_dns_, costs_,  node_labels_},
      admission_(options_.capacity, NodeCapabilities(provider, options_), node_labels_),
      lease_(context_),
      registrar_(context_, transport),
      orphans_(context_,
               [this](const Instance& instance) {
                 const auto found = lifecycles_.find(instance.identity.pod_uid);
                 return found != lifecycles_.end() && found->second->Claims(instance);
               }),
      market_(context_, [this] { OnMarketNews(); }),
      cloud_(context_, *this),
      pods_(runtime, transport, PodsOf(options_.node_name), [this](auto batch) { OnPods(std::move(batch)); }),
      flows_(runtime) {}

void Agent::Start(std::function<void(std::string)> fenced) { flows_.Spawn(Run(std::move(fenced))); }

Task<void> Agent::Run(std::function<void(std::string)> fenced) {
  co_await lease_.Acquire();
  lease_.Keep([this] { return registrar_.node_uid(); },
              [this, fenced](std::string holder) {
                stopping_ = true;
                log::Error("another agent of this name has taken the node's lease; ending",
                           {{"node", options_.node_name}, {"holder", holder}});
                if (!fenced) return;
                runtime_.Post([fenced, holder, alive = std::weak_ptr(alive_)] {
                  if (!alive.expired()) fenced(holder);
                });
              });
  registrar_.Start();
  pods_.Start();
  market_.Start();
  cloud_.Start();
}

void Agent::OnMarketNews() {
  registrar_.OnMarketNews();
  for (const auto& [uid, lifecycle] : lifecycles_) lifecycle->OnPrices();
}

void Agent::OnPods(kube::DeltaBatch<kube::RawObject> batch) {
  for (auto& delta : batch.deltas) {
    if (delta.unreadable) continue;  // what is known of it stays
    if (!delta.object) {
      waiting_.erase(delta.uid);
      const auto found = lifecycles_.find(delta.uid);
      if (found != lifecycles_.end()) found->second->OnPodGone();
      continue;
    }
    const auto known = lifecycles_.find(delta.uid);
    // What this agent has just written comes back.
    if (known != lifecycles_.end() && known->second->Knows(delta.object->metadata.resource_version)) continue;
    Json pod = Json::parse(delta.object->json, nullptr, /*allow_exceptions=*/false);
    if (!pod.is_object()) {
      log::Warning("skipped a Pod that is no JSON object", {{"uid", delta.uid}});
      continue;
    }
    OnPod(delta.uid, std::move(pod));
  }
  if (!batch.synced || pods_synced_) return;
  pods_synced_ = true;
  StartLifecycles();
}

void Agent::OnPod(const std::string& uid, Json pod) {
  pod["metadata"].erase("managedFields");  // half its bytes, of no use here
  if (const auto found = lifecycles_.find(uid); found != lifecycles_.end()) {
    found->second->OnPodChanged(std::move(pod));
  } else if (pods_synced_ && listed_once_) {
    StartLifecycle(std::move(pod));
  } else {
    waiting_[uid] = std::move(pod);
  }
}

void Agent::StartLifecycles() {
  if (!pods_synced_ || !listed_once_) return;
  std::vector<Json> pods;
  for (auto& [uid, pod] : waiting_) pods.push_back(std::move(pod));
  waiting_.clear();
  const auto running_first = [](const Json& pod) { return HasStarted(pod) ? 0 : 1; };
  std::stable_sort(pods.begin(), pods.end(), [&](const Json& a, const Json& b) {
    const auto key = [&](const Json& pod) {
      return std::tuple(running_first(pod), TextAt(pod, "metadata", "creationTimestamp"),
                        TextAt(pod, "metadata", "uid"));
    };
    return key(a) < key(b);
  });
  for (Json& pod : pods) StartLifecycle(std::move(pod));
  first_listing_.clear();
  cloud_.RequestListing();  // what has changed since
}

void Agent::StartLifecycle(Json pod) {
  const std::string uid = TextAt(pod, "metadata", "uid");
  auto lifecycle = std::make_unique<PodLifecycle>(context_, static_cast<PodLifecycleHost&>(*this), std::move(pod));
  std::optional<Instance> adopted;
  for (const Instance& instance : first_listing_) {
    if (instance.identity.pod_uid != uid || instance.refused) continue;
    if (!adopted || instance.state == InstanceState::kRunning) adopted = instance;
  }
  if (adopted) log::Info("adopted an instance", {{"uid", uid}, {"instance", adopted->id}});
  lifecycle->Start(std::move(adopted));
  lifecycles_[uid] = std::move(lifecycle);
}

void Agent::OnDone(const std::string& uid) {
  // It calls from its own flow, which dies with it.
  runtime_.Post([this, uid, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) lifecycles_.erase(uid);
  });
}

void Agent::OnInstance(const Instance& instance, Instant as_of) {
  const auto found = lifecycles_.find(instance.identity.pod_uid);
  if (found != lifecycles_.end()) found->second->OnInstance(instance, as_of);
}

void Agent::OnInstanceGone(const std::string& instance_id) {
  for (const auto& [uid, lifecycle] : lifecycles_) lifecycle->OnInstanceGone(instance_id);
}

void Agent::OnNotFound(const std::string& pod_uid, const std::string& instance_id, Instant asked_at) {
  const auto found = lifecycles_.find(pod_uid);
  if (found != lifecycles_.end()) found->second->OnNotFound(instance_id, asked_at);
}

// Clouds list nothing, or some part, for those who may not see. Then, and when most is gone at once, it is better to
// wait for somebody who knows than to end what may well be running.
bool Agent::IsSuspect(const std::vector<Instance>& listed, Instant at) const {
  if (context_.provider.empty_listing_is_proof()) return false;
  std::set<std::string> shown;
  for (const Instance& instance : listed) shown.insert(instance.identity.pod_uid);
  std::size_t expected = 0, missed = 0;
  const auto expect = [&](const std::string& uid) {
    ++expected;
    if (!shown.contains(uid)) ++missed;
  };
  for (const auto& [uid, pod] : waiting_) {
    if (HasStarted(pod) && !IsTerminalPhase(TextAt(pod, "status", "phase"))) expect(uid);
  }
  for (const auto& [uid, lifecycle] : lifecycles_) {
    if (lifecycle->is_instance_expected(at)) expect(uid);
  }
  return (listed.empty() && expected > 0) || (expected >= kFewInstances && 2 * missed > expected);
}

void Agent::OnReachable() {
  CloudView view;
  if (!cloud_.is_reachable()) {
    view = {CloudView::State::kUnreachable, "CloudUnreachable", ToString(*cloud_.why_not())};
  } else if (cloud_suspect_) {
    view = {CloudView::State::kUnreachable, "ListingSuspect",
            "most of the instances that must be there are not listed: check the permissions"};
  } else if (cloud_.has_answered()) {
    view.state = CloudView::State::kReachable;
  }
  view.has_answered = cloud_.has_answered();
  if (view.state == CloudView::State::kUnreachable) TellTrouble(view.reason, view.message);
  registrar_.SetCloud(std::move(view));
  const bool was_out = std::exchange(cloud_is_out_, !cloud_.is_reachable());
  if (!was_out || cloud_is_out_) return;
  for (const auto& [uid, lifecycle] : lifecycles_) lifecycle->OnCloudBack();
}

void Agent::TellTrouble(std::string reason, std::string note) {
  kube::Event event;
  event.regarding.kind = "Node";
  event.regarding.name = event.regarding.uid = options_.node_name;  // as kubelet does for node events
  event.type = kube::Event::Type::kWarning;
  event.reason = std::move(reason);
  event.note = std::move(note);
  events_.Record(std::move(event));
}

void Agent::NoteSuspect(bool is_suspect) {
  const bool was_suspect = std::exchange(cloud_suspect_, is_suspect);
  if (was_suspect != is_suspect) OnReachable();
  if (!is_suspect) return;
  context_.observer.OnSuspiciousListing();
  orphans_.Forget();
  if (was_suspect) return;
  log::Error("the cloud does not list most of the instances that must be there; nothing is concluded from that",
             {{"node", options_.node_name}});
}

void Agent::TellInstancesLeft(const std::vector<Instance>& listed, Instant asked_at) {
  const auto is_ours = [this](const Instance& instance) { return instance.identity.node_name == options_.node_name; };
  const auto count = static_cast<std::size_t>(std::count_if(listed.begin(), listed.end(), is_ours));
  registrar_.SetInstancesLeft({count, runtime_.WallNow() - (runtime_.Now() - asked_at)});
}

void Agent::OnListing(std::vector<Instance> listed, Instant asked_at) {
  NoteSuspect(IsSuspect(listed, asked_at));
  if (!cloud_suspect_) TellInstancesLeft(listed, asked_at);
  if (lifecycles_.empty()) first_listing_ = listed;  // the newest there is when the Pods become known
  if (!listed_once_) {
    listed_once_ = true;
    StartLifecycles();
  }
  // Of several of one Pod, the one that runs.
  std::stable_partition(listed.begin(), listed.end(),
                        [](const Instance& i) { return i.state == InstanceState::kRunning; });
  std::set<std::string> shown;
  for (const Instance& instance : listed) {
    const auto found = lifecycles_.find(instance.identity.pod_uid);
    if (found == lifecycles_.end()) continue;
    found->second->OnInstance(instance, asked_at);
    if (found->second->Claims(instance)) shown.insert(instance.identity.pod_uid);
  }
  if (cloud_suspect_) return;
  for (const auto& [uid, lifecycle] : lifecycles_) {
    if (!shown.contains(uid)) lifecycle->OnNotListed(asked_at);
  }
  // Without all Pods known, every instance would look like an orphan.
  if (pods_synced_ && !pods_.counts().stale) orphans_.OnListing(listed);
}

Task<void> Agent::Shutdown(Instant deadline) {
  stopping_ = true;
  const auto busy = [this] {
    return std::any_of(lifecycles_.begin(), lifecycles_.end(),
                       [](const auto& entry) { return entry.second->is_creating() || !entry.second->is_settled(); });
  };
  while (busy() && runtime_.Now() < deadline) co_await runtime_.SleepFor(kShutdownPoll);
  co_await events_.Flush(deadline);
  co_await lease_.Release();
}

AgentCounts Agent::counts() const {
  AgentCounts counts;
  counts.pods = lifecycles_.size() + waiting_.size();
  for (const auto& [uid, lifecycle] : lifecycles_) {
    if (lifecycle->lacks_instance()) ++counts.pods_without_instance;
    const Instance* instance = lifecycle->instance();
    if (!instance) continue;
    switch (instance->state) {
      case InstanceState::kPending:
        ++counts.creating;
        break;
      case InstanceState::kRunning:
        ++counts.running;
        break;
      case InstanceState::kTerminating:
        ++counts.terminating;
        break;
      case InstanceState::kFailed:
        ++counts.failed;
        break;
      case InstanceState::kSucceeded:
        break;
    }
  }
  counts.orphans = orphans_.suspects();
  counts.is_registered = registrar_.is_registered();
  counts.is_synced = pods_synced_ && listed_once_;
  counts.is_cloud_suspect = cloud_suspect_;
  counts.is_cloud_reachable = cloud_.is_reachable();
  counts.lease_renewed_at = lease_.renewed_at();
  counts.is_waiting_for_lease = !lease_.is_held();
  return counts;
}

const kube::ReflectorCounts& Agent::pod_watch() const { return pods_.counts(); }
const kube::EventCounts& Agent::event_counts() const { return events_.counts(); }

const PodLifecycle* Agent::FindByName(const std::string& ns, const std::string& name) const {
  const PodLifecycle* found = nullptr;
  for (const auto& [uid, lifecycle] : lifecycles_) {
    if (lifecycle->pod_name() != name || lifecycle->pod_namespace() != ns) continue;
    if (!found || found->is_pod_gone()) found = lifecycle.get();  // rather the successor than the one that is going
  }
  return found;
}

Result<Agent::InstanceRef> Agent::FindInstance(const std::string& ns, const std::string& pod_name,
                                               const std::string& container) const {
  const PodLifecycle* lifecycle = FindByName(ns, pod_name);
  if (!lifecycle) return Fail(Code::kNotFound, "pod \"" + pod_name + "\" does not exist");
  const Json pod = lifecycle->pod();
  bool is_known = container.empty();
  for (const char* list : {"containers", "initContainers", "ephemeralContainers"}) {
    is_known = is_known || !Named(At(pod, "spec", list), container).is_null();
  }
  if (!is_known) {
    return Fail(Code::kNotFound, "container \"" + container + "\" not found in pod \"" + pod_name + "\"");
  }
  if (!lifecycle->instance()) {
    return Fail(Code::kInvalidArgument,
                "container \"" + container + "\" in pod \"" + pod_name + "\" is waiting to start: ContainerCreating");
  }
  return InstanceRef{lifecycle->uid(), lifecycle->instance()->id};
}

bool Agent::HasEnded(const std::string& pod_uid, const std::string& container) const {
  const auto found = lifecycles_.find(pod_uid);
  if (found == lifecycles_.end() || !found->second->instance()) return true;
  const Instance& instance = *found->second->instance();
  if (instance.state == InstanceState::kSucceeded || instance.state == InstanceState::kFailed) return true;
  for (const ContainerState& state : instance.init_containers) {
    if (state.name == container) return state.kind == ContainerState::Kind::kTerminated;
  }
  return false;
}

std::vector<Json> Agent::Pods() const {
  std::vector<Json> all;
  for (const auto& [uid, lifecycle] : lifecycles_) {
    if (!lifecycle->is_pod_gone()) all.push_back(lifecycle->pod());
  }
  return all;
}

std::vector<Agent::RunningInstance> Agent::RunningInstances() const {
  std::vector<RunningInstance> all;
  for (const auto& [uid, lifecycle] : lifecycles_) {
    const Instance* instance = lifecycle->instance();
    if (!instance || instance->state != InstanceState::kRunning) continue;
    all.push_back({lifecycle->pod_namespace(), lifecycle->pod_name(), uid, lifecycle->started_at(), instance->id});
  }
  return all;
}

std::vector<Json> Agent::RunningPods() const {
  std::vector<Json> all;
  for (const RunningInstance& running : RunningInstances()) all.push_back(lifecycles_.at(running.pod_uid)->pod());
  return all;
}

}  // namespace spillway::cloud
