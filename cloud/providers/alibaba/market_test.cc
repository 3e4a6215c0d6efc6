#include "cloud/providers/alibaba/market.h"

#include <gtest/gtest.h>

namespace spillway::cloud::alibaba {
namespace {

Json PodThatAsks(const char* cpu, const char* memory) {
  Json pod;
  pod["spec"]["containers"].push_back(
      {{"name", "main"}, {"resources", {{"requests", {{"cpu", cpu}, {"memory", memory}}}}}});
  return pod;
}

Quotes Known() {
  Quotes quotes;
  quotes.prices = PriceList{{100'000, 10'000}, "CNY", "DescribeContainerGroupPrice", WallTime()};
  quotes.instance_type = "ecs.c7.large";
  quotes.type_micro_per_hour = 630'000;
  return quotes;
}

TEST(EciBills, AreOfTheSizeThatIsSoldAndNotOfWhatWasAskedFor) {
  EXPECT_EQ(BillOf(PodThatAsks("7", "13Gi"), {}, Known()),
            (Bill{"cpu=8,memory=16Gi", 8000, std::int64_t{16} << 30, 960'000}));
  EXPECT_EQ(BillOf(PodThatAsks("100m", "64Mi"), {}, Known()),
            (Bill{"cpu=250m,memory=512Mi", 250, std::int64_t{1} << 29, 30'000}));
  EXPECT_EQ(BillOf(PodThatAsks("65", "1Gi"), {}, Known()), Bill()) << "there is none so large";
}

TEST(EciBills, OfInstanceTypesAreKnownWhenThereIsOne) {
  Options options;
  options.instance_types = "ecs.c7.large";
  Json pod = PodThatAsks("1", "1Gi");
  EXPECT_EQ(BillOf(pod, options, Known()), (Bill{"ecs.c7.large", 0, 0, 630'000}));
  pod["metadata"]["annotations"]["k8s.aliyun.com/eci-use-specs"] = "ecs.g7.large";
  EXPECT_EQ(BillOf(pod, options, Known()), (Bill{"ecs.g7.large"})) << "nobody has asked for its price";
  options.instance_types = "ecs.c7.large,ecs.g7.large";
  EXPECT_EQ(BillOf(PodThatAsks("1", "1Gi"), options, Known()), Bill()) << "whichever there is";
}

TEST(EciBills, OfSpotInstancesHaveASizeAndNoPrice) {
  Json pod = PodThatAsks("2", "4Gi");
  pod["metadata"]["annotations"]["k8s.aliyun.com/eci-spot-strategy"] = "SpotAsPriceGo";
  EXPECT_EQ(BillOf(pod, {}, Known()), (Bill{"cpu=2,memory=4Gi", 2000, std::int64_t{4} << 30}));
  Options options;
  options.spot_strategy = "SpotAsPriceGo";
  EXPECT_FALSE(BillOf(PodThatAsks("2", "4Gi"), options, Known()).micro_per_hour);
  pod["metadata"]["annotations"]["k8s.aliyun.com/eci-spot-strategy"] = "NoSpot";
  EXPECT_TRUE(BillOf(pod, options, Known()).micro_per_hour) << "the Pod's own word";
}

TEST(EciPrices, OfUnitsAreWhatTwoQuotesLeave) {
  EXPECT_EQ(UnitPrice({0.00012252, "CNY"}, {0.00014704, "CNY"}), (kube::Price{176'400, 22'068}));
  EXPECT_FALSE(UnitPrice({0.00012252, "CNY"}, {0.00012252, "CNY"})) << "more memory that costs nothing";
  EXPECT_FALSE(UnitPrice({0.0001, "CNY"}, {0.0003, "CNY"})) << "nothing is left for the CPU";
  EXPECT_FALSE(UnitPrice({0.00012252, "CNY"}, {0.00014704, "USD"}));
}

TEST(EciPrices, ThatAnAnswerDoesNotSayAreUnknown) {
  EXPECT_FALSE(ReadQuote(Json::object()));
  EXPECT_FALSE(ReadQuote({{"PriceInfo", {{"Price", {{"TradePrice", 0}}}}}}));
  EXPECT_FALSE(ReadQuote({{"PriceInfo", {{"Price", {{"TradePrice", "0.1"}}}}}}));
  EXPECT_FALSE(ReadQuota({{"Attributes", {{"UsedCpu", 3}}}}, WallTime()));
  EXPECT_TRUE(ReadStock({{"AvailableZones", Json::object()}}, WallTime()).empty());
}

// As the documents have it.
TEST(EciUsage, SaysTheVcpusThatTheAccountMayHave) {
  const Json answer = {{"Attributes", {{"UsedCpu", 16.5}, {"MaxCpu", 1000}, {"MaxImageCacheCount", 500}}}};
  EXPECT_EQ(ReadQuota(answer, WallTime()), (Quota{"cpu", 16.5, 1000, WallTime()}));
}

}  // namespace
}  // namespace spillway::cloud::alibaba
