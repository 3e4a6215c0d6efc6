#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "base/sync.h"
#include "net/http_server.h"

namespace spillway::net::internal {

// An upgraded connection between the handler's flow on the loop and the socket's I/O thread.
class Upgrade final : public UpgradedConnection, public std::enable_shared_from_this<Upgrade> {
 public:
  // `wake` may be called from the loop at any time, also after the server is gone; it tells the connection to look.
  Upgrade(Runtime& runtime, std::function<void()> wake)
      : runtime_(runtime), wake_(std::move(wake)), readable_(runtime) {}

  // Loop thread.
  Task<std::string> Read() override;
  bool Write(std::string_view bytes) override;
  Task<void> Writable() override;
  bool is_open() const override;
  void End();  // the flow has returned: what was written is sent, then the connection is closed

  // I/O thread.
  struct Output {
    std::string bytes;
    bool ended = false;
  };
  Output Take();
  void Sent(std::size_t bytes);
  void Received(std::string_view bytes);
  bool is_full() const;  // more is received when this is no longer so; wake() tells
  void EndOfInput();
  void Close();  // the client is gone

 private:
  // Precondition: `mutex_` is held. Has the loop look soon.
  void WakeLoop();
  void OnWake();

  Runtime& runtime_;
  const std::function<void()> wake_;
  Signal readable_;                     // loop
  std::vector<OneShot<bool>> waiting_;  // for room; loop
  mutable std::mutex mutex_;
  std::string in_, out_;
  std::size_t unsent_ = 0;
  bool input_ended_ = false, closed_ = false, ended_ = false, loop_woken_ = false;
};

}  // namespace spillway::net::internal
