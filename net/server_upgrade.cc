#include "net/server_upgrade.h"

#include <utility>

namespace spillway::net::internal {
namespace {

constexpr std::size_t kMaxInput = 256u << 10;
constexpr std::size_t kRoomBelow = 512u << 10;
constexpr std::size_t kMaxUnsent = 64u << 20;

}  // namespace

Task<std::string> Upgrade::Read() {
  for (;;) {
    std::string bytes;
    bool is_end = false;
    {
      const std::lock_guard lock(mutex_);
      bytes = std::exchange(in_, {});
      is_end = input_ended_ || closed_;
    }
    if (bytes.size() >= kMaxInput) wake_();
    if (!bytes.empty() || is_end) co_return bytes;
    co_await readable_.Wait();
  }
}

bool Upgrade::Write(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || ended_ || unsent_ + bytes.size() > kMaxUnsent) return false;
    out_ += bytes;
    unsent_ += bytes.size();
  }
  wake_();
  return true;
}

Task<void> Upgrade::Writable() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || unsent_ < kRoomBelow) co_return;
    }
    OneShot<bool> room(runtime_);
    waiting_.push_back(room);
    co_await room.Wait();
  }
}

bool Upgrade::is_open() const {
  const std::lock_guard lock(mutex_);
  return !closed_ && !ended_;
}

void Upgrade::End() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_();
}

Upgrade::Output Upgrade::Take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(out_, {}), ended_};
}

void Upgrade::Sent(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const bool was_full = unsent_ >= kRoomBelow;
  unsent_ -= bytes;
  if (was_full && unsent_ < kRoomBelow) WakeLoop();
}

void Upgrade::Received(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  in_ += bytes;
  WakeLoop();
}

bool Upgrade::is_full() const {
  const std::lock_guard lock(mutex_);
  return in_.size() >= kMaxInput;
}

void Upgrade::EndOfInput() {
  const std::lock_guard lock(mutex_);
  input_ended_ = true;
  WakeLoop();
}

void Upgrade::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  WakeLoop();
}

void Upgrade::WakeLoop() {
  if (std::exchange(loop_woken_, true)) return;
  runtime_.Post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnWake();
  });
}

void Upgrade::OnWake() {
  {
    const std::lock_guard lock(mutex_);
    loop_woken_ = false;
  }
  readable_.Notify();
  for (const auto& room : std::exchange(waiting_, {})) room.Set(true);
}

}  // namespace spillway::net::internal
