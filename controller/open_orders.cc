#include "controller/open_orders.h"
#include "controller/policy/pod_annotations.h"

#include <utility>

#include "kube/backoff.h"
#include "kube/json.h"
#include "kube/paths.h"

namespace spillway::controller {
namespace {

constexpr Duration kLongestOpen = std::chrono::minutes(10);  // nobody will show what became of it
constexpr kube::BackoffOptions kAskForPodAgain{std::chrono::seconds(1), std::chrono::seconds(60), 0.5};

}  // namespace

OpenOrders::OpenOrders(Runtime& runtime, ClusterState& state, kube::Client& client, kube::RateLimiter& limiter,
                       std::function<void(const BindOrder&)> on_carried_out)
    : runtime_(runtime),
      state_(state),
      client_(client),
      limiter_(limiter),
      on_carried_out_(std::move(on_carried_out)),
      flows_(runtime) {}

void OpenOrders::Start() { flows_.Spawn(FollowDepartures()); }

OpenOrders::Orders::iterator OpenOrders::Find(const BindOrder& order) {
  auto [first, last] = open_.equal_range(order.request.uid);
  for (; first != last; ++first) {
    if (first->second.order.decision_id == order.decision_id) return first;
  }
  return open_.end();
}

void OpenOrders::Sent(const BindOrder& order) { open_.emplace(order.request.uid, Open{.order = order}); }

bool OpenOrders::Answered(const BindOrder& order) {
  const auto found = Find(order);
  if (found == open_.end()) return false;
  open_.erase(found);
  return true;
}

void OpenOrders::AnswerLost(const BindOrder& order) {
  const auto found = Find(order);
  if (found == open_.end()) return;
  found->second.answer_lost = true;
  if (state_.Find(order.request.uid) == nullptr) AskIfLost(order.request.uid);  // it left while this was in flight
}

Task<void> OpenOrders::FollowDepartures() {
  for (;;) {
    co_await state_.departed().Wait();
    for (const ClusterState::Departure& departure : state_.TakeDepartures()) {
      if (departure.is_bound) {
        Settle(departure.uid, departure.decision_id);
      } else {
        AskIfLost(departure.uid);
      }
    }
    const Instant now = runtime_.Now();
    std::erase_if(open_, [now](const auto& entry) { return now - entry.second.order.sent > kLongestOpen; });
  }
}

void OpenOrders::Settle(const std::string& uid, std::string_view decision_id) {
  const auto [first, last] = open_.equal_range(uid);
  for (auto open = first; open != last; ++open) {
    if (open->second.order.decision_id == decision_id) on_carried_out_(open->second.order);
  }
  open_.erase(first, last);
}

void OpenOrders::AskIfLost(const std::string& uid) {
  const auto [first, last] = open_.equal_range(uid);
  for (auto open = first; open != last; ++open) {
    if (!open->second.answer_lost) continue;
    flows_.Spawn(Ask(open->second.order));
    return;  // the Pod tells of all of them
  }
}

Task<void> OpenOrders::Ask(BindOrder order) {
  const std::string uid = order.request.uid;
  kube::Backoff backoff(kAskForPodAgain, runtime_.random().Fork());
  while (open_.contains(uid) && runtime_.Now() - order.sent < kLongestOpen) {
    co_await limiter_.Acquire();
    std::string path = kube::PodPath(order.request.ns, order.request.name);
    Result<kube::Json> pod = co_await client_.Get(std::move(path));
    if (pod || pod.error().code == Code::kNotFound) {
      const bool is_there = pod && kube::TextAt(*pod, "metadata", "uid") == uid;  // not a successor of its name
      Settle(uid, is_there ? kube::TextAt(*pod, "metadata", "annotations", kDecisionId) : "");
      co_return;
    }
    co_await runtime_.SleepFor(std::max(backoff.Next(), pod.error().retry_after));
  }
}

}  // namespace spillway::controller
