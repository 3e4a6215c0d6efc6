#include "kube/uid_index.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "base/random.h"

namespace spillway::kube {
namespace {

using Change = UidIndex::Change;

std::string Uuid(std::uint64_t high, std::uint64_t low) {
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48,
                     low & 0xffffffffffff);
}

TEST(UidIndex, TellsNewFromChangedFromSame) {
  UidIndex index;
  for (const std::string& uid :
       {Uuid(1, 2), std::string("odd one"), std::string("00000000-0000-0000-0000-000000000000")}) {
    EXPECT_FALSE(index.Has(uid));
    EXPECT_EQ(index.Put(uid, "7"), Change::kNew);
    EXPECT_EQ(index.Put(uid, "7"), Change::kSame);
    EXPECT_EQ(index.Put(uid, "8"), Change::kChanged);
    EXPECT_EQ(index.Put(uid, "not-a-number"), Change::kChanged);
    EXPECT_EQ(index.Put(uid, "not-a-number"), Change::kSame);
    EXPECT_EQ(index.Put(uid, "18446744073709551615"), Change::kChanged);
    EXPECT_TRUE(index.Has(uid));
    EXPECT_TRUE(index.Erase(uid));
    EXPECT_FALSE(index.Erase(uid));
    EXPECT_FALSE(index.Mark(uid));
  }
  EXPECT_EQ(index.size(), 0u);
}

TEST(UidIndex, GivesBackWhatAListDidNotName) {
  UidIndex index;
  for (const auto& uid : {Uuid(1, 1), Uuid(1, 2), Uuid(1, 3), std::string("odd")}) index.Put(uid, "1");
  index.BeginList();
  index.Put(Uuid(1, 1), "1");
  index.Mark(Uuid(1, 2));
  EXPECT_THAT(index.TakeUnnamed(), ::testing::UnorderedElementsAre(Uuid(1, 3), "odd"));
  EXPECT_EQ(index.size(), 2u);
  index.BeginList();
  EXPECT_EQ(index.TakeUnnamed().size(), 2u);
}

TEST(UidIndex, AClusterOfPodsCostsAtMostSixtyBytesEach) {
  UidIndex index;
  base::Random random(1);
  for (int i = 0; i < 150'000; ++i) {
    index.Put(Uuid(random.Next(), random.Next()), "1");
    if (i > 100) {
      ASSERT_LE(index.bytes(), index.size() * 60 + 24);
    }
  }
}

RC_GTEST_PROP(UidIndex, BehavesLikeAMap, (std::uint64_t seed)) {
  base::Random random(seed);
  UidIndex index;
  std::map<std::string, std::string> model;
  for (int step = 0; step < 2000; ++step) {
    const std::string uid = Uuid(0, 1 + random.Below(60));  // few, and close together: long probe chains
    if (random.Chance(0.55)) {
      const std::string version = std::to_string(random.Below(3));
      const auto known = model.find(uid);
      const Change want = known == model.end()       ? Change::kNew
                          : known->second == version ? Change::kSame
                                                     : Change::kChanged;
      RC_ASSERT(index.Put(uid, version) == want);
      model[uid] = version;
    } else {
      RC_ASSERT(index.Erase(uid) == (model.erase(uid) > 0));
    }
    RC_ASSERT(index.size() == model.size());
  }
  index.BeginList();
  auto left = index.TakeUnnamed();
  std::sort(left.begin(), left.end());
  std::vector<std::string> want;
  for (const auto& [uid, version] : model) want.push_back(uid);
  RC_ASSERT(left == want);
  RC_ASSERT(index.size() == 0u);
}

}  // namespace
}  // namespace spillway::kube
