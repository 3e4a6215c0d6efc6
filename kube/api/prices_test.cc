#include "kube/api/prices.h"

#include <gtest/gtest.h>

namespace spillway::kube {
namespace {

TEST(Money, IsADecimalNumberThatIsNotNegative) {
  EXPECT_EQ(ParseMoney("12.5"), 12'500'000);
  EXPECT_EQ(ParseMoney("0"), 0);
  for (const char* text : {"", "-1", "-0.5", "1.", ".5", "1,5", "1.1234567", "x", "1 "}) {
    EXPECT_FALSE(ParseMoney(text)) << text;
  }
  EXPECT_EQ(FormatMoney(12'500'000), "12.5");
  EXPECT_EQ(FormatMoney(0), "0");
}

TEST(Money, OfAnHourIsThatOfBothResources) {
  const Price price{176'400, 22'068};  // of a vCPU and a GiB, as a cloud sells them by the second
  EXPECT_EQ(CostAt(price, 2000, std::int64_t{4} << 30), 441'072);
  EXPECT_EQ(CostAt(price, 250, std::int64_t{1} << 29), 55'134);
  EXPECT_EQ(CostAt(price, 0, 0), 0);
}

}  // namespace
}  // namespace spillway::kube
