#include "net/client_exchange.h"

#include <fmt/core.h>

namespace spillway::net::internal {
namespace {
// Bigger answers are to be streamed.
constexpr std::size_t kMaxBody = 256u << 20;
// More than that in the loop's queue is read no faster by queueing it.
constexpr std::size_t kMaxUnseen = 4u << 20;
}  // namespace

ClientExchange::ClientExchange(Runtime& runtime, std::function<void(std::string_view)> on_data,
                               std::function<void()> on_end, std::function<void(Result<HttpResponse>)> done)
    : runtime_(runtime), on_data_(std::move(on_data)), on_end_(std::move(on_end)), done_(std::move(done)) {}

void ClientExchange::OnHead(int status, Headers headers) {
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_) return;
  ++activity_;
  response_.status = status;
  response_.headers = std::move(headers);
  streams_ = on_data_ && status >= 200 && status < 300;
  if (!streams_) return;
  on_data_(response_.body);  // even without a byte: the head has come
  response_.body = {};
}

Status ClientExchange::OnBytes(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_) return Fail(Code::kCancelled, "nobody waits for this response any more");
  ++activity_;
  if (streams_) {
    on_data_(bytes);
    unseen_ += bytes.size();
    if (!asked_loop_) AskLoop();
    return {};
  }
  if (response_.body.size() + bytes.size() > kMaxBody) {
    Error error{Code::kMalformed, fmt::format("the response is larger than {} MiB", kMaxBody >> 20)};
    Finish(Fail(error));
    return Fail(std::move(error));
  }
  response_.body.append(bytes);
  return {};
}

bool ClientExchange::MustPause(std::function<void()> resume) {
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_ || unseen_ < kMaxUnseen) return false;
  resume_ = std::move(resume);
  return true;
}

// What on_data has posted to the loop comes before this: when it runs, all of that has been dealt with.
void ClientExchange::AskLoop() {
  asked_loop_ = true;
  runtime_.Post([self = shared_from_this(), bytes = unseen_] { self->OnLoopSaw(bytes); });
}

void ClientExchange::OnLoopSaw(std::size_t bytes) {
  std::function<void()> resume;
  {
    const std::lock_guard lock(mutex_);
    asked_loop_ = false;
    if (closed_ || ended_) return;
    unseen_ -= bytes;
    if (unseen_ > 0) AskLoop();
    if (unseen_ < kMaxUnseen) resume = std::exchange(resume_, nullptr);
  }
  if (resume) resume();
}

void ClientExchange::OnComplete() {
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_) return;
  if (streams_ && on_end_) on_end_();
  Finish(std::move(response_));
}

void ClientExchange::OnError(Error error) {
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_) return;
  Finish(Fail(std::move(error)));
}

void ClientExchange::Finish(Result<HttpResponse> result) {
  ended_ = true;
  // The Runtime outlives the flow, and the flow has not closed this: so the Runtime is there.
  runtime_.Post([self = shared_from_this(), shared = std::make_shared<Result<HttpResponse>>(std::move(result))] {
    if (const auto done = std::exchange(self->done_, nullptr)) done(std::move(*shared));
  });
}

void ClientExchange::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  done_ = nullptr;
  on_data_ = nullptr;
  on_end_ = nullptr;
  resume_ = nullptr;
}

std::uint64_t ClientExchange::activity() const { return activity_; }

bool ClientExchange::has_ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

bool ClientExchange::has_head() const {
  const std::lock_guard lock(mutex_);
  return response_.status != 0;
}

}  // namespace spillway::net::internal
