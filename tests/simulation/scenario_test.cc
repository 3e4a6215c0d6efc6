#include "tests/simulation/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::simulation {
namespace {

using ::testing::ElementsAre;

std::string ErrorOf(std::string_view text) {
  const auto scenario = ParseScenario("dir/x.sim", text);
  return scenario ? "" : scenario.error().message;
}

TEST(Scenario, ReadsEveryStatement) {
  const auto scenario = ParseScenario("dir/burst.sim", R"(
# a comment
seeds    3..9
length   10m
cluster  real=2 cpu=4  virtual=1 provider=simulated(start=exp(2s), no_stock=5%)   # and another
node     extra cpu=8
virtual  edge pods=10
controller grace=1s
load     at=5s deployment burst replicas=400
fault    every=10s watch.gone resource=pods
fault    at=random from=1s until=8s kill controller
expect   settled within=90s
)");
  ASSERT_TRUE(scenario) << scenario.error().message;
  EXPECT_EQ(scenario->name, "burst");
  EXPECT_EQ(scenario->first_seed, 3u);
  EXPECT_EQ(scenario->last_seed, 9u);
  EXPECT_EQ(scenario->length, Duration(10min));
  EXPECT_EQ(scenario->cluster.Number("real", 0), 2);
  EXPECT_EQ(scenario->nodes.at(0).Word(0), "extra");
  EXPECT_EQ(scenario->virtual_nodes.at(0).Number("pods", 0), 10);
  EXPECT_EQ(scenario->controller.Time("grace", 0s), Duration(1s));
  EXPECT_EQ(scenario->loads.at(0).when.at, Duration(5s));
  EXPECT_THAT(scenario->loads.at(0).what.words, ElementsAre("deployment", "burst"));
  EXPECT_EQ(scenario->faults.at(0).when.kind, Moment::Kind::kEvery);
  EXPECT_EQ(scenario->faults.at(1).when.kind, Moment::Kind::kRandom);
  EXPECT_EQ(scenario->faults.at(1).when.at, Duration(1s));
  EXPECT_EQ(scenario->faults.at(1).when.until, Duration(8s));
  const auto provider = ParseCall(scenario->cluster.Text("provider"));
  ASSERT_TRUE(provider) << provider.error().message;
  EXPECT_EQ(provider->Word(0), "simulated");
  EXPECT_EQ(provider->Text("start"), "exp(2s)");
  EXPECT_DOUBLE_EQ(provider->Share("no_stock", 0), 0.05);
}

TEST(Scenario, MistakesAreNamedByFileAndLine) {
  EXPECT_EQ(ErrorOf("seeds 1..2\nlod at=1s\n"), "dir/x.sim:2: unknown statement \"lod\"");
  EXPECT_EQ(ErrorOf("cluster reel=2\n"), "dir/x.sim:1: unknown option \"reel\"");
  EXPECT_EQ(ErrorOf("cluster real=two\n"), "dir/x.sim:1: bad value \"two\" of option real");
  EXPECT_EQ(ErrorOf("fault at=1s http lost=120%\n"), "dir/x.sim:1: bad value \"120%\" of option lost");
  EXPECT_EQ(ErrorOf("cluster provider=simulated(begin=1s)\n"), "dir/x.sim:1: unknown option \"begin\"");
  EXPECT_EQ(ErrorOf("seeds 9..3\n"), "dir/x.sim:1: seeds are written as 1..200");
  EXPECT_EQ(ErrorOf("cluster real=1\n"), "dir/x.sim: nothing is expected; add an expect line");
}

}  // namespace
}  // namespace spillway::simulation
