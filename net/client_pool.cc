#include "net/client_pool.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace spillway::net::internal {
namespace {

constexpr Duration kIdleTime = 30s;  // shorter than any server's or load balancer's
constexpr Duration kMoment = 2s;

}  // namespace

ClientPool::ClientPool(std::weak_ptr<boost::asio::io_context> io, std::shared_ptr<const Origin> origin, Limits limits)
    : io_(std::move(io)), origin_(std::move(origin)), limits_(limits) {}

template <typename Work>
void ClientPool::OnIoThread(Work work) {
  if (const auto io = io_.lock()) boost::asio::post(*io, std::move(work));
}

void ClientPool::Start(std::shared_ptr<ClientCall> call) {
  OnIoThread([self = shared_from_this(), call = std::move(call)] { self->Assign(call); });
}

void ClientPool::Drop(std::shared_ptr<ClientCall> call) {
  OnIoThread([self = shared_from_this(), call = std::move(call)] {
    std::erase(self->line_, call);
    if (const auto carrier = call->carrier.lock()) carrier->Drop(*call);
  });
}

void ClientPool::Close() {
  OnIoThread([self = shared_from_this()] {
    self->closed_ = true;
    self->line_.clear();
    const auto all = self->open_;  // closing removes
    for (const auto& connection : all) connection->Close();
  });
}

void ClientPool::Assign(const std::shared_ptr<ClientCall>& call) {
  if (closed_) return;
  if (!line_.empty() || idle_.empty()) {
    line_.push_back(call);
    return Advance();
  }
  const auto connection = std::move(idle_.back());
  idle_.pop_back();
  connection->Carry(call);
}

void ClientPool::Advance() {
  while (!line_.empty() && open_.size() < limits_.open) {
    const auto call = std::move(line_.front());
    line_.pop_front();
    Open()->Carry(call);
  }
}

void ClientPool::Repeat(const std::shared_ptr<ClientCall>& call) {
  if (!closed_) Open()->Carry(call);
}

std::shared_ptr<ClientConnection> ClientPool::Open() {
  const auto io = io_.lock();  // on its own thread: it is there
  auto connection = std::make_shared<ClientConnection>(*io, io_, origin_, weak_from_this());
  open_.insert(connection);
  return connection;
}

void ClientPool::OnIdle(const std::shared_ptr<ClientConnection>& connection) {
  if (!line_.empty()) {
    const auto call = std::move(line_.front());
    line_.pop_front();
    return connection->Carry(call);
  }
  connection->CloseAfter(idle_.size() < limits_.idle ? kIdleTime : kMoment);
  idle_.push_back(connection);
}

void ClientPool::OnClosed(const std::shared_ptr<ClientConnection>& connection) {
  std::erase(idle_, connection);
  open_.erase(connection);
  if (!closed_) Advance();
}

}  // namespace spillway::net::internal
