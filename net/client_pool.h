#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <unordered_set>
#include <vector>

#include "net/client_connection.h"

namespace spillway::net::internal {

// The connections of one client for one lane, all on one I/O thread.
class ClientPool : public std::enable_shared_from_this<ClientPool> {
 public:
  struct Limits {
    std::size_t idle;  // are kept for long; more only for a moment, so that a burst does not open them again and again
    std::size_t open;  // more calls wait in line
  };
  ClientPool(std::weak_ptr<boost::asio::io_context> io, std::shared_ptr<const Origin> origin, Limits limits);

  // Any thread; carried out on the I/O thread in the order asked.
  void Start(std::shared_ptr<ClientCall> call);
  void Drop(std::shared_ptr<ClientCall> call);
  void Close();

  // I/O thread, from the connections.
  void OnIdle(const std::shared_ptr<ClientConnection>& connection);
  void OnClosed(const std::shared_ptr<ClientConnection>& connection);
  // Carries `call` on a new connection.
  void Repeat(const std::shared_ptr<ClientCall>& call);

 private:
  template <typename Work>
  void OnIoThread(Work work);
  void Assign(const std::shared_ptr<ClientCall>& call);
  std::shared_ptr<ClientConnection> Open();
  void Advance();

  std::weak_ptr<boost::asio::io_context> io_;
  std::shared_ptr<const Origin> origin_;
  Limits limits_;
  std::unordered_set<std::shared_ptr<ClientConnection>> open_;
  std::vector<std::shared_ptr<ClientConnection>> idle_;  // of those open; the one used last at the end
  std::deque<std::shared_ptr<ClientCall>> line_;
  bool closed_ = false;
};

}  // namespace spillway::net::internal
