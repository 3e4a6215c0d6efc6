#include "tests/simulation/policies.h"

#include <gtest/gtest.h>

namespace spillway::simulation {
namespace {

using namespace std::chrono_literals;

Instant At(Duration after) { return Instant(1h) + after; }

BindRecord Bound(const std::string& uid, Duration after, Duration lag = Duration(0)) {
  BindRecord bind;
  bind.uid = bind.key = uid;
  bind.onto_virtual = true;
  bind.decision = "d";
  bind.when = At(after);
  bind.lag = lag;
  return bind;
}

TEST(Policies, ABindWhileItIsOffIsWrongOnceThatHasTakenHold) {
  Policies policies;
  policies.Change(At(0s), {.enforces = false});
  policies.Change(At(10s), {.enforces = true});
  EXPECT_EQ(policies.Judge({Bound("a", 900ms)}).size(), 0U);
  EXPECT_EQ(policies.Judge({Bound("a", 1100ms)}).size(), 1U);
  EXPECT_EQ(policies.Judge({Bound("a", 1100ms, 5s)}).size(), 0U) << "it may not have seen it";
  EXPECT_EQ(policies.Judge({Bound("a", 10001ms)}).size(), 0U);
}

TEST(Policies, NoBindMakesMoreOverflowThanMay) {
  Policies policies;
  policies.Change(At(0s), {.most = 1});
  BindRecord first = Bound("a", 5s);
  const BindRecord second = Bound("b", 6s);
  EXPECT_EQ(policies.Judge({first, second}).size(), 1U);
  first.ended = At(5500ms);
  EXPECT_EQ(policies.Judge({first, second}).size(), 0U);
  policies.Change(At(5800ms), {.most = 2});
  first.ended.reset();
  EXPECT_EQ(policies.Judge({first, second}).size(), 0U) << "it had just been raised";
}

}  // namespace
}  // namespace spillway::simulation
