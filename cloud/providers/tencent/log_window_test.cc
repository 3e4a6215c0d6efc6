#include "cloud/providers/tencent/log_window.h"

#include <gtest/gtest.h>

namespace spillway::cloud::tencent {
namespace {

std::string Numbered(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}
LogCursor After(const LogPart& part) { return LogCursor::Parse(part.cursor); }

TEST(EksciLogWindow, GivesEachLineOnceWhileTheWindowHoldsThemAll) {
  LogPart part = ReadWindow(Numbered(1, 3) + "half", {});
  EXPECT_EQ(part.text, Numbered(1, 3)) << "what is not complete comes later";
  part = ReadWindow(Numbered(1, 5), After(part));
  EXPECT_EQ(part.text, Numbered(4, 5));
  EXPECT_EQ(ReadWindow(Numbered(1, 5), After(part)).text, "");
  std::string same;
  for (int i = 0; i < 10; ++i) same += "tick\n";
  part = ReadWindow(same, {});
  EXPECT_EQ(ReadWindow(same + "tick\n", After(part)).text, "tick\n") << "also when all lines are alike";
}

TEST(EksciLogWindow, AFullWindowGoesOnWhereItsLastLinesStand) {
  LogPart part = ReadWindow(Numbered(1, 1990), {});
  part = ReadWindow(Numbered(31, 2030), After(part));
  EXPECT_EQ(part.text, Numbered(1991, 2030));
  EXPECT_FALSE(part.has_gap);
  part = ReadWindow(Numbered(101, 2100), After(part));
  EXPECT_EQ(part.text, Numbered(2031, 2100));
  part = ReadWindow(Numbered(9001, 11000), After(part));
  EXPECT_TRUE(part.has_gap);
  EXPECT_EQ(part.text, Numbered(9001, 11000));
}

TEST(EksciLogWindow, BeginsWithAllThereIs) {
  EXPECT_EQ(ReadWindow("", {}).text, "");
  const LogPart part = ReadWindow(Numbered(1, 2000), LogCursor{"2", 0, false, ""});
  EXPECT_EQ(part.text, Numbered(1, 2000));
  EXPECT_FALSE(part.has_gap);
  EXPECT_EQ(After(part).run, "2");
  EXPECT_EQ(LogCursor::Parse("nonsense").lines, 0u);
  EXPECT_EQ(LogCursor::Parse("").run, "");
}

}  // namespace
}  // namespace spillway::cloud::tencent
