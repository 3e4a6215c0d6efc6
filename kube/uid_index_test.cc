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

UidIndex::Version V(std::string_view version) { return UidIndex::Version::Of(version); }

std::string Uuid(std::uint64_t high, std::uint64_t low) {
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48,
                     low & 0xffffffffffff);
}

TEST(UidIndex, TellsNewFromChangedFromSame) {
  UidIndex index;
  for (const std::string& uid :
       {Uuid(1, 2), std::string("odd one"), std::string("00000000-0000-0000-0000-000000000000")}) {
    EXPECT_EQ(index.Put(uid, V("7")), Change::kNew);
    EXPECT_EQ(index.Put(uid, V("7")), Change::kSame);
    EXPECT_EQ(index.Put(uid, V("8")), Change::kChanged);
    EXPECT_EQ(index.Put(uid, V("not-a-number")), Change::kChanged);
    EXPECT_EQ(index.Put(uid, V("not-a-number")), Change::kSame);
    EXPECT_EQ(index.Put(uid, V("18446744073709551615")), Change::kChanged);
    EXPECT_EQ(index.size(), 1u);
    EXPECT_TRUE(index.Erase(uid));
    EXPECT_FALSE(index.Erase(uid));
  }
  EXPECT_EQ(index.size(), 0u);
}

TEST(UidIndex, AVersionThatCouldNotBeReadIsAnotherThanTheSameThatCould) {
  for (const char* version : {"7", "not-a-number", ""}) {
    UidIndex index;
    const auto unreadable = UidIndex::Version::Unreadable(version);
    EXPECT_EQ(index.Put(Uuid(1, 2), V(version)), Change::kNew);
    EXPECT_EQ(index.Put(Uuid(1, 2), unreadable), Change::kChanged);
    EXPECT_EQ(index.Put(Uuid(1, 2), unreadable), Change::kSame);
    EXPECT_EQ(index.Put(Uuid(1, 2), V(version)), Change::kChanged);
  }
}

TEST(UidIndex, GivesBackWhatAListDidNotName) {
  UidIndex index;
  for (const auto& uid : {Uuid(1, 1), Uuid(1, 2), Uuid(1, 3), std::string("odd")}) index.Put(uid, V("1"));
  index.BeginList();
  index.Put(Uuid(1, 1), V("1"));
  index.Put(Uuid(1, 2), UidIndex::Version::Unreadable("1"));
  EXPECT_THAT(index.TakeUnnamed(), ::testing::UnorderedElementsAre(Uuid(1, 3), "odd"));
  EXPECT_EQ(index.size(), 2u);
  index.BeginList();
  EXPECT_EQ(index.TakeUnnamed().size(), 2u);
}

TEST(UidIndex, AClusterOfPodsCostsAtMostSixtyBytesEach) {
  UidIndex index;
  base::Random random(1);
  for (int i = 0; i < 150'000; ++i) {
    index.Put(Uuid(random.Next(), random.Next()), V("1"));
    if (i > 100) {
      ASSERT_LE(index.bytes(), index.size() * 60 + 24);
    }
  }
}

TEST(UidIndex, NamingTellsWhatPutWouldAndNotesNothingElse) {
  UidIndex index;
  for (const std::string& uid : {Uuid(1, 2), std::string("odd one")}) {
    EXPECT_EQ(index.Name(uid, V("7")), Change::kNew);
    EXPECT_EQ(index.Put(uid, V("7")), Change::kNew);
    index.BeginList();
    EXPECT_EQ(index.Name(uid, V("8")), Change::kChanged);
    EXPECT_EQ(index.Name(uid, V("7")), Change::kSame);
    EXPECT_EQ(index.TakeUnnamed().size(), 0u);
    EXPECT_EQ(index.Put(uid, V("8")), Change::kChanged);
    index.Erase(uid);
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
      RC_ASSERT(index.Put(uid, V(version)) == want);
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
