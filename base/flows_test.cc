#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sim_runtime.h"
#include "base/sync.h"
#include "base/task.h"
#include "base/testing/run_until.h"

namespace spillway::base {
namespace {

using spillway::testing::Await;
using ::testing::ElementsAre;

// Says when it is freed.
struct Mark {
  explicit Mark(int& alive) : alive_(alive) { ++alive_; }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;
  ~Mark() { --alive_; }
  int& alive_;
};

class Flows : public ::testing::Test {
 protected:
  SimRuntime runtime_{1};
  int alive_ = 0;
  std::vector<std::string> log_;
  TaskScope scope_{runtime_};
};

Task<int> Add(Runtime& runtime, int a, int b) {
  co_await runtime.SleepFor(1s);
  co_return a + b;
}

Task<std::unique_ptr<int>> Own(int value) { co_return std::make_unique<int>(value); }

Task<int> Depth(int levels) {
  if (levels == 0) co_return 0;
  const int below = co_await Depth(levels - 1);
  co_return below + 1;
}

TEST_F(Flows, ATaskReturnsItsValueToWhoeverAwaitsIt) {
  EXPECT_EQ(Await(runtime_, Add(runtime_, 2, 3)), 5);
  EXPECT_EQ(runtime_.Now().time_since_epoch(), 1s);
  EXPECT_EQ(**Await(runtime_, Own(7)), 7);  // values that only move
  EXPECT_EQ(Await(runtime_, Depth(1000)), 1000);
}

TEST_F(Flows, ATaskStartsOnlyWhenAwaitedAndFreesItsArgumentsAnyway) {
  {
    const Task<void> never = [](std::unique_ptr<Mark>) -> Task<void> { co_return; }(std::make_unique<Mark>(alive_));
    EXPECT_EQ(alive_, 1);
  }
  EXPECT_EQ(alive_, 0);
}

Task<void> SleepHolding(Runtime& runtime, int& alive, Duration time) {
  const Mark mark(alive);
  co_await runtime.SleepFor(time);
}

Task<void> SleepDeep(Runtime& runtime, int& alive, int levels) {
  const Mark mark(alive);
  if (levels > 0) {
    co_await SleepDeep(runtime, alive, levels - 1);
  } else {
    co_await runtime.SleepFor(1h);
  }
}

TEST_F(Flows, DestroyingTheScopeFreesEveryFrameOfSuspendedFlows) {
  {
    TaskScope scope(runtime_);
    for (int i = 0; i < 10; ++i) scope.Spawn(SleepDeep(runtime_, alive_, 4));
    EXPECT_EQ(alive_, 0);  // on a turn of its own
    runtime_.RunFor(1s);
    EXPECT_EQ(alive_, 50);
    EXPECT_EQ(scope.size(), 10u);
  }
  EXPECT_EQ(alive_, 0);
  runtime_.RunFor(2h);  // and no timer fires into them
}

TEST_F(Flows, AFlowThatEndsLeavesItsScope) {
  scope_.Spawn(SleepHolding(runtime_, alive_, 1s));
  scope_.Spawn(SleepHolding(runtime_, alive_, 2s));
  runtime_.RunFor(1500ms);
  EXPECT_EQ(scope_.size(), 1u);
  EXPECT_EQ(alive_, 1);
  runtime_.RunFor(1s);
  EXPECT_EQ(scope_.size(), 0u);
  EXPECT_EQ(alive_, 0);
}

TEST_F(Flows, AFlowDestroyedBeforeItsFirstTurnNeverRuns) {
  scope_.Spawn(SleepHolding(runtime_, alive_, 1s));
  scope_.Clear();
  runtime_.RunFor(1s);
  EXPECT_EQ(alive_, 0);
}

struct SpawnsOnDeath {
  TaskScope& scope;
  Runtime& runtime;
  int& alive;
  ~SpawnsOnDeath() { scope.Spawn(SleepHolding(runtime, alive, 1h)); }
};

Task<void> HoldSpawner(Runtime& runtime, TaskScope& scope, int& alive) {
  const SpawnsOnDeath spawner{scope, runtime, alive};
  co_await runtime.SleepFor(1h);
}

TEST_F(Flows, ClearingAScopeAlsoEndsWhatItsFlowsSpawnMeanwhile) {
  scope_.Spawn(HoldSpawner(runtime_, scope_, alive_));
  runtime_.RunFor(1s);
  scope_.Clear();
  EXPECT_EQ(scope_.size(), 0u);
  runtime_.RunFor(2h);
  EXPECT_EQ(alive_, 0);
}

Task<void> Take(OneShot<std::unique_ptr<int>> shot, std::vector<int>& taken) {
  const std::unique_ptr<int> value = co_await shot.Wait();
  taken.push_back(*value);
}

TEST_F(Flows, OneShotHandsItsFirstValueOver) {
  std::vector<int> taken;
  const OneShot<std::unique_ptr<int>> early(runtime_);
  early.Set(std::make_unique<int>(1));
  early.Set(std::make_unique<int>(2));
  scope_.Spawn(Take(early, taken));
  const OneShot<std::unique_ptr<int>> late(runtime_);
  scope_.Spawn(Take(late, taken));
  runtime_.RunFor(1s);
  EXPECT_THAT(taken, ElementsAre(1));
  late.Set(std::make_unique<int>(3));
  late.Set(std::make_unique<int>(4));
  EXPECT_THAT(taken, ElementsAre(1)) << "the waiter resumes on a turn of its own";
  runtime_.RunFor(0s);
  EXPECT_THAT(taken, ElementsAre(1, 3));
}

TEST_F(Flows, OneShotTellsThatItsWaiterIsGone) {
  std::vector<int> taken;
  int abandoned = 0;
  const OneShot<std::unique_ptr<int>> shot(runtime_);
  shot.OnAbandoned([&abandoned] { ++abandoned; });
  scope_.Spawn(Take(shot, taken));
  runtime_.RunFor(1s);
  EXPECT_TRUE(shot.is_wanted());
  scope_.Clear();
  EXPECT_FALSE(shot.is_wanted());
  EXPECT_EQ(abandoned, 1);
  shot.Set(std::make_unique<int>(1));
  runtime_.RunFor(1s);
  EXPECT_THAT(taken, ElementsAre());
}

TEST_F(Flows, OneShotSetForAWaiterThatDiesInTheSameTurn) {
  std::vector<int> taken;
  int abandoned = 0;
  const OneShot<std::unique_ptr<int>> shot(runtime_);
  shot.OnAbandoned([&abandoned] { ++abandoned; });
  scope_.Spawn(Take(shot, taken));
  runtime_.RunFor(1s);
  shot.Set(std::make_unique<int>(1));
  scope_.Clear();
  runtime_.RunFor(1s);
  EXPECT_THAT(taken, ElementsAre());
  EXPECT_EQ(abandoned, 1);
}

TEST_F(Flows, ATakenOneShotIsNotAbandoned) {
  std::vector<int> taken;
  int abandoned = 0;
  const OneShot<std::unique_ptr<int>> shot(runtime_);
  shot.OnAbandoned([&abandoned] { ++abandoned; });
  scope_.Spawn(Take(shot, taken));
  shot.Set(std::make_unique<int>(1));
  runtime_.RunFor(1s);
  EXPECT_THAT(taken, ElementsAre(1));
  EXPECT_EQ(abandoned, 0);
}

Task<void> CountWakes(Signal& signal, int& wakes) {
  for (;;) {
    co_await signal.Wait();
    ++wakes;
  }
}

TEST_F(Flows, SignalsMergeAndAreNeverLost) {
  Signal signal(runtime_);
  int wakes = 0;
  signal.Notify();  // before anybody waits
  TaskScope scope(runtime_);
  scope.Spawn(CountWakes(signal, wakes));
  runtime_.RunFor(1s);
  EXPECT_EQ(wakes, 1);
  signal.Notify();
  signal.Notify();
  signal.Notify();
  runtime_.RunFor(1s);
  EXPECT_EQ(wakes, 2);
  runtime_.RunFor(1s);
  EXPECT_EQ(wakes, 2);
}

Task<void> WaitInTurns(Runtime& runtime, Signal& signal, std::vector<std::string>& log) {
  const Instant first = runtime.Now() + 10s;
  log.push_back((co_await signal.WaitUntil(first)) ? "notified" : "late");
  const Instant second = runtime.Now() + 10s;
  log.push_back((co_await signal.WaitUntil(second)) ? "notified" : "late");
  const Instant past = runtime.Now() - 10s;
  log.push_back((co_await signal.WaitUntil(past)) ? "notified" : "late");
}

TEST_F(Flows, SignalsMayBeWaitedForOnlySoLong) {
  Signal signal(runtime_);
  TaskScope scope(runtime_);
  scope.Spawn(WaitInTurns(runtime_, signal, log_));
  runtime_.RunFor(3s);
  signal.Notify();
  runtime_.RunFor(0s);
  EXPECT_THAT(log_, ElementsAre("notified"));
  runtime_.RunFor(9s);
  EXPECT_THAT(log_, ElementsAre("notified"));
  runtime_.RunFor(2s);
  EXPECT_THAT(log_, ElementsAre("notified", "late", "late"));
}

TEST_F(Flows, ANotificationAtTheVeryDeadlineCounts) {
  Signal signal(runtime_);
  TaskScope scope(runtime_);
  runtime_.PostAt(runtime_.Now() + 10s, [&signal] { signal.Notify(); });  // armed before the wait: runs first
  scope.Spawn(WaitInTurns(runtime_, signal, log_));
  runtime_.RunFor(10s);
  EXPECT_THAT(log_, ElementsAre("notified"));
}

TEST_F(Flows, AWaiterThatDiesLeavesTheNotificationToTheNext) {
  Signal signal(runtime_);
  int wakes = 0;
  scope_.Spawn(CountWakes(signal, wakes));
  runtime_.RunFor(1s);
  signal.Notify();
  scope_.Clear();
  TaskScope scope(runtime_);
  scope.Spawn(CountWakes(signal, wakes));
  runtime_.RunFor(1s);
  EXPECT_EQ(wakes, 1);
}

TEST(CancelToken, CallsEachCallbackOnceInOrder) {
  const CancelToken token;
  const CancelToken copy = token;
  std::vector<int> calls;
  token.OnCancel([&calls] { calls.push_back(1); });
  copy.OnCancel([&calls] { calls.push_back(2); });
  EXPECT_FALSE(token.is_cancelled());
  copy.Cancel();
  token.Cancel();
  EXPECT_TRUE(token.is_cancelled());
  EXPECT_THAT(calls, ElementsAre(1, 2));
  token.OnCancel([&calls] { calls.push_back(3); });  // too late: at once
  EXPECT_THAT(calls, ElementsAre(1, 2, 3));
}

TEST(CancelToken, ACallbackMayDropTheLastToken) {
  auto token = std::make_unique<CancelToken>();
  int calls = 0;
  token->OnCancel([&] {
    token.reset();
    ++calls;
  });
  token->OnCancel([&calls] { ++calls; });
  CancelToken(*token).Cancel();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace spillway::base
