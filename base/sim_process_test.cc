#include "base/sim_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rarely.h"
#include "base/sim_runtime.h"

namespace spillway::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SimProcessTest : public ::testing::Test {
 protected:
  std::function<void()> Say(std::string what) {
    return [this, what = std::move(what)] { said_.push_back(what); };
  }

  SimRuntime world_{1};
  SimProcess process_{world_, 7};
  std::vector<std::string> said_;
};

TEST_F(SimProcessTest, WhatComesDueInAPauseHappensAfterItInOrder) {
  process_.PostAt(world_.Now() + 2s, Say("timer"));
  process_.Pause();
  process_.Post(Say("posted"));
  world_.RunFor(5s);
  EXPECT_THAT(said_, IsEmpty());
  process_.Resume();
  process_.Post(Say("later"));
  world_.RunFor(0s);
  EXPECT_THAT(said_, ElementsAre("posted", "timer", "later"));
  EXPECT_EQ(process_.last_pause(), Duration(5s));
}

TEST_F(SimProcessTest, ASecondPauseBeforeEverythingHasHappenedLosesNothing) {
  process_.Pause();
  process_.Post(Say("a"));
  process_.Post([this] { process_.Pause(); });
  process_.Post(Say("b"));
  world_.RunFor(1s);
  process_.Resume();
  world_.RunFor(1s);
  EXPECT_THAT(said_, ElementsAre("a"));
  process_.Post(Say("c"));
  process_.Resume();
  world_.RunFor(1s);
  EXPECT_THAT(said_, ElementsAre("a", "b", "c"));
}

TEST_F(SimProcessTest, ATimerThatCameDueInAPauseCanStillBeCancelled) {
  const TimerId timer = process_.PostAt(world_.Now() + 1s, Say("timer"));
  process_.Pause();
  world_.RunFor(2s);
  process_.CancelTimer(timer);
  process_.Resume();
  world_.RunFor(1s);
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(SimProcessTest, ItsWallClockIsItsOwnAndItsMonotonicClockIsNot) {
  process_.SetSkew(-3s);
  world_.RunFor(10s);
  EXPECT_EQ(process_.WallNow(), world_.WallNow() - 3s);
  EXPECT_EQ(process_.Now(), world_.Now());
}

TEST_F(SimProcessTest, RareBranchesAreTakenOnlyWhereAndWhenTheSeedWantsIt) {
  const auto count = [](Runtime& runtime, const std::string& where) {
    int taken = 0;
    for (int i = 0; i < 1000; ++i) taken += Rarely(runtime, where) ? 1 : 0;
    return taken;
  };
  EXPECT_EQ(count(world_, "here"), 0);
  EXPECT_EQ(count(process_, "here"), 0);
  process_.ForceRareBranches(0.5);
  int places = 0;
  for (int i = 0; i < 100; ++i) {
    const int taken = count(process_, "place " + std::to_string(i));
    if (taken == 0) continue;
    ++places;
    EXPECT_NEAR(taken, 500, 100);
  }
  EXPECT_NEAR(places, 25, 15);
}

}  // namespace
}  // namespace spillway::base
