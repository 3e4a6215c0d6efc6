// The pure parts: signatures, failures, sizes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/providers/tencent/create_request.h"
#include "cloud/providers/tencent/failures.h"
#include "cloud/providers/tencent/service.h"
#include "cloud/providers/tencent/signature.h"
#include "cloud/providers/tencent/sizes.h"

namespace spillway::cloud::tencent {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

const WallTime kThen = *base::ParseRfc3339("2019-02-25T16:44:25Z");

SignableRequest Published() {
  SignableRequest request;
  request.headers = {{"content-type", "application/json; charset=utf-8"}, {"host", "cvm.tencentcloudapi.com"}};
  request.body = R"({"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]})";
  return request;
}

// cloud.tencent.com/document/api/213/30654, as it was and as it is.
TEST(TencentSignature, IsThePublishedOne) {
  SignableRequest request = Published();
  EXPECT_EQ(Tc3Authorization(request, {"AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", ""},
                             "cvm", kThen),
            "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
            "SignedHeaders=content-type;host, "
            "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168");
  request.headers.emplace_back("x-tc-action", "DescribeInstances");
  EXPECT_THAT(Tc3Authorization(request, {"id", "Gu5t9xGARNpq86cd98joQYCN3*******", ""}, "cvm", kThen),
              EndsWith("SignedHeaders=content-type;host;x-tc-action, "
                       "Signature=be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3"));
}

TEST(TencentSignature, AnythingElseIsAnotherOne) {
  const rest::Credential credential = {"id", "secret", ""};
  const std::string one = Tc3Authorization(Published(), credential, "cvm", kThen);
  SignableRequest other = Published();
  other.body += " ";
  EXPECT_NE(Tc3Authorization(other, credential, "cvm", kThen), one);
  EXPECT_NE(Tc3Authorization(Published(), credential, "cvm", kThen + 1s), one);
  EXPECT_NE(Tc3Authorization(Published(), credential, "tke", kThen), one);
  EXPECT_NE(Tc3Authorization(Published(), {"id", "secreT", ""}, "cvm", kThen), one);
}

TEST(TencentSignature, RequestsSayWhatTheyAreInTheirHeaders) {
  Options options;
  options.host = "tke.tencentcloudapi.com";
  options.region = "ap-guangzhou";
  rest::Call call;
  call.api = "DescribeEKSContainerInstances";
  const net::HttpRequest request = EksciDialect(options).sign(call, {"id", "secret", "token"}, {kThen, ""});
  const auto header = [&](const char* name) {
    for (const auto& [key, value] : request.headers) {
      if (key == name) return value;
    }
    return std::string("absent");
  };
  EXPECT_EQ(request.method + " " + request.path + " " + request.body, "POST / {}");
  EXPECT_EQ(header("x-tc-action"), "DescribeEKSContainerInstances");
  EXPECT_EQ(header("x-tc-version"), "2018-05-25");
  EXPECT_EQ(header("x-tc-region"), "ap-guangzhou");
  EXPECT_EQ(header("x-tc-timestamp"), "1551113065");
  EXPECT_EQ(header("x-tc-token"), "token");
  EXPECT_THAT(header("authorization"), HasSubstr("Credential=id/2019-02-25/tke/tc3_request, "));
}

// ---- answers

CloudError Failure(const std::string& code) {
  net::HttpResponse response;
  response.status = 200;
  response.body =
      nlohmann::json({{"Response", {{"Error", {{"Code", code}, {"Message", "m"}}}, {"RequestId", "r"}}}}).dump();
  auto answer = ReadAnswer(response);
  return answer ? CloudError() : answer.error();
}

TEST(TencentFailures, AreClassedByTheirCodesAlone) {
  struct Case {
    const char* code;
    Refusal refusal;
    Code kind;
  };
  for (const Case& one : {Case{"RequestLimitExceeded", Refusal::kThrottled, Code::kThrottled},
                          Case{"RequestLimitExceeded.UinLimitExceeded", Refusal::kThrottled, Code::kThrottled},
                          Case{"AuthFailure.SignatureExpire", Refusal::kTransient, Code::kUnauthenticated},
                          Case{"AuthFailure.SignatureFailure", Refusal::kAuth, Code::kUnauthenticated},
                          Case{"AuthFailure.SecretIdNotFound", Refusal::kAuth, Code::kUnauthenticated},
                          Case{"AuthFailure.TokenFailure", Refusal::kAuth, Code::kUnauthenticated},
                          Case{"AuthFailure.UnauthorizedOperation", Refusal::kAuth, Code::kPermissionDenied},
                          Case{"UnauthorizedOperation.CamNoAuth", Refusal::kAuth, Code::kPermissionDenied},
                          Case{"InternalError.CamNoAuth", Refusal::kAuth, Code::kPermissionDenied},
                          Case{"FailedOperation.RBACForbidden", Refusal::kAuth, Code::kPermissionDenied},
                          Case{"ActionOffline", Refusal::kAuth, Code::kPermissionDenied},
                          Case{"ResourcesSoldOut", Refusal::kStock, Code::kInvalidArgument},
                          Case{"ResourceInsufficient.SpecifiedInstanceType", Refusal::kStock, Code::kInvalidArgument},
                          Case{"LimitExceeded", Refusal::kQuota, Code::kInvalidArgument},
                          Case{"FailedOperation.TradeInsufficientBalance", Refusal::kQuota, Code::kInvalidArgument},
                          Case{"InvalidParameterValue.LimitExceeded", Refusal::kInvalid, Code::kInvalidArgument},
                          Case{"InvalidParameter", Refusal::kInvalid, Code::kInvalidArgument},
                          Case{"UnsupportedOperation", Refusal::kInvalid, Code::kInvalidArgument},
                          Case{"SomethingNew", Refusal::kInvalid, Code::kInvalidArgument},
                          Case{"ResourceNotFound", Refusal::kInvalid, Code::kNotFound},
                          Case{"InternalError.ContainerNotFound", Refusal::kInvalid, Code::kNotFound},
                          Case{"ResourceUnavailable.EksContainerStatus", Refusal::kTransient, Code::kConflict},
                          Case{"InternalError.Param", Refusal::kInvalid, Code::kInvalidArgument},
                          Case{"InternalError.CmdTimeout", Refusal::kTransient, Code::kUnavailable},
                          Case{"FailedOperation", Refusal::kTransient, Code::kUnavailable}}) {
    const CloudError failure = Failure(one.code);
    EXPECT_EQ(failure.refusal, one.refusal) << one.code;
    EXPECT_EQ(failure.error.code, one.kind) << one.code;
    EXPECT_EQ(failure.request_id, "r");
  }
  EXPECT_THAT(ToString(Failure("AuthFailure.SignatureFailure")), HasSubstr("m; check the SecretId and the SecretKey"));
  EXPECT_TRUE(IsClockSkew(Failure("AuthFailure.SignatureExpire")));
  EXPECT_TRUE(IsStaleCredential(Failure("AuthFailure.TokenFailure")));
  EXPECT_FALSE(IsStaleCredential(Failure("UnauthorizedOperation")));
}

TEST(TencentFailures, WhatIsNoAnswerIsUncertain) {
  for (const net::HttpResponse& odd :
       {net::HttpResponse{200, "<html>", {}}, net::HttpResponse{200, "{}", {}}, net::HttpResponse{502, "", {}}}) {
    auto answer = ReadAnswer(odd);
    ASSERT_FALSE(answer);
    EXPECT_TRUE(answer.error().is_uncertain());
  }
  auto good = ReadAnswer({200, R"({"Response":{"TotalCount":0,"RequestId":"r"}})", {}});
  ASSERT_TRUE(good);
  EXPECT_EQ((*good)["TotalCount"], 0);
}

TEST(TencentFailures, EventsSayThatThereIsNoPlace) {
  EXPECT_EQ(RefusalOfEvent("CreatePodSandboxFailed", "gpu instance types is empty"), Refusal::kStock);
  EXPECT_EQ(RefusalOfEvent("FailedScheduling", "subnet ip is not enough"), Refusal::kStock);
  EXPECT_EQ(RefusalOfEvent("CreatePodSandboxFailed", "timeout"), std::nullopt);
  EXPECT_EQ(RefusalOfEvent("ErrImagePull", "manifest is empty"), std::nullopt);
}

TEST(EksciSizeTable, RoundsUp) {
  constexpr std::int64_t kGi = 1 << 30;
  const rest::SizeTable& sizes = EksciSizes();
  EXPECT_EQ(sizes.RoundUp(7000, 13 * kGi), (rest::InstanceSize{8000, 16 * kGi}));
  EXPECT_EQ(sizes.RoundUp(1, 3 * kGi), (rest::InstanceSize{500, 3 * kGi}));
  EXPECT_EQ(sizes.RoundUp(1000, 9 * kGi), (rest::InstanceSize{2000, 9 * kGi}));
  EXPECT_EQ(sizes.RoundUp(64000, 512 * kGi), (rest::InstanceSize{64000, 512 * kGi}));
  EXPECT_EQ(sizes.RoundUp(65000, 1), std::nullopt);
  EXPECT_EQ(sizes.RoundUp(kDefaultSize.cpu_milli, kDefaultSize.memory_bytes), kDefaultSize);
}

TEST(EksciBills, AreOfTheSizeThatIsSoldAndSayGpus) {
  Json pod;
  pod["spec"]["containers"].push_back({{"name", "main"}});
  EXPECT_EQ(SizeBilled(pod), (Bill{"cpu=1,memory=2Gi", 1000, std::int64_t{2} << 30})) << "asks for nothing";
  Json& requests = pod["spec"]["containers"][0]["resources"]["requests"];
  requests = {{"cpu", "7"}, {"memory", "13Gi"}};
  EXPECT_EQ(SizeBilled(pod), (Bill{"cpu=8,memory=16Gi", 8000, std::int64_t{16} << 30}));
  requests["nvidia.com/gpu"] = "1";
  EXPECT_EQ(SizeBilled(pod), Bill()) << "sizes with GPUs are said by annotations";
  pod["metadata"]["annotations"] = {{"eks.tke.cloud.tencent.com/cpu", "8"}, {"eks.tke.cloud.tencent.com/mem", "32Gi"}};
  EXPECT_EQ(SizeBilled(pod), (Bill{"cpu=8,memory=32Gi,nvidia.com/gpu=1"})) << "not sold by the unit";
}

}  // namespace
}  // namespace spillway::cloud::tencent
