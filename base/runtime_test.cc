#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "base/real_runtime.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"

namespace spillway::base {
namespace {

using spillway::testing::Await;
using spillway::testing::RunUntil;
using ::testing::ElementsAre;

TEST(SimRuntime, RunsWhatIsReadyBeforeTimersAndTimersInOrder) {
  SimRuntime runtime(1);
  std::vector<std::string> log;
  const auto say = [&log](std::string text) { return [&log, text] { log.push_back(text); }; };
  const Instant start = runtime.Now();
  runtime.PostAt(start + 2s, say("t2"));
  runtime.PostAt(start + 1s, say("t1 first"));
  runtime.PostAt(start + 1s, say("t1 second"));
  runtime.PostAt(start - 1s, say("overdue"));
  runtime.Post(say("posted"));
  runtime.RunFor(1s);
  EXPECT_THAT(log, ElementsAre("posted", "overdue", "t1 first", "t1 second"));
  EXPECT_EQ(runtime.Now() - start, 1s);
  runtime.RunFor(10s);
  EXPECT_EQ(log.back(), "t2");
  EXPECT_EQ(runtime.Now() - start, 11s);
}

TEST(SimRuntime, WorkPostedByATimerRunsBeforeTheNextTimerOfTheSameTime) {
  SimRuntime runtime(1);
  std::vector<int> log;
  runtime.PostAt(runtime.Now() + 1s, [&] {
    log.push_back(1);
    runtime.Post([&log] { log.push_back(2); });
  });
  runtime.PostAt(runtime.Now() + 1s, [&log] { log.push_back(3); });
  runtime.RunFor(1s);
  EXPECT_THAT(log, ElementsAre(1, 2, 3));
}

TEST(SimRuntime, CancelledTimersDoNotFireAndLateCancelsDoNothing) {
  SimRuntime runtime(1);
  int fired = 0;
  const TimerId cancelled = runtime.PostAt(runtime.Now() + 1s, [&fired] { ++fired; });
  const TimerId kept = runtime.PostAt(runtime.Now() + 1s, [&fired] { ++fired; });
  runtime.CancelTimer(cancelled);
  runtime.RunFor(1s);
  EXPECT_EQ(fired, 1);
  runtime.CancelTimer(kept);
  runtime.CancelTimer(12345);
}

TEST(SimRuntime, TimeIsVirtual) {
  SimRuntime runtime(1);
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    runtime.PostAt(runtime.Now() + 1s, tick);
  };
  tick();
  runtime.RunFor(24h);
  EXPECT_EQ(ticks, 24 * 3600 + 1);
  EXPECT_EQ(FormatRfc3339(runtime.WallNow()), "2026-01-02T00:00:00Z");
}

TEST(SimRuntime, RunUntilStopsAtTheConditionOrTheLimit) {
  SimRuntime runtime(1);
  bool done = false;
  runtime.PostAt(runtime.Now() + 5s, [&done] { done = true; });
  EXPECT_FALSE(runtime.RunUntil([&done] { return done; }, 4s));
  EXPECT_EQ(runtime.Now().time_since_epoch(), 4s);
  EXPECT_TRUE(runtime.RunUntil([&done] { return done; }, 4s));
  EXPECT_EQ(runtime.Now().time_since_epoch(), 5s);
}

std::vector<std::uint64_t> History(std::uint64_t seed) {
  SimRuntime runtime(seed);
  std::vector<std::uint64_t> history;
  std::function<void()> step = [&] {
    history.push_back(runtime.random().Below(1000));
    history.push_back(static_cast<std::uint64_t>(runtime.Now().time_since_epoch().count()));
    runtime.PostAt(runtime.Now() + runtime.random().Exponential(1s), step);
  };
  step();
  runtime.RunFor(100s);
  history.push_back(runtime.turns());
  return history;
}

TEST(SimRuntime, OneSeedReplaysOneHistory) {
  EXPECT_EQ(History(7), History(7));
  EXPECT_NE(History(7), History(8));
}

TEST(Random, StaysInItsRange) {
  Random random(1);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_LT(random.Below(10), 10u);
    const double unit = random.Unit();
    ASSERT_TRUE(unit >= 0 && unit < 1);
    const Duration between = random.Between(1s, 2s);
    ASSERT_TRUE(between >= 1s && between <= 2s);
    const Duration exponential = random.Exponential(1s);
    ASSERT_GE(exponential, 0s);
    sum += std::chrono::duration<double>(exponential).count();
  }
  EXPECT_NEAR(sum / 100'000, 1.0, 0.02);
  EXPECT_EQ(Random(42).Next(), 13679457532755275413u) << "equal on every platform";
}

TEST(RealRuntime, TimersFireInOrderAndNotEarly) {
  RealRuntime runtime;
  std::vector<int> log;
  const Instant start = runtime.Now();
  Instant fired{};
  runtime.PostAt(start + 30ms, [&] {
    log.push_back(3);
    fired = runtime.Now();
  });
  runtime.PostAt(start + 10ms, [&log] { log.push_back(1); });
  runtime.PostAt(start + 10ms, [&log] { log.push_back(2); });
  const TimerId cancelled = runtime.PostAt(start + 5ms, [&log] { log.push_back(0); });
  runtime.CancelTimer(cancelled);
  ASSERT_TRUE(RunUntil(runtime, [&log] { return log.size() == 3; }));
  EXPECT_THAT(log, ElementsAre(1, 2, 3));
  EXPECT_GE(fired - start, 30ms);
}

TEST(RealRuntime, ATimerArmedEarlierThanTheOthersIsNotMissed) {
  RealRuntime runtime;
  bool early = false;
  runtime.PostAt(runtime.Now() + 1h, [] {});
  runtime.Post([&] { runtime.PostAt(runtime.Now() + 1ms, [&early] { early = true; }); });
  EXPECT_TRUE(RunUntil(runtime, [&early] { return early; }));
}

TEST(RealRuntime, ATimerMayCancelAnotherThatIsDueToo) {
  RealRuntime runtime;
  int fired = 0;
  bool after = false;
  TimerId second = 0;
  const Instant when = runtime.Now() + 5ms;
  runtime.PostAt(when, [&] {
    ++fired;
    runtime.CancelTimer(second);
  });
  second = runtime.PostAt(when, [&fired] { ++fired; });
  runtime.PostAt(when + 1ms, [&after] { after = true; });
  ASSERT_TRUE(RunUntil(runtime, [&after] { return after; }));
  EXPECT_EQ(fired, 1);
}

TEST(RealRuntime, TimersThatRearmThemselvesLeaveRoomForPostedWork) {
  RealRuntime runtime;
  int rings = 0;
  bool posted = false;
  std::function<void()> again = [&] {
    ++rings;
    if (!posted) runtime.PostAt(runtime.Now(), again);
  };
  again();
  runtime.Post([&runtime, &posted] { runtime.Post([&posted] { posted = true; }); });
  EXPECT_TRUE(RunUntil(runtime, [&posted] { return posted; }));
  EXPECT_LT(rings, 1000);
}

TEST(RealRuntime, OtherThreadsMayPost) {
  RealRuntime runtime;
  int sum = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) runtime.Post([&sum] { ++sum; });
    });
  }
  EXPECT_TRUE(RunUntil(runtime, [&sum] { return sum == 4000; }));
  for (std::thread& thread : threads) thread.join();
}

TEST(RealRuntime, SignalsAreCountedOnTheLoop) {
  RealRuntime runtime;
  std::vector<int> signals;
  runtime.Post([] { std::raise(SIGTERM); });
  runtime.Run([&](int so_far) {
    signals.push_back(so_far);
    if (so_far < 3) {
      std::raise(so_far == 1 ? SIGINT : SIGTERM);
    } else {
      runtime.Stop();
    }
  });
  EXPECT_THAT(signals, ElementsAre(1, 2, 3));
}

TEST(RealRuntime, ItCanBeTurnedAgainAfterAStop) {
  RealRuntime runtime;
  runtime.Post([&runtime] { runtime.Stop(); });
  runtime.Run([](int) {});
  bool done = false;
  runtime.Post([&runtime, &done] {
    done = true;
    runtime.Stop();
  });
  runtime.Run([](int) {});
  EXPECT_TRUE(done);
}

Task<int> SleepAndReturn(Runtime& runtime, int value) {
  co_await runtime.SleepFor(2ms);
  co_return value;
}

TEST(RealRuntime, FlowsRunOnItAndAHungOneIsGivenUp) {
  RealRuntime runtime;
  EXPECT_EQ(Await(runtime, SleepAndReturn(runtime, 5)), 5);
  const auto hangs = [](Runtime& r) -> Task<void> { co_await r.SleepFor(1h); };
  EXPECT_FALSE(Await(runtime, hangs(runtime), 20ms));
}

}  // namespace
}  // namespace spillway::base
