#include "cloud/providers/tencent/token_services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/scope.h"
#include "base/sim_runtime.h"

namespace spillway::cloud::tencent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Answers in turn, and keeps what was asked.
class Metadata final : public net::HttpClient {
 public:
  Task<Result<net::HttpResponse>> Send(net::HttpRequest request) override {
    asked.push_back(request.method + " " + request.path);
    net::HttpResponse answer = answers.empty() ? net::HttpResponse{500, "", {}} : answers.front();
    if (!answers.empty()) answers.pop_front();
    co_return answer;
  }
  std::deque<net::HttpResponse> answers;
  std::vector<std::string> asked;
};

class MachineRoles : public ::testing::Test {
 protected:
  Result<rest::Credential> Get(rest::CredentialSource& source) {
    std::optional<Result<rest::Credential>> got;
    TaskScope scope(runtime_);
    scope.Spawn(Keep(source, got));
    runtime_.RunFor(1s);
    return got.value_or(Fail(Code::kInternal, "nothing came"));
  }
  static Task<void> Keep(rest::CredentialSource& source, std::optional<Result<rest::Credential>>& got) {
    got.emplace(co_await source.Get());
  }
  std::string Keys(Duration lasts) const {
    const auto until = std::chrono::floor<std::chrono::seconds>(runtime_.WallNow() + lasts).time_since_epoch().count();
    return R"({"TmpSecretId":"id","TmpSecretKey":"s3cret","Token":"t0ken","Code":"Success","ExpiredTime":)" +
           std::to_string(until) + "}";
  }
  SimRuntime runtime_{1};
  Metadata service_;
};

TEST_F(MachineRoles, AreFoundAndRentedAnewBeforeTheyEnd) {
  const auto source = MachineRoleCredentials(runtime_, service_, "");
  service_.answers = {{200, "the-role\n", {}}, {200, Keys(1h), {}}};
  const auto credential = Get(*source);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(*credential, (rest::Credential{"id", "s3cret", "t0ken"}));
  EXPECT_THAT(service_.asked, ElementsAre("GET /latest/meta-data/cam/security-credentials/",
                                          "GET /latest/meta-data/cam/security-credentials/the-role"));
  ASSERT_TRUE(Get(*source));
  EXPECT_EQ(service_.asked.size(), 2u);
  runtime_.RunFor(56min);
  service_.answers = {{200, "the-role\n", {}}, {200, Keys(1h), {}}};
  ASSERT_TRUE(Get(*source));
  EXPECT_EQ(service_.asked.size(), 4u);
}

TEST_F(MachineRoles, WhatIsWrongIsToldWithoutBeingQuoted) {
  const auto absent = MachineRoleCredentials(runtime_, service_, "absent");
  service_.answers = {{404, "", {}}};
  const auto none = Get(*absent);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no such CAM role"));
  service_.answers = {{200, R"({"TmpSecretKey":"s3cret"})", {}}};
  const auto odd = Get(*absent);
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace spillway::cloud::tencent
