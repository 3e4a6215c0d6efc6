#include "base/real_runtime.h"

#include <utility>  // before Asio 1.74, which uses std::exchange without it

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <map>
#include <random>
#include <unordered_map>

namespace spillway::base {
namespace asio = boost::asio;

struct RealRuntime::Impl {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  asio::steady_timer alarm{io};  // rings at the earliest of `timers`
  Instant alarm_at = Instant::max();
  std::map<std::pair<Instant, TimerId>, std::function<void()>> timers;
  std::unordered_map<TimerId, Instant> timer_times;
  TimerId next_timer = 1;
  Random random{(std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()};

  static Instant Now() {
    return Instant(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }

  void Arm() {
    const Instant earliest = timers.empty() ? Instant::max() : timers.begin()->first.first;
    if (earliest == alarm_at) return;
    alarm_at = earliest;
    if (timers.empty()) {
      alarm.cancel();
      return;
    }
    alarm.expires_at(std::chrono::steady_clock::time_point(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(earliest.time_since_epoch())));
    alarm.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) Ring();
    });
  }

  void Ring() {
    alarm_at = Instant::max();
    // Only what is due now: a timer armed for "now" by one of these gets its own turn, after what has been posted.
    const Instant now = Now();
    const TimerId newest = next_timer;
    while (!timers.empty() && timers.begin()->first.first <= now && timers.begin()->first.second < newest) {
      auto timer = timers.extract(timers.begin());
      timer_times.erase(timer.key().second);
      timer.mapped()();
    }
    Arm();
  }
};

RealRuntime::RealRuntime() : impl_(std::make_unique<Impl>()) {}
RealRuntime::~RealRuntime() = default;

Instant RealRuntime::Now() const { return Impl::Now(); }

WallTime RealRuntime::WallNow() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

void RealRuntime::Post(std::function<void()> work) { asio::post(impl_->io, std::move(work)); }

TimerId RealRuntime::PostAt(Instant when, std::function<void()> work) {
  const TimerId id = impl_->next_timer++;
  impl_->timers.emplace(std::pair(when, id), std::move(work));
  impl_->timer_times.emplace(id, when);
  impl_->Arm();
  return id;
}

void RealRuntime::CancelTimer(TimerId timer) {
  const auto found = impl_->timer_times.find(timer);
  if (found == impl_->timer_times.end()) return;
  impl_->timers.erase({found->second, timer});
  impl_->timer_times.erase(found);
}

Random& RealRuntime::random() { return impl_->random; }

void RealRuntime::Run(std::function<void(int)> on_signal) {
  asio::signal_set signals(impl_->io, SIGINT, SIGTERM);
  int so_far = 0;
  std::function<void()> wait_for_next = [&] {
    signals.async_wait([&](const boost::system::error_code& cancelled, int /*number*/) {
      if (cancelled) return;
      on_signal(++so_far);
      wait_for_next();
    });
  };
  wait_for_next();
  impl_->io.run();
  impl_->io.restart();  // after, not before: a Stop() that came early counts
}

bool RealRuntime::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Instant end = Now() + limit;
  while (!done()) {
    if (Now() >= end) return done();
    if (impl_->io.stopped()) {
      impl_->io.restart();
      return done();
    }
    impl_->io.run_one_for(std::chrono::milliseconds(1));
  }
  return true;
}

void RealRuntime::Stop() { impl_->io.stop(); }

}  // namespace spillway::base
