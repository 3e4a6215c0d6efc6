#include "cloud/agent/agent.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {

constexpr char kReportingController[] = "spillway.io/agent";
constexpr Duration kShutdownPoll = 50ms;
constexpr Duration kListingGap = 200ms;  // between listings, however many ask for one

kube::ReflectorOptions PodsOf(const std::string& node_name) {
  kube::ReflectorOptions options;
  options.path = std::string(kube::kPodsPath);
  options.resource = "pods";
  options.field_selector = "spec.nodeName=" + node_name;
  return options;
}

}  // namespace

Agent::Agent(Runtime& runtime, kube::Transport& transport, Provider& provider, AgentOptions options,
             AgentObserver* observer, kube::ClientObserver* client_observer)
    : runtime_(runtime),
      options_(std::move(options)),
      limiter_(runtime, options_.qps, options_.burst),
      client_(runtime, transport, limiter_, client_observer),
      events_(runtime, client_, kReportingController, options_.node_name),
      context_{runtime, client_, events_, provider, options_, observer ? *observer : null_observer_},
      admission_(options_.capacity, provider.unsupported_features()),
      registrar_(context_),
      orphans_(context_,
               [this](const Instance& instance) {
                 const auto found = lifecycles_.find(instance.identity.pod_uid);
                 if (found == lifecycles_.end()) return false;
                 const Instance* own = found->second->instance();
                 return own ? own->id == instance.id : found->second->lacks_instance() || found->second->is_creating();
               }),
      listing_wanted_(runtime),
      pods_(runtime, transport, PodsOf(options_.node_name), [this](auto batch) { OnPods(std::move(batch)); }),
      flows_(runtime) {
  provider.OnChange([this](const std::string& id) {
    for (const auto& [uid, lifecycle] : lifecycles_) {
      if (lifecycle->instance() && lifecycle->instance()->id == id) lifecycle->OnInstanceHint();
    }
  });
}

Agent::~Agent() { context_.provider.OnChange(nullptr); }

void Agent::Start() {
  registrar_.Start();
  pods_.Start();
  flows_.Spawn(KeepListing());
}

void Agent::OnPods(kube::DeltaBatch<kube::RawObject> batch) {
  for (auto& delta : batch.deltas) {
    if (!delta.object) {
      waiting_.erase(delta.uid);
      const auto found = lifecycles_.find(delta.uid);
      if (found != lifecycles_.end()) found->second->OnPodGone();
      continue;
    }
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

Task<void> Agent::KeepListing() {
  for (;;) {
    const Instant asked_at = runtime_.Now();
    auto listed = co_await context_.provider.List(options_.cluster_id, options_.node_name);
    context_.observer.OnOperation("list", listed ? std::optional<Refusal>() : RefusalOf(listed.error()),
                                  runtime_.Now() - asked_at);
    if (listed) {
      TakeListing(*std::move(listed), asked_at);
    } else {
      log::Warning("cannot list this node's instances",
                   {{"node", options_.node_name}, {"why", listed.error().message}});
    }
    co_await runtime_.SleepFor(kListingGap);
    const Duration pause = listed_once_ ? options_.instance_list_interval : options_.first_retry;
    co_await listing_wanted_.WaitUntil(runtime_.Now() + pause);
  }
}

std::size_t Agent::InstancesExpected(Instant at) const {
  std::size_t count = 0;
  for (const auto& [uid, pod] : waiting_) {
    count += HasStarted(pod) && !IsTerminalPhase(TextAt(pod, "status", "phase")) ? 1 : 0;
  }
  for (const auto& [uid, lifecycle] : lifecycles_) count += lifecycle->is_instance_expected(at) ? 1 : 0;
  return count;
}

void Agent::TakeListing(std::vector<Instance> listed, Instant asked_at) {
  const std::size_t expected = InstancesExpected(asked_at);
  const bool is_suspect = listed.empty() && expected > 0 && !context_.provider.empty_listing_is_proof();
  const bool was_suspect = std::exchange(cloud_suspect_, is_suspect);
  if (cloud_suspect_) {
    if (!was_suspect) {
      log::Error("the cloud lists no instance although some must be there; nothing is concluded from that",
                 {{"node", options_.node_name}, {"expected", expected}});
      context_.observer.OnSuspiciousListing();
    }
    orphans_.Forget();
  }
  if (lifecycles_.empty()) first_listing_ = listed;  // the newest there is when the Pods become known
  if (!listed_once_) {
    listed_once_ = true;
    StartLifecycles();
  }
  if (cloud_suspect_) return;
  std::map<std::string, std::vector<const Instance*>> by_pod;
  for (const Instance& instance : listed) by_pod[instance.identity.pod_uid].push_back(&instance);
  for (const auto& [uid, lifecycle] : lifecycles_) lifecycle->OnListed(by_pod[uid], asked_at);
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
  return counts;
}

const kube::ReflectorCounts& Agent::pod_watch() const { return pods_.counts(); }
const kube::EventCounts& Agent::event_counts() const { return events_.counts(); }

const PodLifecycle* Agent::FindByName(const std::string& ns, const std::string& name) const {
  const PodLifecycle* found = nullptr;
  for (const auto& [uid, lifecycle] : lifecycles_) {
    if (TextAt(lifecycle->pod(), "metadata", "name") != name) continue;
    if (TextAt(lifecycle->pod(), "metadata", "namespace") != ns) continue;
    if (!found || found->is_pod_gone()) found = lifecycle.get();  // rather the successor than the one that is going
  }
  return found;
}

Task<Result<std::string>> Agent::Logs(std::string ns, std::string pod_name, LogOptions options) {
  const PodLifecycle* lifecycle = FindByName(ns, pod_name);
  if (!lifecycle) co_return Fail(Code::kNotFound, "pod \"" + pod_name + "\" not found on node " + options_.node_name);
  if (!lifecycle->instance()) {
    co_return Fail(Code::kNotFound,
                   "container \"" + options.container + "\" in pod \"" + pod_name + "\" has no instance yet");
  }
  std::string id = lifecycle->instance()->id;
  Result<std::string> text = co_await context_.provider.Logs(std::move(id), std::move(options));
  co_return text;
}

bool Agent::HasEnded(const std::string& ns, const std::string& pod_name, const std::string& container) const {
  const PodLifecycle* lifecycle = FindByName(ns, pod_name);
  if (!lifecycle || !lifecycle->instance()) return true;
  const Instance& instance = *lifecycle->instance();
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

std::vector<Json> Agent::RunningPods() const {
  std::vector<Json> all;
  for (const auto& [uid, lifecycle] : lifecycles_) {
    const Instance* instance = lifecycle->instance();
    if (instance && instance->state == InstanceState::kRunning) all.push_back(lifecycle->pod());
  }
  return all;
}

}  // namespace spillway::cloud
