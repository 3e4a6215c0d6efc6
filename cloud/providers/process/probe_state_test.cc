#include "cloud/providers/process/probe_state.h"

#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

const WallTime kStart{1000s};

TEST(ProbeState, TheApisDefaults) {
  ProbeState probe(ProbeKind::kReadiness, Json::object());
  probe.Begin(kStart);
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kFailure) << "not ready until it says so";
  EXPECT_EQ(probe.timeout(), 1s);
  ASSERT_TRUE(probe.IsDue(kStart));
  probe.Ask(kStart);
  EXPECT_FALSE(probe.IsDue(kStart + 1h)) << "one at a time";
  EXPECT_TRUE(probe.Answer(true, kStart));
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kSuccess);
  EXPECT_FALSE(probe.IsDue(kStart + 9s));
  EXPECT_TRUE(probe.IsDue(kStart + 10s));
}

TEST(ProbeState, OnlySoManyInARowChangeTheVerdict) {
  ProbeState probe(ProbeKind::kLiveness, {{"failureThreshold", 2}, {"periodSeconds", 1}});
  probe.Begin(kStart);
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kSuccess);
  EXPECT_FALSE(probe.Answer(false, kStart));
  EXPECT_FALSE(probe.Answer(true, kStart)) << "nothing new";
  EXPECT_FALSE(probe.Answer(false, kStart)) << "counted anew";
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kSuccess);
  EXPECT_TRUE(probe.Answer(false, kStart));
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kFailure);
  probe.Begin(kStart + 5s);
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kSuccess) << "another run, another chance";
}

TEST(ProbeState, ReadinessMayAskForSeveralSuccesses) {
  ProbeState probe(ProbeKind::kReadiness, {{"successThreshold", 2}, {"initialDelaySeconds", 7}});
  probe.Begin(kStart);
  EXPECT_FALSE(probe.IsDue(kStart + 6s));
  EXPECT_TRUE(probe.IsDue(kStart + 7s));
  EXPECT_FALSE(probe.Answer(true, kStart));
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kFailure);
  EXPECT_TRUE(probe.Answer(true, kStart));
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kSuccess);
}

TEST(ProbeState, AStartupProbeIsUndecidedAtFirst) {
  ProbeState probe(ProbeKind::kStartup, {{"failureThreshold", 1}});
  probe.Begin(kStart);
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kUnknown);
  EXPECT_TRUE(probe.Answer(false, kStart));
  EXPECT_EQ(probe.verdict(), ProbeVerdict::kFailure);
}

}  // namespace
}  // namespace spillway::cloud
