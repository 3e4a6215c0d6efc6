#include "cloud/providers/simulated/provider.h"

#include <utility>

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

SimulatedProvider::SimulatedProvider(SimulatedCloud& cloud) : cloud_(cloud) { cloud_.providers_.insert(this); }

SimulatedProvider::~SimulatedProvider() { cloud_.providers_.erase(this); }

std::vector<std::string> SimulatedProvider::unsupported_features() const {
  return {"ephemeral", "hostNetwork", "hostPath", "hostPort", "persistentVolumeClaim", "privileged"};
}

Task<tl::expected<Instance, CreateFailure>> SimulatedProvider::Create(CreateRequest request) {
  using R = tl::expected<Instance, CreateFailure>;
  OneShot<R> reply(cloud_.runtime_);
  std::function<R()> effect = [&cloud = cloud_, request = std::move(request)] { return cloud.Create(request); };
  std::function<R(Error)> failure = [](Error error) -> R {
    const Refusal refusal = error.code == Code::kThrottled ? Refusal::kThrottled : Refusal::kTransient;
    return tl::unexpected(CreateFailure{refusal, std::move(error), ""});
  };
  cloud_.Exchange<R>(std::move(effect), std::move(failure), reply);
  co_return co_await reply.Wait();
}

Task<Result<Instance>> SimulatedProvider::Describe(std::string instance_id) {
  using R = Result<Instance>;
  OneShot<R> reply(cloud_.runtime_);
  std::function<R()> effect = [&cloud = cloud_, id = std::move(instance_id)] { return cloud.Describe(id); };
  std::function<R(Error)> failure = [](Error error) -> R { return Fail(std::move(error)); };
  cloud_.Exchange<R>(std::move(effect), std::move(failure), reply);
  co_return co_await reply.Wait();
}

Task<Result<std::vector<Instance>>> SimulatedProvider::List(std::string cluster_id, std::string node_name) {
  using R = Result<std::vector<Instance>>;
  OneShot<R> reply(cloud_.runtime_);
  std::function<R()> effect = [&cloud = cloud_, cluster = std::move(cluster_id), node = std::move(node_name)] {
    return cloud.List(cluster, node);
  };
  std::function<R(Error)> failure = [](Error error) -> R { return Fail(std::move(error)); };
  cloud_.Exchange<R>(std::move(effect), std::move(failure), reply);
  co_return co_await reply.Wait();
}

Task<Status> SimulatedProvider::Delete(std::string instance_id, Duration /*grace*/) {
  OneShot<Status> reply(cloud_.runtime_);
  std::function<Status()> effect = [&cloud = cloud_, id = std::move(instance_id)] { return cloud.Delete(id); };
  std::function<Status(Error)> failure = [](Error error) -> Status { return Fail(std::move(error)); };
  cloud_.Exchange<Status>(std::move(effect), std::move(failure), reply);
  co_return co_await reply.Wait();
}

Task<Result<std::string>> SimulatedProvider::Logs(std::string instance_id, LogOptions options) {
  using R = Result<std::string>;
  OneShot<R> reply(cloud_.runtime_);
  std::function<R()> effect = [&cloud = cloud_, id = std::move(instance_id), options = std::move(options)] {
    return cloud.Logs(id, options);
  };
  std::function<R(Error)> failure = [](Error error) -> R { return Fail(std::move(error)); };
  cloud_.Exchange<R>(std::move(effect), std::move(failure), reply);
  co_return co_await reply.Wait();
}

}  // namespace spillway::cloud
