#include "scheduler_sim/model/column_scan.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace spillway::sim {
namespace {

RC_GTEST_PROP(ColumnScan, EveryVariantFindsWhatALoopFinds, ()) {
  const auto words = *rc::gen::inRange<std::size_t>(0, 6);
  const auto number = rc::gen::oneOf(rc::gen::inRange<std::int64_t>(-3, 4), rc::gen::arbitrary<std::int64_t>(),
                                     rc::gen::element<std::int64_t>(INT64_MIN, INT64_MAX));
  const auto bits = rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(), rc::gen::element<std::uint64_t>(0, UINT64_MAX));
  const auto column = *rc::gen::container<std::vector<std::int64_t>>(words * 64, number);
  const auto among = *rc::gen::container<std::vector<std::uint64_t>>(words, bits);
  const auto before = *rc::gen::container<std::vector<std::uint64_t>>(words, bits);
  const std::int64_t wanted = *number;

  std::vector<std::uint64_t> expected = before;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (column[i] >= wanted || (among[i / 64] >> i % 64 & 1) == 0) continue;
    expected[i / 64] |= std::uint64_t{1} << i % 64;
    ++count;
  }
  for (const ColumnScan& scan : ColumnScans()) {
    std::vector<std::uint64_t> found = before;
    RC_LOG() << scan.name << '\n';
    RC_ASSERT(scan.run(column.data(), wanted, among.data(), found.data(), words) == count);
    RC_ASSERT(found == expected);
  }
}

TEST(ColumnScan, TheBaselineRunsEverywhere) { EXPECT_STREQ(ColumnScans().back().name, "portable"); }

}  // namespace
}  // namespace spillway::sim
