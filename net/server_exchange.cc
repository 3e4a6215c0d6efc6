#include "net/server_exchange.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace spillway::net::internal {
namespace {
constexpr std::size_t kMaxPending = 64u << 20;
}  // namespace

bool Exchange::MarkChanged() { return !std::exchange(changed_, true); }

void Exchange::Respond(ServerResponse response) { SetResponse(std::move(response), true); }

void Exchange::BeginStream(ServerResponse head) { SetResponse(std::move(head), false); }

void Exchange::SetResponse(ServerResponse response, bool complete) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    fresh_.response = std::move(response);
    fresh_.complete = complete;
    wake = MarkChanged();
  }
  if (wake) wake_();
}

std::shared_ptr<Upgrade> Exchange::BeginUpgrade(Runtime& runtime, ServerResponse head) {
  auto upgrade = std::make_shared<Upgrade>(runtime, wake_);
  {
    const std::lock_guard lock(mutex_);
    fresh_.upgrade = upgrade;
  }
  SetResponse(std::move(head), true);
  return upgrade;
}

bool Exchange::Write(std::string_view bytes) {
  bool wake = false;
  bool accepted = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || fresh_.overrun || fresh_.ended) return false;
    if (bytes.empty()) return true;
    accepted = pending_ + bytes.size() <= kMaxPending;
    if (accepted) {
      // Each Write() is one HTTP chunk, framed here so that the I/O thread sends a batch with one system call.
      fmt::format_to(std::back_inserter(fresh_.bytes), "{:x}\r\n", bytes.size());
      fresh_.bytes.append(bytes).append("\r\n");
      pending_ += bytes.size();
      fresh_.payload += bytes.size();
    } else {
      fresh_.overrun = true;
    }
    // Overrun: also while the connection is busy with what it took before.
    wake = MarkChanged() || !accepted;
  }
  if (wake) wake_();
  return accepted;
}

bool Exchange::is_open() const {
  const std::lock_guard lock(mutex_);
  return !closed_ && !fresh_.overrun && !fresh_.ended;
}

std::size_t Exchange::pending() const {
  const std::lock_guard lock(mutex_);
  return pending_;
}

void Exchange::End() {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    fresh_.ended = true;
    wake = MarkChanged();
  }
  if (wake) wake_();
}

Exchange::Batch Exchange::Take() {
  const std::lock_guard lock(mutex_);
  changed_ = false;
  Batch batch = std::exchange(fresh_, Batch());
  fresh_.ended = batch.ended;
  fresh_.overrun = batch.overrun;
  return batch;
}

void Exchange::Sent(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  pending_ -= bytes;
}

void Exchange::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

bool Exchange::is_overrun() const {
  const std::lock_guard lock(mutex_);
  return fresh_.overrun;
}

struct HandlerFlows::Flow {
  Flow(Runtime& runtime, std::shared_ptr<Exchange> to) : exchange(std::move(to)), scope(runtime) {}
  std::shared_ptr<Exchange> exchange;
  bool streaming = false;
  TaskScope scope;
};

HandlerFlows::HandlerFlows(Runtime& runtime, Handler handler) : runtime_(runtime), handler_(std::move(handler)) {}

HandlerFlows::~HandlerFlows() = default;

void HandlerFlows::Start(std::shared_ptr<Exchange> exchange, ServerRequest request) {
  const Exchange* key = exchange.get();
  auto& flow = flows_[key];
  flow = std::make_unique<Flow>(runtime_, std::move(exchange));
  flow->scope.Spawn(Serve(*flow, std::move(request)));
}

Task<void> HandlerFlows::Serve(Flow& flow, ServerRequest request) {
  ServerResponse response = co_await handler_(std::move(request));
  if (const auto upgrade = std::exchange(response.upgrade, nullptr)) {
    const std::shared_ptr<Upgrade> connection = flow.exchange->BeginUpgrade(runtime_, std::move(response));
    co_await upgrade(connection);
    connection->End();
    Forget(flow);
    co_return;
  }
  // The function object stays here while its coroutine runs, so that a lambda's captures live as long as they are used.
  const auto stream = std::move(response.stream);
  response.stream = nullptr;
  std::string first = stream ? std::exchange(response.body, {}) : std::string();
  if (stream) {
    flow.exchange->BeginStream(std::move(response));
  } else {
    flow.exchange->Respond(std::move(response));
  }
  if (stream && flow.exchange->is_open()) {
    flow.streaming = true;
    flow.exchange->Write(first);
    co_await stream(flow.exchange);
  }
  if (stream) flow.exchange->End();
  Forget(flow);
}

void HandlerFlows::Forget(const Flow& flow) {
  runtime_.Post([weak = weak_from_this(), key = flow.exchange.get()] {
    if (const auto self = weak.lock()) self->flows_.erase(key);
  });
}

void HandlerFlows::ClientGone(const Exchange* exchange) {
  const auto found = flows_.find(exchange);
  if (found != flows_.end() && found->second->streaming) flows_.erase(found);
}

}  // namespace spillway::net::internal
