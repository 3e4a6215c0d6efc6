#include "cloud/providers/alibaba/token_services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <deque>

#include "base/scope.h"
#include "base/sim_runtime.h"

namespace spillway::cloud::alibaba {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Answers in turn, and keeps what was asked.
class Scripted final : public net::HttpClient {
 public:
  Task<Result<net::HttpResponse>> Send(net::HttpRequest request) override {
    asked.push_back(request.method + " " + request.path);
    bodies.push_back(std::move(request.body));
    for (const auto& [name, value] : request.headers) asked.back() += " " + name + "=" + value;
    net::HttpResponse answer = answers.empty() ? net::HttpResponse{500, "", {}} : answers.front();
    if (!answers.empty()) answers.pop_front();
    co_return answer;
  }
  std::deque<net::HttpResponse> answers;
  std::vector<std::string> asked, bodies;
};

class TokenServices : public ::testing::Test {
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
  std::string Lent() const {
    return R"("AccessKeyId":"STS.id","AccessKeySecret":"s3cret","SecurityToken":"t0ken","Expiration":")" +
           base::FormatRfc3339(runtime_.WallNow() + 1h) + "\"";
  }
  SimRuntime runtime_{1};
  Scripted service_;
};

TEST_F(TokenServices, AMachineIsKnownByItsRole) {
  const auto source = MachineRoleCredentials(runtime_, service_, "");
  service_.answers = {{200, "session", {}}, {200, "the-role\n", {}}, {200, "{" + Lent() + "}", {}}};
  const auto credential = Get(*source);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(*credential, (rest::Credential{"STS.id", "s3cret", "t0ken"}));
  EXPECT_THAT(service_.asked.at(2), HasSubstr("GET /latest/meta-data/ram/security-credentials/the-role"));
  EXPECT_THAT(service_.asked.at(2), HasSubstr("X-aliyun-ecs-metadata-token=session"));
}

TEST_F(TokenServices, AMachineWithoutRoleIsToldSo) {
  const auto source = MachineRoleCredentials(runtime_, service_, "absent");
  service_.answers = {{404, "", {}}, {404, "", {}}};
  const auto refused = Get(*source);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnauthenticated);
  EXPECT_THAT(refused.error().message, HasSubstr("no such RAM role"));
}

TEST_F(TokenServices, APodIsKnownByItsServiceAccount) {
  const std::string path = ::testing::TempDir() + "oidc-token";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("pod.t0ken", file);
  std::fclose(file);
  const auto source =
      OidcRoleCredentials(runtime_, service_, {"acs:ram::1:role/r", "acs:ram::1:oidc-provider/p", path});
  service_.answers = {{200, R"({"Credentials":{)" + Lent() + "}}", {}}};
  const auto credential = Get(*source);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->session_token, "t0ken");
  EXPECT_THAT(service_.asked.at(0), Not(HasSubstr("pod.t0ken"))) << "not in the query, which gateways log";
  EXPECT_THAT(service_.bodies.at(0), HasSubstr("OIDCToken=pod.t0ken"));

  source->Distrust();
  service_.answers = {{400, R"({"Code":"AuthenticationFail.OIDCToken.Expired","Message":"expired"})", {}}};
  const auto refused = Get(*source);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("AuthenticationFail.OIDCToken.Expired"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("pod.t0ken")));
}

TEST_F(TokenServices, AnAnswerWithoutCredentialsIsNotQuoted) {
  const auto source = MachineRoleCredentials(runtime_, service_, "r");
  service_.answers = {{404, "", {}}, {200, R"({"AccessKeySecret":"s3cret"})", {}}};
  const auto odd = Get(*source);
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace spillway::cloud::alibaba
