#include "controller/webhook/admission_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sim_runtime.h"
#include "base/testing/run_until.h"

namespace spillway::webhook {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using spillway::testing::Await;

class AdmissionHandlerTest : public ::testing::Test {
 protected:
  net::ServerResponse Ask(const std::string& method, const std::string& path, const std::string& body) {
    net::ServerRequest request;
    request.method = method;
    request.path = path;
    request.body = body;
    return *Await(runtime_, handler_(std::move(request)), 1min);
  }

  SimRuntime runtime_{1};
  AdmissionRules rules_;
  std::vector<std::string> noted_;
  net::Handler handler_ = AdmissionHandler(
      runtime_, [this] { return rules_; },
      [this](Duty duty, const AdmissionAnswer& answer, Duration) {
        noted_.push_back(std::string(ToString(duty)) + " " + std::to_string(answer.status));
      });
};

TEST_F(AdmissionHandlerTest, EachPathIsOneDuty) {
  const Json review = {{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"request", {{"uid", "u"}}}};
  const net::ServerResponse answer = Ask("POST", "/mutate/adopt", review.dump());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_EQ(Json::parse(answer.body)["response"]["uid"], "u");
  EXPECT_EQ(Ask("POST", "/mutate/inject", review.dump()).status, 200);
  EXPECT_THAT(noted_, ElementsAre("adopt 200", "inject 200"));
}

TEST_F(AdmissionHandlerTest, WhatIsNoReviewIsToldSo) {
  for (const char* body : {"", "{", "[]", "{\"kind\":\"Pod\"}"}) {
    const net::ServerResponse answer = Ask("POST", "/mutate/adopt", body);
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, HasSubstr("no AdmissionReview: "));
    EXPECT_THAT(answer.content_type, HasSubstr("text/plain"));
  }
  EXPECT_EQ(noted_.size(), 4u);
}

TEST_F(AdmissionHandlerTest, NothingElseIsServed) {
  EXPECT_EQ(Ask("GET", "/mutate/adopt", "").status, 405);
  EXPECT_EQ(Ask("POST", "/mutate", "{}").status, 404);
  EXPECT_EQ(Ask("POST", "/", "{}").status, 404);
  EXPECT_TRUE(noted_.empty());
}

}  // namespace
}  // namespace spillway::webhook
