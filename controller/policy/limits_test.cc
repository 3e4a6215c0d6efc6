#include "controller/policy/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::controller {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kGi = std::int64_t{1} << 30;
const Amounts kPod = {.pods = 1, .milli_cpu = 2000, .memory = 4 * kGi};

Limits Capped(Limits::Cap cap) {
  Limits limits;
  cap.set_in = "the cap";
  limits.caps = {std::move(cap)};
  return limits;
}

OverflowLedger With(int pods, const std::string& ns = "shop") {
  OverflowLedger ledger;
  ledger.SetVirtual("v", kube::Price{100'000, 10'000});
  for (int i = 0; i < pods; ++i) ledger.Put(ns + std::to_string(i), ns, "v", kPod);
  return ledger;
}

std::string Why(const Limits& limits, const OverflowLedger& ledger, const std::string& ns = "shop") {
  return WhyAtLimit(ns, "v", kPod, limits, ledger).value_or("");
}

TEST(Limits, ACapIsFullWhenOneMoreWouldBeTooMany) {
  EXPECT_EQ(Why(Capped({.scope = "", .pods = 2}), With(1)), "");
  EXPECT_EQ(Why(Capped({.scope = "", .pods = 2}), With(2)),
            "the cap of all namespaces: 2 of at most 2 Pods in use, 1 more wanted");
  EXPECT_EQ(Why(Capped({.scope = "", .milli_cpu = 4000}), With(1)), "");
  EXPECT_THAT(Why(Capped({.scope = "", .milli_cpu = 3999}), With(1)), HasSubstr("2 of at most 3999m CPUs in use"));
  EXPECT_THAT(Why(Capped({.scope = "", .memory = 4 * kGi}), With(1)), HasSubstr("4Gi of at most 4Gi memory"));
}

TEST(Limits, MoneyIsWhatTheChosenNodeCosts) {
  // 2 CPUs at 0.1 and 4 GiB at 0.01.
  EXPECT_EQ(Why(Capped({.scope = "", .micro_money_per_hour = 480'000}), With(1)), "");
  EXPECT_THAT(Why(Capped({.scope = "", .micro_money_per_hour = 479'999}), With(1)),
              HasSubstr("0.24 of at most 0.479999 money per hour in use, 0.24 more wanted"));
  OverflowLedger free;
  free.SetVirtual("v", std::nullopt);
  EXPECT_THAT(Why(Capped({.scope = "", .micro_money_per_hour = 1}), free), HasSubstr("v has no price"));
  EXPECT_EQ(Why(Capped({.scope = "", .pods = 1}), free), "") << "where no money is capped none is asked for";
}

TEST(Limits, ANamespaceHasItsOwnCapOrThatOfEach) {
  Limits limits;
  limits.caps = {{.scope = "shop", .set_in = "own", .pods = 2}, {.scope = "*", .set_in = "each", .pods = 1}};
  EXPECT_EQ(Why(limits, With(1)), "");
  EXPECT_THAT(Why(limits, With(2)), HasSubstr("own of namespace shop"));
  EXPECT_EQ(Why(limits, With(2), "other"), "");
  EXPECT_THAT(Why(limits, With(1, "other"), "other"), HasSubstr("each of namespace other"));
}

TEST(OverflowLedger, CountsPodsOnVirtualNodesUntilTheyAreGone) {
  OverflowLedger ledger = With(2);
  EXPECT_EQ(ledger.Of("shop"), (Amounts{2, 4000, 8 * kGi, 480'000}));
  EXPECT_EQ(ledger.Of(""), ledger.Of("shop"));
  ledger.Put("shop0", "shop", "v", kPod);
  EXPECT_EQ(ledger.Of("shop").pods, 2) << "the same Pod again";
  EXPECT_EQ(ledger.relaxations(), With(2).relaxations()) << "nothing has come free";
  const std::uint64_t before = ledger.relaxations();
  ledger.Remove("shop1");
  ledger.Remove("shop1");
  EXPECT_EQ(ledger.Of("shop").pods, 1);
  EXPECT_EQ(ledger.relaxations(), before + 1);
}

TEST(OverflowLedger, PodsMayBeSeenBeforeTheirNode) {
  OverflowLedger ledger;
  ledger.Put("a", "shop", "late", kPod);
  EXPECT_EQ(ledger.Of("").pods, 0) << "nobody knows yet whether it is virtual";
  ledger.SetVirtual("late", std::nullopt);
  EXPECT_EQ(ledger.Of("").pods, 1);
  ledger.RemoveNode("late");
  EXPECT_EQ(ledger.Of("").pods, 1) << "its instance is still paid for";
  ledger.SetVirtual("late", kube::Price{100'000, 0});
  EXPECT_EQ(ledger.Of("shop").micro_money_per_hour, 200'000) << "it came back, with a price";
  ledger.SetVirtual("late", kube::Price{50'000, 0});
  EXPECT_EQ(ledger.Of("shop").micro_money_per_hour, 100'000);
  ledger.SetReal("late");
  EXPECT_EQ(ledger.Of(""), Amounts());
}

TEST(OverflowLedger, WhatWasOnANodeThatIsGoneCountsUntilItGoes) {
  OverflowLedger ledger;
  ledger.SetVirtual("v", kube::Price{100'000, 0});
  ledger.Put("a", "shop", "v", kPod);
  ledger.RemoveNode("v");
  EXPECT_EQ(ledger.Of("shop"), (Amounts{1, 2000, 4 * kGi, 200'000}));
  ledger.Remove("a");
  EXPECT_EQ(ledger.Of("shop"), Amounts());
  ledger.PresumeVirtual("w");  // it was gone before we were there
  ledger.Put("b", "shop", "w", kPod);
  EXPECT_EQ(ledger.Of("shop").pods, 1);
  ledger.SetReal("w");
  EXPECT_EQ(ledger.Of("shop").pods, 0);
}

TEST(Price, IsTheNodesOwnOrThatOfTheTable) {
  Limits limits;
  limits.prices = {{{{{"pool", "spot"}}, {}}, {10'000, 1'000}}, {{}, {50'000, 5'000}}};
  kube::Node node;
  EXPECT_EQ(PriceOf(node, limits), (kube::Price{50'000, 5'000}));
  node.metadata.labels = {{"pool", "spot"}};
  EXPECT_EQ(PriceOf(node, limits), (kube::Price{10'000, 1'000}));
  node.metadata.annotations = {{"spillway.io/price-per-cpu-hour", "0.2"}};
  EXPECT_EQ(PriceOf(node, limits), (kube::Price{200'000, 0}));
  node.metadata.annotations = {{"spillway.io/price-per-cpu-hour", "cheap"}};
  EXPECT_EQ(PriceOf(node, limits), (kube::Price{10'000, 1'000})) << "it cannot be read";
  EXPECT_FALSE(PriceOf(node, Limits()));
}

}  // namespace
}  // namespace spillway::controller
