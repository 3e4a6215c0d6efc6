#include "cloud/registry_credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RegistryCredential, ReadsBothFormsOfASecret) {
  // "joe:pass:word" in base64.
  const auto modern = ParseDockerConfigJson(R"({"auths": {
      "a.example.com": {"auth": "am9lOnBhc3M6d29yZA=="},
      "b.example.com": {"username": "u", "password": "p"},
      "c.example.com": {"identitytoken": "t"},
      "d.example.com": {"auth": "%%%"},
      "e.example.com": {}}})");
  ASSERT_TRUE(modern);
  EXPECT_THAT(*modern, ElementsAre(RegistryCredential{"a.example.com", "joe", "pass:word", "", ""},
                                   RegistryCredential{"b.example.com", "u", "p", "", ""},
                                   RegistryCredential{"c.example.com", "", "", "t", ""}));
  const auto old = ParseDockerCfg(R"({"https://a.example.com/v1/": {"auth": "am9lOnBhc3M6d29yZA=="}})");
  ASSERT_TRUE(old);
  EXPECT_THAT(*old, ElementsAre(RegistryCredential{"https://a.example.com/v1/", "joe", "pass:word", "", ""}));
}

TEST(RegistryCredential, WhatIsNoCredentialIsNotQuoted) {
  for (const char* text : {"", "hunter2", "[]", R"({"auths": "hunter2"})"}) {
    const auto read = ParseDockerConfigJson(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message, Not(HasSubstr("hunter2")));
  }
  EXPECT_FALSE(ParseDockerCfg("hunter2"));
}

}  // namespace
}  // namespace spillway::cloud
