#include "scheduler_sim/model/arena.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "scheduler_sim/model/pool.h"

namespace spillway::sim {
namespace {

RC_GTEST_PROP(Arena, KeepsEveryTextUntilItIsDropped, ()) {
  Arena arena;
  std::vector<std::pair<std::string, std::string_view>> kept;
  for (const std::uint32_t step :
       *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>())) {
    if (step % 3 == 0 && !kept.empty()) {
      const auto at = kept.begin() + step / 3 % static_cast<std::uint32_t>(kept.size());
      arena.Drop(at->second);
      kept.erase(at);
      continue;
    }
    const std::size_t size = step % 7 == 0 ? step % 9000 : step % 90;
    const std::string text(size, static_cast<char>('a' + step % 26));
    kept.emplace_back(text, std::string_view(arena.Keep(text), size));
  }
  for (const auto& [text, view] : kept) RC_ASSERT(view == text);
}

TEST(Arena, WhatWasDroppedMakesRoom) {
  Arena arena;
  const char* first = arena.Keep("twelve bytes");
  arena.Drop({first, 12});
  EXPECT_EQ(arena.Keep("thirteen byte"), first);  // both take two units of eight
}

TEST(Pool, ACopySharesNothingWithTheOriginal) {
  Pool<int> copy;
  {
    Pool<int> pool;
    for (int i = 0; i < 3000; ++i) pool[pool.Acquire("key " + std::to_string(i)).first] = i;
    const std::uint32_t gone = pool.Find("key 7");
    ASSERT_TRUE(pool.Release(gone));
    pool.Erase(gone);
    copy = pool;
    ASSERT_TRUE(pool.Release(pool.Find("key 8")));
  }
  EXPECT_EQ(copy.size(), 2999u);
  EXPECT_EQ(copy.Find("key 7"), Pool<int>::kNone);
  EXPECT_EQ(copy[copy.Find("key 8")], 8);
  EXPECT_EQ(copy.key(copy.Find("key 2999")), "key 2999");
  EXPECT_EQ(copy.Acquire("another").first, 7u) << "ids that are free come first";
}

}  // namespace
}  // namespace spillway::sim
