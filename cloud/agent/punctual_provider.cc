#include "cloud/agent/punctual_provider.h"

#include <fmt/core.h>

#include <utility>

#include "base/scope.h"
#include "base/sync.h"

namespace spillway::cloud {
namespace {

constexpr Duration kCall = 1min;
constexpr Duration kPing = 10s;      // so that trouble is told within 30 s
constexpr Duration kListing = 5min;  // of a large account: many pages, throttled
constexpr Duration kPoll = kLongestPoll + kCall;

template <class T>
Task<void> HandOver(Task<CloudResult<T>> call, OneShot<CloudResult<T>> answer) {
  CloudResult<T> result = co_await call;
  answer.Set(std::move(result));
}

template <class T>
Task<void> GiveUp(Runtime& runtime, Duration limit, const char* call, OneShot<CloudResult<T>> answer) {
  co_await runtime.SleepFor(limit);
  CloudError late;
  late.error =
      Error{Code::kDeadlineExceeded, fmt::format("no answer to {} within {}", call, base::FormatDuration(limit))};
  answer.Set(tl::unexpected(std::move(late)));
}

}  // namespace

template <class T>
Task<CloudResult<T>> PunctualProvider::Within(Duration limit, const char* name, Task<CloudResult<T>> call) {
  OneShot<CloudResult<T>> answer(runtime_);
  TaskScope flows(runtime_);  // one ends the other, and both end with this
  flows.Spawn(HandOver<T>(std::move(call), answer));
  flows.Spawn(GiveUp<T>(runtime_, limit, name, answer));
  co_return co_await answer.Wait();
}

Task<CloudResult<Instance>> PunctualProvider::Create(CreateRequest request) {
  return Within(kCall, "create", inner_.Create(std::move(request)));
}
Task<CloudResult<Changes>> PunctualProvider::Poll(InstanceScope scope, std::string cursor) {
  return Within(kPoll, "poll", inner_.Poll(std::move(scope), std::move(cursor)));
}
Task<CloudResult<std::vector<Instance>>> PunctualProvider::List(std::string cluster_id) {
  return Within(kListing, "list", inner_.List(std::move(cluster_id)));
}
Task<CloudResult<std::vector<Instance>>> PunctualProvider::Describe(std::vector<std::string> instance_ids) {
  return Within(kCall, "describe", inner_.Describe(std::move(instance_ids)));
}
Task<CloudStatus> PunctualProvider::Delete(std::string instance_id, Duration grace) {
  return Within(kCall, "delete", inner_.Delete(std::move(instance_id), grace));
}
Task<CloudStatus> PunctualProvider::UpdateVolumes(std::string instance_id, std::vector<PodVolume> volumes) {
  return Within(kCall, "update", inner_.UpdateVolumes(std::move(instance_id), std::move(volumes)));
}
Task<CloudStatus> PunctualProvider::RefreshMarket() { return Within(kCall, "market", inner_.RefreshMarket()); }
Task<CloudStatus> PunctualProvider::Ping() { return Within(kPing, "ping", inner_.Ping()); }

}  // namespace spillway::cloud
