#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/time.h"
#include "net/asio_types.h"

namespace spillway::net::internal {

// The deadline of whatever one connection is waiting for, counted in ticks: arming it per request costs nothing and
// reads no clock. Late by at most a tick. The connection's I/O thread only.
class IoDeadline {
 public:
  enum class Then { kCancel, kClose };  // the socket's operations; the socket

  IoDeadline(Socket& socket, Duration tick) : socket_(socket), timer_(socket.get_executor()), tick_(tick) {}

  // Begins to tick; stops when `owner`, which holds this, is gone.
  void Start(std::weak_ptr<void> owner) {
    timer_.expires_after(tick_);
    timer_.async_wait([this, owner = std::move(owner)](const boost::system::error_code& ec) {
      const auto alive = owner.lock();
      if (ec || !alive) return;
      Tick();
      Start(owner);
    });
  }
  void Arm(Duration timeout, Then then) {
    ticks_left_ = timeout / tick_ + 1;
    then_ = then;
    has_passed_ = false;
  }
  void Disarm() { ticks_left_ = 0; }
  bool has_passed() const { return has_passed_; }

 private:
  void Tick() {
    if (ticks_left_ == 0 || --ticks_left_ > 0) return;
    has_passed_ = true;
    boost::system::error_code ignored;
    if (then_ == Then::kCancel) {
      socket_.cancel(ignored);
    } else {
      socket_.close(ignored);
    }
  }

  Socket& socket_;
  Timer timer_;
  Duration tick_;
  std::int64_t ticks_left_ = 0;
  Then then_ = Then::kClose;
  bool has_passed_ = false;
};

}  // namespace spillway::net::internal
