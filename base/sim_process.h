#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "base/runtime.h"

namespace spillway::base {

// One process of a simulation, as it sees the virtual time that all share: its wall clock may be wrong and jump, and
// the whole of it may be paused, as SIGSTOP or a starved machine pauses one. The monotonic clock goes on meanwhile, and
// what came due is carried out in that order once it may run again: for a while the process acts on what it knew
// before.
//
// A process that is killed is the object that ran on this being destroyed; this outlives it. Single-threaded.
class SimProcess final : public Runtime {
 public:
  // `world` outlives this.
  SimProcess(Runtime& world, std::uint64_t seed) : world_(world), random_(seed), rare_places_(random_.Next()) {}
  ~SimProcess() override;
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  Instant Now() const override { return world_.Now(); }
  WallTime WallNow() const override { return world_.WallNow() + skew_; }
  void Post(std::function<void()> work) override;
  TimerId PostAt(Instant when, std::function<void()> work) override;
  void CancelTimer(TimerId timer) override;
  Random& random() override { return random_; }

  // From now on the wall clock is so far ahead of the world's.
  void SetSkew(Duration skew) { skew_ = skew; }
  Duration skew() const { return skew_; }
  void Pause();
  void Resume();
  bool is_paused() const { return paused_since_.has_value(); }
  // How long nothing has run, now or at the end of the last pause; and when that end was.
  Duration last_pause() const { return is_paused() ? Now() - *paused_since_ : last_pause_; }
  Instant resumed_at() const { return is_paused() ? Now() : resumed_at_; }
  // Makes Rarely() (rarely.h) true with this chance in a quarter of its places, which the seed picks; 0: nowhere.
  void ForceRareBranches(double chance) { rare_chance_ = chance; }
  bool Rarely(std::string_view where);
  std::uint64_t rare_branches() const { return rare_branches_; }

 private:
  struct Held {
    TimerId timer;  // 0: posted
    std::function<void()> work;
  };
  void RunOrHold(TimerId timer, std::function<void()> work);
  void RunOneHeld();

  Runtime& world_;
  Random random_;
  std::uint64_t rare_places_;
  double rare_chance_ = 0;
  std::uint64_t rare_branches_ = 0;
  Duration skew_{0}, last_pause_{0};
  std::optional<Instant> paused_since_;
  Instant resumed_at_{};
  std::map<TimerId, TimerId> timers_;  // ours to the world's
  TimerId next_timer_ = 1;
  std::list<Held> held_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace spillway::base

namespace spillway {
using base::SimProcess;
}  // namespace spillway
