#include "kube/server_health.h"

#include <algorithm>

#include "base/log.h"

namespace spillway::kube {
namespace {

// Different from process to process, so that they do not all knock at the same moment.
constexpr Duration kShortestTurn = std::chrono::milliseconds(1000);
constexpr Duration kLongestTurn = std::chrono::milliseconds(1500);
// A server that only refuses for so long is not starting: it answers.
constexpr Duration kLongestStart = std::chrono::seconds(15);

bool MayBeStarting(int http_status) {
  return http_status >= 500 || http_status == 401 || http_status == 403 || http_status == 429;
}

}  // namespace

// Lives in the frame of the waiting flow, and leaves with it.
class ServerHealth::Waiter {
 public:
  Waiter(ServerHealth& health, Signal& signal) : health_(health), signal_(signal) {
    health_.waiting_.push_back(&signal_);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { std::erase(health_.waiting_, &signal_); }

 private:
  ServerHealth& health_;
  Signal& signal_;
};

void ServerHealth::Answered(int http_status, Instant now) {
  last_answer_ = now;
  if (!out_since_) return;
  if (!answered_since_) answered_since_ = now;
  if (!MayBeStarting(http_status) || now - *answered_since_ >= kLongestStart) End(now);
}

void ServerHealth::NotAnswered(const Error& why, Instant sent, Instant now) {
  if (why.code != Code::kUnavailable && why.code != Code::kDeadlineExceeded) return;
  if (last_answer_ && *last_answer_ > sent) return;
  answered_since_.reset();
  if (out_since_) return;
  out_since_ = now;
  next_turn_ = now + kShortestTurn;
  log::Warning("the API server does not answer", {{"why", why.message}});
}

void ServerHealth::End(Instant now) {
  log::Info("the API server answers again", {{"after", base::FormatDuration(now - *out_since_)}});
  out_since_.reset();
  answered_since_.reset();
  for (Signal* signal : waiting_) signal->Notify();
}

Task<void> ServerHealth::WaitToTry(Runtime& runtime, Instant when) {
  if (out_since_) {
    when = std::max(next_turn_, runtime.Now());
    next_turn_ = when + runtime.random().Between(kShortestTurn, kLongestTurn);
  }
  Signal ended(runtime);
  const Waiter waiter(*this, ended);
  co_await ended.WaitUntil(when);
}

}  // namespace spillway::kube
