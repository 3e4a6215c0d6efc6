#include "base/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "base/log.h"
#include "base/result.h"
#include "base/strong_id.h"

namespace spillway::base {
namespace {

WallTime At(std::int64_t seconds, std::int64_t nanos = 0) {
  return WallTime(std::chrono::seconds(seconds) + Duration(nanos));
}

TEST(Rfc3339, Formats) {
  EXPECT_EQ(FormatRfc3339(At(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(At(1795341792, 999'999'999)), "2026-11-22T10:03:12Z");
  EXPECT_EQ(FormatRfc3339Micro(At(1795341792, 123'456'789)), "2026-11-22T10:03:12.123456Z");
  EXPECT_EQ(FormatRfc3339Micro(At(1795341792)), "2026-11-22T10:03:12.000000Z");
  EXPECT_EQ(FormatRfc3339(At(-1, 500'000'000)), "1969-12-31T23:59:59Z");
}

TEST(Rfc3339, Parses) {
  EXPECT_EQ(ParseRfc3339("2026-11-22T10:03:12Z"), At(1795341792));
  EXPECT_EQ(ParseRfc3339("2026-11-22t10:03:12z"), At(1795341792));
  EXPECT_EQ(ParseRfc3339("2026-11-22T18:03:12+08:00"), At(1795341792));
  EXPECT_EQ(ParseRfc3339("2026-11-22T02:33:12-07:30"), At(1795341792));
  EXPECT_EQ(ParseRfc3339("2026-11-22T10:03:12.5Z"), At(1795341792, 500'000'000));
  EXPECT_EQ(ParseRfc3339("2026-11-22T10:03:12.123456789123Z"), At(1795341792, 123'456'789));
  EXPECT_EQ(ParseRfc3339("2024-02-29T00:00:00Z"), At(1709164800));
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2026", "2026-11-22", "2026-11-22T10:03:12", "2026-11-22 10:03:12Z", "2026-11-22T10:03Z",
        "2026-13-22T10:03:12Z", "2026-02-29T10:03:12Z", "2026-11-22T24:03:12Z", "2026-11-22T10:60:12Z",
        "2026-11-22T10:03:61Z", "2026-11-22T10:03:12.Z", "2026-11-22T10:03:12Zx", "2026-11-22T10:03:12+8:00",
        "2026-11-22T10:03:12+08", "2026-11-22T10:03:12+24:00", "-026-11-22T10:03:12Z", "2026-11-22T10:03:12z ",
        "9999-13-31T23:59:59Z"}) {
    EXPECT_EQ(ParseRfc3339(text), std::nullopt) << text;
  }
}

TEST(Rfc3339, TakesTheNearestOfWhatItCanTell) {
  const WallTime first = *ParseRfc3339("1901-01-01T00:00:00Z"), last = *ParseRfc3339("2149-12-31T23:59:59Z");
  EXPECT_EQ(ParseRfc3339("0001-01-01T00:00:00Z"), first);
  EXPECT_EQ(ParseRfc3339("1900-12-31T23:59:59Z"), first);
  for (const char* far : {"2150-06-01T00:00:00Z", "2312-02-12T19:18:48Z", "9999-12-31T23:59:59Z"}) {
    EXPECT_EQ(ParseRfc3339(far), last + std::chrono::seconds(1)) << far;
  }
  EXPECT_GT(last - first, Duration(0)) << "no difference is beyond an int64";
}

RC_GTEST_PROP(Rfc3339, ReadsWhatItWrites, (std::int32_t seconds, std::uint32_t micros)) {
  const WallTime time = At(seconds, std::int64_t{micros % 1'000'000} * 1000);
  RC_ASSERT(ParseRfc3339(FormatRfc3339Micro(time)) == time);
}

RC_GTEST_PROP(Rfc3339, SurvivesAnyText, (const std::string& text)) { ParseRfc3339(text); }

TEST(GoDuration, Parses) {
  EXPECT_EQ(ParseGoDuration("0"), 0s);
  EXPECT_EQ(ParseGoDuration("1.5s"), 1500ms);
  EXPECT_EQ(ParseGoDuration("300ms"), 300ms);
  EXPECT_EQ(ParseGoDuration("2m"), 2min);
  EXPECT_EQ(ParseGoDuration("1h30m"), 90min);
  EXPECT_EQ(ParseGoDuration("1h0m0.5s"), 1h + 500ms);
  EXPECT_EQ(ParseGoDuration("-1m"), -1min);
  EXPECT_EQ(ParseGoDuration("+1m"), 1min);
  EXPECT_EQ(ParseGoDuration(".5s"), 500ms);
  EXPECT_EQ(ParseGoDuration("10us"), 10us);
  EXPECT_EQ(ParseGoDuration("10µs"), 10us);
  EXPECT_EQ(ParseGoDuration("7ns"), 7ns);
  EXPECT_EQ(ParseGoDuration("2400h0m0.000000001s"), 2400h + 1ns);
  EXPECT_EQ(ParseGoDuration("2562047h"), 2562047h);
}

TEST(GoDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "5", "s", "-", "+", "1 s", "1d", "1s2", "1.s.", "--1s", "1s ", "1e3s", "2562048h",
                           "99999999999999999999h", "9999999999999999h", "."}) {
    EXPECT_EQ(ParseGoDuration(text), std::nullopt) << text;
  }
}

RC_GTEST_PROP(GoDuration, SurvivesAnyText, (const std::string& text)) { ParseGoDuration(text); }

TEST(FormatDuration, IsShortAndReadable) {
  EXPECT_EQ(FormatDuration(0s), "0ms");
  EXPECT_EQ(FormatDuration(150ms), "150ms");
  EXPECT_EQ(FormatDuration(999'700us), "1.0s");
  EXPECT_EQ(FormatDuration(1200ms), "1.2s");
  EXPECT_EQ(FormatDuration(9960ms), "10s");
  EXPECT_EQ(FormatDuration(42s), "42s");
  EXPECT_EQ(FormatDuration(119s), "119s");
  EXPECT_EQ(FormatDuration(200s), "3m20s");
  EXPECT_EQ(FormatDuration(180s), "3m");
  EXPECT_EQ(FormatDuration(2h), "2h");
  EXPECT_EQ(FormatDuration(2h + 5min + 1s), "2h5m");
  EXPECT_EQ(FormatDuration(-3s), "-3.0s");
  EXPECT_EQ(FormatDuration(Duration::min()).front(), '-');
}

TEST(Log, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(log::Quoted("default/nginx-0"), "default/nginx-0");
  EXPECT_EQ(log::Quoted("0/12 real nodes fit"), "\"0/12 real nodes fit\"");
  EXPECT_EQ(log::Quoted(""), "\"\"");
  EXPECT_EQ(log::Quoted("a=b"), "\"a=b\"");
  EXPECT_EQ(log::Quoted("say \"hi\" \\ bye"), "\"say \\\"hi\\\" \\\\ bye\"");
  EXPECT_EQ(log::Quoted("one\nE1122 forged line\x7f"), "\"one\\x0aE1122 forged line\\x7f\"");
  EXPECT_EQ(log::Quoted("größe"), "größe");
}

TEST(Error, IsAnnotatedFromTheOutside) {
  Error error{Code::kThrottled, "too many requests", 429, 2s};
  const Error annotated = std::move(error).Annotated("while listing pods");
  EXPECT_EQ(annotated.message, "while listing pods: too many requests");
  EXPECT_EQ(annotated.http_status, 429);
  EXPECT_EQ(annotated.retry_after, 2s);
  EXPECT_TRUE(IsTransient(annotated));
  for (const Code code : {Code::kUnavailable, Code::kDeadlineExceeded}) EXPECT_TRUE(IsTransient({code, ""}));
  for (const Code code : {Code::kConflict, Code::kGone, Code::kCancelled, Code::kPermissionDenied, Code::kNotFound}) {
    EXPECT_FALSE(IsTransient({code, ""})) << ToString(code);
  }
}

TEST(StrongId, KnowsWhetherItIsOne) {
  struct NodeTag;
  using NodeIndex = StrongId<NodeTag>;
  EXPECT_FALSE(NodeIndex().valid());
  EXPECT_TRUE(NodeIndex(0).valid());
  EXPECT_LT(NodeIndex(1), NodeIndex(2));
  EXPECT_EQ(std::hash<NodeIndex>()(NodeIndex(7)), 7u);
}

}  // namespace
}  // namespace spillway::base
