#include "cloud/providers/simulated/provider.h"

#include <utility>

#include "cloud/pod_resources.h"
#include "cloud/providers/simulated/cloud.h"

namespace spillway::cloud {

template <typename T>
void SimulatedCloud::Exchange(std::function<T()> effect, std::function<T(Error)> failure, OneShot<T> reply) {
  const SimulatedFaults& faults = options_.faults;
  const Duration half = options_.call.Draw(random_) / 2;
  // Always the same draws, so that changing one fault does not shift another's.
  const bool throttled = random_.Chance(faults.throttled);
  const bool lost_request = random_.Chance(faults.lost_request);
  const bool lost_reply = random_.Chance(faults.lost_reply);
  const auto answer_after = [this, failure, reply](Duration delay, Code code, const char* message) {
    After(delay, [failure, reply, code, message] { reply.Set(failure(Error{code, message})); });
  };
  if (faults.down) return answer_after(half, Code::kUnavailable, "the simulated cloud is down");
  if (throttled) ++counts_.throttled_calls;
  if (throttled) return answer_after(2 * half, Code::kThrottled, "Throttling: too many requests");
  if (lost_request)
    return answer_after(options_.lost_after, Code::kDeadlineExceeded, "no answer from the cloud in time");
  After(half, [this, half, lost_reply, answer_after, reply, effect = std::move(effect)] {
    T result = effect();
    if (lost_reply) {
      ++counts_.lost_replies;
      return answer_after(options_.lost_after, Code::kDeadlineExceeded, "no answer from the cloud in time");
    }
    After(half, [reply, result = std::move(result)]() mutable { reply.Set(std::move(result)); });
  });
}

SimulatedProvider::SimulatedProvider(SimulatedCloud& cloud) : cloud_(cloud), changed_(cloud.runtime_) {
  cloud_.providers_.insert(this);
}

SimulatedProvider::~SimulatedProvider() { cloud_.providers_.erase(this); }

kube::Capabilities SimulatedFeatures() {
  std::vector<std::string> names = kube::Capabilities::Parse(kube::kForeignNodeCapabilities).names();
  for (const char* more :
       {"capabilitiesDrop", "handlerHost", "hookSleep", "hostnameAsFQDN", "noPrivilegeEscalation", "podResources",
        "probeGRPC", "probeTerminationGracePeriod", "seccompRuntimeDefault", "shareProcessNamespace", "sidecarHooks",
        "sidecarProbes", "sidecars", "stopSignal", "subPathExpr", "supplementalGroups"}) {
    names.emplace_back(more);
  }
  return kube::Capabilities(std::move(names));
}

ProviderCapabilities SimulatedProvider::capabilities() const {
  return {.features = SimulatedFeatures(), .largest = cloud_.options_.largest};
}

Bill SimulatedProvider::BillFor(const nlohmann::json& pod) const {
  const ResourceAmounts asked = PodRequests(pod);
  const auto cpu = asked.find("cpu"), memory = asked.find("memory");
  return BillBySize(cpu == asked.end() ? 0 : cpu->second.MilliValue(),
                    memory == asked.end() ? 0 : memory->second.Value(), std::nullopt);
}

namespace {

Refusal RefusalOf(const Error& error) {
  return error.code == Code::kThrottled ? Refusal::kThrottled : Refusal::kTransient;
}

template <typename T>
CloudResult<T> CallFailed(Error error) {
  const Refusal refusal = RefusalOf(error);
  return tl::unexpected(CloudError{.refusal = refusal, .error = std::move(error), .cloud_code = "", .request_id = ""});
}

}  // namespace

template <typename T>
Task<CloudResult<T>> SimulatedProvider::Call(std::function<CloudResult<T>()> effect) {
  OneShot<CloudResult<T>> reply(cloud_.runtime_);
  cloud_.Exchange<CloudResult<T>>(std::move(effect), CallFailed<T>, reply);
  co_return co_await reply.Wait();
}

Task<CloudResult<Instance>> SimulatedProvider::Create(CreateRequest request) {
  return Call<Instance>([&cloud = cloud_, request = std::move(request)] { return cloud.Create(request); });
}

Task<CloudResult<Changes>> SimulatedProvider::Poll(InstanceScope scope, std::string cursor) {
  const Instant until = cloud_.runtime_.Now() + kLongestPoll;
  polled_ = scope;
  for (;;) {
    std::function<CloudResult<Changes>()> effect = [&cloud = cloud_, scope, cursor] {
      return cloud.ChangesSince(scope, cursor);
    };
    CloudResult<Changes> changes = co_await Call<Changes>(std::move(effect));
    if (!changes || !changes->instances.empty() || cloud_.runtime_.Now() >= until) co_return changes;
    cursor = changes->cursor;
    co_await changed_.WaitUntil(until);
  }
}

void SimulatedProvider::OnChanged(const InstanceIdentity& identity) {
  if (identity.node_name == polled_.node_name && identity.cluster_id == polled_.cluster_id) changed_.Notify();
}

Task<CloudResult<std::vector<Instance>>> SimulatedProvider::List(std::string cluster_id) {
  return Call<std::vector<Instance>>([&cloud = cloud_, id = std::move(cluster_id)] { return cloud.List(id); });
}

Task<CloudResult<std::vector<Instance>>> SimulatedProvider::Describe(std::vector<std::string> ids) {
  return Call<std::vector<Instance>>([&cloud = cloud_, ids = std::move(ids)] { return cloud.Describe(ids); });
}

Task<CloudStatus> SimulatedProvider::Delete(std::string instance_id, Duration grace) {
  return Call<void>([&cloud = cloud_, id = std::move(instance_id), grace] { return cloud.Delete(id, grace); });
}

Task<CloudStatus> SimulatedProvider::Ping() {
  return Call<void>([&cloud = cloud_] { return cloud.Ping(); });
}

Task<Result<LogPart>> SimulatedProvider::ReadLog(std::string instance_id, LogOptions options, std::string cursor) {
  using R = Result<LogPart>;
  OneShot<R> reply(cloud_.runtime_);
  std::function<R()> effect = [&cloud = cloud_, id = std::move(instance_id), options = std::move(options),
                               cursor = std::move(cursor)] { return cloud.ReadLog(id, options, cursor); };
  std::function<R(Error)> failure = [](Error error) -> R { return Fail(std::move(error)); };
  cloud_.Exchange<R>(std::move(effect), std::move(failure), reply);
  co_return co_await reply.Wait();
}

Task<Result<std::vector<InstanceStats>>> SimulatedProvider::Stats(std::vector<std::string> instance_ids) {
  using R = Result<std::vector<InstanceStats>>;
  OneShot<R> reply(cloud_.runtime_);
  std::function<R()> effect = [&cloud = cloud_, ids = std::move(instance_ids)] { return cloud.Stats(ids); };
  std::function<R(Error)> failure = [](Error error) -> R { return Fail(std::move(error)); };
  cloud_.Exchange<R>(std::move(effect), std::move(failure), reply);
  co_return co_await reply.Wait();
}

}  // namespace spillway::cloud
