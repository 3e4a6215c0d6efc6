#include "tests/simulation/swarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "tests/simulation/pool.h"
#include "tests/simulation/scenario.h"

namespace spillway::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(Swarm, EverySeedDrawsAFileThatCanBeRead) {
  std::set<std::string> drawn;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const std::string text = DrawSwarm(seed);
    EXPECT_EQ(text, DrawSwarm(seed));
    const auto scenario = ParseScenario("drawn", text);
    ASSERT_TRUE(scenario) << scenario.error().message << "\n" << text;
    drawn.insert(text);
  }
  EXPECT_EQ(drawn.size(), 500u);
}

TEST(Pool, RunsEverySeedOnceAndStopsWhenToldTo) {
  const auto run = [](std::uint64_t seed) { return RunResult{.seed = seed, .turns = seed * 10}; };
  std::vector<std::uint64_t> seen;
  RunInPool({3, 9}, 3, run, [&](const RunResult& result) {
    EXPECT_EQ(result.turns, result.seed * 10);
    seen.push_back(result.seed);
    return true;
  });
  EXPECT_THAT(seen, UnorderedElementsAre(3u, 4u, 5u, 6u, 7u, 8u, 9u));
  int taken = 0;
  RunInPool({1, 1000}, 2, run, [&](const RunResult&) { return ++taken < 5; });
  EXPECT_EQ(taken, 5);
}

TEST(Pool, ASeedThatCrashesIsAFailureAndTheOthersGoOn) {
  std::vector<std::string> failures;
  std::set<std::uint64_t> fine;
  RunInPool(
      {1, 5}, 2,
      [](std::uint64_t seed) {
        if (seed == 3) std::raise(SIGKILL);
        return RunResult{.seed = seed};
      },
      [&](const RunResult& result) {
        if (result.failures.empty()) fine.insert(result.seed);
        for (const std::string& failure : result.failures) failures.push_back(std::to_string(result.seed) + failure);
        return true;
      });
  EXPECT_THAT(fine, ElementsAre(1u, 2u, 4u, 5u));
  EXPECT_THAT(failures, ElementsAre(HasSubstr("3crash: ")));
}

}  // namespace
}  // namespace spillway::simulation
