#include "cloud/agent/folded_json.h"

#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

const Json kDocument = {{"name", "p\xc3\xa4"}, {"list", {1, -2, 2.5, nullptr, true}}, {"large", 1LL << 62}};

TEST(FoldedJson, IsTheSameHoweverOftenItIsFolded) {
  FoldedJson document(kDocument);
  for (int i = 0; i < 3; ++i) {
    document.Fold();
    EXPECT_TRUE(document.is_folded());
    EXPECT_EQ(document.Copy(), kDocument);
    EXPECT_TRUE(document.is_folded()) << "a look from outside leaves nothing unfolded";
    EXPECT_EQ(document.get(), kDocument);
    EXPECT_FALSE(document.is_folded());
  }
}

TEST(FoldedJson, WhatIsAssignedTakesThePlaceOfWhatIsFolded) {
  FoldedJson document(kDocument);
  document.Fold();
  document = Json("other");
  EXPECT_EQ(document.get(), "other");
  document.Fold();
  EXPECT_EQ(document.get(), "other");
}

}  // namespace
}  // namespace spillway::cloud
