// The pure parts: signatures, parameters, failures, windows of logs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "cloud/providers/alibaba/create_parameters.h"
#include "cloud/providers/alibaba/failures.h"
#include "cloud/providers/alibaba/log_window.h"
#include "cloud/providers/alibaba/provider.h"
#include "cloud/providers/alibaba/signature.h"

namespace spillway::cloud::alibaba {
namespace {

using ::testing::HasSubstr;

// help.aliyun.com, "Request syntax and signature method V3".
TEST(AlibabaSignature, Version3IsThePublishedOne) {
  SignableRequest request;
  request.canonical_query =
      CanonicalQuery({{"RegionId", "cn-shanghai"}, {"ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}});
  request.headers = {{"host", "ecs.cn-shanghai.aliyuncs.com"},
                     {"x-acs-action", "RunInstances"},
                     {"x-acs-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                     {"x-acs-date", "2023-10-26T10:22:32Z"},
                     {"x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d"},
                     {"x-acs-version", "2014-05-26"}};
  EXPECT_EQ(
      Acs3Authorization(request, {"YourAccessKeyId", "YourAccessKeySecret", ""}),
      "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
      "x-acs-signature-nonce;x-acs-version,"
      "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0");
  EXPECT_EQ(CanonicalQuery({{"Value", "v=a b*c~d/e"}, {"RR", "_acme-challenge"}}),
            "RR=_acme-challenge&Value=v%3Da%20b%2Ac~d%2Fe");
}

// help.aliyun.com, "RPC signature".
TEST(AlibabaSignature, Version1IsThePublishedOne) {
  const rest::Parameters parameters = {{"AccessKeyId", "testid"},
                                       {"Action", "DescribeRegions"},
                                       {"Format", "XML"},
                                       {"SignatureMethod", "HMAC-SHA1"},
                                       {"SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"},
                                       {"SignatureVersion", "1.0"},
                                       {"Timestamp", "2016-02-23T12:46:24Z"},
                                       {"Version", "2014-05-26"}};
  EXPECT_EQ(RpcSignature("GET", parameters, "testsecret"), "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
}

TEST(AlibabaSignature, TheSecretIsNowhereInTheRequest) {
  rest::Call call;
  call.api = "ListUsage";
  call.parameters = {{"RegionId", "cn-hangzhou"}};
  for (const bool is_rpc : {false, true}) {
    const auto request = Sign({"eci.aliyuncs.com", "2018-08-08", is_rpc, 8192}, call, {"id", "s3cret", "tok3n"}, {});
    EXPECT_EQ(request.path.find("s3cret"), std::string::npos);
    for (const auto& [name, value] : request.headers) EXPECT_EQ(value.find("s3cret"), std::string::npos) << name;
  }
}

class Parameters : public ::testing::Test {
 protected:
  Parameters() {
    request_.identity = {"cluster", "vnode", "0b7c5f0e-5a3e-4c59-9d0c-5b7a0b9f2f11", "default", "web-1"};
    request_.client_token = std::string(64, 'a');
    request_.pod["spec"]["containers"].push_back({{"name", "main"}, {"image", "nginx"}});
    options_.region = "cn-hangzhou";
  }
  nlohmann::json& main() { return request_.pod["spec"]["containers"][0]; }
  std::map<std::string, std::string> Made() {
    auto made = CreateParameters(request_, options_, {"vsw-1", "vsw-2"});
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::map<std::string, std::string>(made->begin(), made->end()) : std::map<std::string, std::string>();
  }
  std::string Refused() {
    auto made = CreateParameters(request_, options_, {"vsw-1"});
    return made ? "" : made.error().message;
  }
  CreateRequest request_;
  Options options_;
};

TEST_F(Parameters, NamesCarryTheWholeUidAndAreNoLongerThan64) {
  EXPECT_EQ(GroupName(request_.identity), "web-1-0b7c5f0e-5a3e-4c59-9d0c-5b7a0b9f2f11");
  request_.identity.pod_name = "a.long-name." + std::string(240, 'x');
  const std::string name = GroupName(request_.identity);
  EXPECT_EQ(name.size(), 64u);
  EXPECT_TRUE(name.ends_with(request_.identity.pod_uid));
  request_.identity.pod_name = "...";
  EXPECT_EQ(GroupName(request_.identity), "p-" + request_.identity.pod_uid);
}

TEST_F(Parameters, AskIsRoundedUpToASizeThatIsSold) {
  main()["resources"]["requests"] = {{"cpu", "7"}, {"memory", "13Gi"}};
  auto made = Made();
  EXPECT_EQ(made["Cpu"] + "/" + made["Memory"], "8.0/16.0");
  EXPECT_EQ(made["Container.1.Cpu"] + "/" + made["Container.1.Memory"], "7.0/13.0");
  main()["resources"]["requests"] = {{"cpu", "100m"}, {"memory", "100Mi"}};
  made = Made();
  EXPECT_EQ(made["Cpu"] + "/" + made["Memory"], "0.25/0.5");
  main().erase("resources");
  EXPECT_FALSE(Made().contains("Cpu")) << "ECI's own default";
  main()["resources"]["requests"] = {{"nvidia.com/gpu", "1"}};
  EXPECT_THAT(Refused(), HasSubstr("eci-use-specs"));
  request_.pod["metadata"]["annotations"]["k8s.aliyun.com/eci-use-specs"] = "ecs.gn6i-c4g1.xlarge";
  made = Made();
  EXPECT_EQ(made["InstanceType"] + "/" + made["Container.1.Gpu"], "ecs.gn6i-c4g1.xlarge/1");
}

TEST_F(Parameters, ThePodsIpIsAReferenceAndOnlyAsAWholeValue) {
  const std::string ip(kPodIpPlaceholder);
  main()["env"] = {{{"name", "POD_IP"}, {"value", ip}}};
  auto made = Made();
  EXPECT_EQ(made["Container.1.EnvironmentVar.1.FieldRef.FieldPath"], "status.podIP");
  EXPECT_FALSE(made.contains("Container.1.EnvironmentVar.1.Value"));
  main()["env"] = {{{"name", "URL"}, {"value", "http://" + ip}}};
  EXPECT_THAT(Refused(), HasSubstr("env URL"));
  main().erase("env");
  main()["args"] = {"--ip=" + ip};
  EXPECT_THAT(Refused(), HasSubstr("args"));
}

TEST_F(Parameters, ProbesByNameAskANumber) {
  main()["ports"] = {{{"name", "http"}, {"containerPort", 8080}}};
  main()["readinessProbe"] = {{"httpGet", {{"path", "/ready"}, {"port", "http"}}}, {"periodSeconds", 5}};
  auto made = Made();
  EXPECT_EQ(made["Container.1.ReadinessProbe.HttpGet.Port"], "8080");
  EXPECT_EQ(made["Container.1.ReadinessProbe.PeriodSeconds"], "5");
  main()["readinessProbe"]["httpGet"]["port"] = "web";
  EXPECT_THAT(Refused(), HasSubstr("readinessProbe.httpGet.port"));
}

TEST_F(Parameters, LimitsAreRefusedEarlyWithTheField) {
  main()["env"] = {{{"name", "LONG"}, {"value", std::string(256, 'x')}}};
  EXPECT_EQ(Refused(), "");
  main()["env"][0]["value"] = std::string(257, 'x');
  EXPECT_THAT(Refused(), HasSubstr("spec.containers main.env LONG has 257 characters"));
  main().erase("env");
  for (int i = 0; i < 21; ++i) request_.pod["spec"]["volumes"].push_back({{"name", "v" + std::to_string(i)}});
  EXPECT_THAT(Refused(), HasSubstr("21 volumes"));
  request_.pod["spec"].erase("volumes");
  for (int i = 0; i < 20; ++i) request_.pod["spec"]["containers"].push_back({{"name", "c"}, {"image", "i"}});
  EXPECT_THAT(Refused(), HasSubstr("21 containers"));
}

TEST_F(Parameters, FilesAreBoundedAndTheirContentIsNotTold) {
  PodVolume volume;
  volume.name = "conf";
  volume.files.push_back({"a", std::string(32 << 10, 's'), 0400});
  request_.pod["spec"]["volumes"].push_back({{"name", "conf"}});
  request_.volumes = {volume};
  EXPECT_EQ(Made()["Volume.1.ConfigFileVolume.ConfigFileToPath.1.Mode"], "400");
  request_.volumes[0].files[0].content += "s";
  EXPECT_THAT(Refused(), HasSubstr("spec.volumes conf: a has 32769 bytes"));
  EXPECT_THAT(Refused(), ::testing::Not(HasSubstr("ssss")));
  request_.volumes[0].files = {{"a", std::string(31000, 's'), 0644}, {"b", std::string(31000, 's'), 0644}};
  EXPECT_THAT(Refused(), HasSubstr("60 KiB of all files"));
}

TEST_F(Parameters, WhatInitContainersCannotHaveIsToldApart) {
  request_.pod["spec"]["securityContext"]["runAsGroup"] = 1000;
  EXPECT_EQ(Made()["Container.1.SecurityContextRunAsGroup"], "1000");
  request_.pod["spec"]["initContainers"].push_back({{"name", "init"}, {"image", "busybox"}});
  EXPECT_THAT(Refused(), HasSubstr("spec.initContainers init.securityContext"));
}

TEST_F(Parameters, AnnotationsOfAckGoOnWorking) {
  options_.spot_strategy = "SpotAsPriceGo";
  auto& annotations = request_.pod["metadata"]["annotations"];
  EXPECT_EQ(Made()["SpotStrategy"], "SpotAsPriceGo");
  annotations = {{"k8s.aliyun.com/eci-spot-strategy", "NoSpot"},
                 {"k8s.aliyun.com/eci-vswitch", "vsw-9"},
                 {"k8s.aliyun.com/eci-image-cache", "true"},
                 {"k8s.aliyun.com/eci-ram-role-name", "role"}};
  auto made = Made();
  EXPECT_FALSE(made.contains("SpotStrategy"));
  EXPECT_FALSE(made.contains("ScheduleStrategy"));
  EXPECT_EQ(made["VSwitchId"] + made["AutoMatchImageCache"] + made["RamRoleName"], "vsw-9truerole");
  annotations["k8s.aliyun.com/eci-spot-strategy"] = "SpotWithPriceLimit";
  EXPECT_THAT(Refused(), HasSubstr("without a limit"));
}

// ---- answers

CloudError Failure(int status, const std::string& code) {
  net::HttpResponse response;
  response.status = status;
  response.body = nlohmann::json({{"Code", code}, {"Message", "m"}, {"RequestId", "r"}}).dump();
  auto answer = ReadAnswer(response);
  return answer ? CloudError() : answer.error();
}

TEST(AlibabaFailures, AreClassedByWhatTheyBeginWithOrContain) {
  struct Case {
    int status;
    const char* code;
    Refusal refusal;
    Code kind;
  };
  for (const Case& one : {Case{400, "Throttling.User", Refusal::kThrottled, Code::kThrottled},
                          Case{503, "Throttling", Refusal::kThrottled, Code::kThrottled},
                          Case{400, "NoStock", Refusal::kStock, Code::kInvalidArgument},
                          Case{403, "OperationDenied.NoStock", Refusal::kStock, Code::kInvalidArgument},
                          Case{403, "QuotaExceed.ElasticQuota", Refusal::kQuota, Code::kInvalidArgument},
                          Case{400, "Account.Arrearage", Refusal::kQuota, Code::kInvalidArgument},
                          Case{404, "InvalidAccessKeyId.NotFound", Refusal::kAuth, Code::kUnauthenticated},
                          Case{403, "Forbidden.RAM", Refusal::kAuth, Code::kPermissionDenied},
                          Case{403, "SomethingNew", Refusal::kAuth, Code::kPermissionDenied},
                          Case{400, "IdempotentParameterMismatch", Refusal::kTokenMismatch, Code::kInvalidArgument},
                          Case{404, "InvalidParameter.ContainerGroup.NotFound", Refusal::kInvalid, Code::kNotFound},
                          Case{404, "InvalidVSwitchId.NotFound", Refusal::kInvalid, Code::kInvalidArgument},
                          Case{500, "InternalError", Refusal::kTransient, Code::kUnavailable},
                          Case{400, "UnknownParameter", Refusal::kInvalid, Code::kInvalidArgument}}) {
    const CloudError failure = Failure(one.status, one.code);
    EXPECT_EQ(failure.refusal, one.refusal) << one.code;
    EXPECT_EQ(failure.error.code, one.kind) << one.code;
    EXPECT_EQ(failure.request_id, "r");
  }
}

TEST(AlibabaFailures, WhatIsNoAnswerIsUncertain) {
  auto answer = ReadAnswer({200, "<html>", {}});
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is_uncertain());
  auto gateway = ReadAnswer({504, "", {}});
  ASSERT_FALSE(gateway);
  EXPECT_TRUE(gateway.error().is_uncertain());
  auto throttled = ReadAnswer({400, R"({"Code":"Throttling"})", {{"x-acs-retry-after", "2500"}}});
  EXPECT_EQ(throttled.error().error.retry_after, 2500ms);
}

TEST(EciStatuses, AreAllKnownAndNoOthersAreGuessed) {
  for (const char* status : {"Scheduling", "ScheduleFailed", "Pending", "Running", "Terminating", "Restarting",
                             "Updating", "Succeeded", "Failed", "Expired", "StartingFailed", "WatingForDel"}) {
    EXPECT_TRUE(StateOf(status)) << status;
  }
  EXPECT_FALSE(StateOf("Hibernating"));
}

// ---- windows of logs

TEST(LogWindows, GiveEachLineOnceAlsoWhenManyAreOfOneTime) {
  const std::string a = "2026-11-22T10:00:00.1Z a\n", b = "2026-11-22T10:00:00.1Z b\n",
                    c = "2026-11-22T10:00:00.2Z c\n";
  LogPart part = ReadWindow(a + b, {}, false);
  EXPECT_EQ(part.text, "a\nb\n");
  part = ReadWindow(a + b + b + c, LogCursor::Parse(part.cursor), false);
  EXPECT_EQ(part.text, "b\nc\n");
  EXPECT_FALSE(part.has_gap);
  part = ReadWindow(c, LogCursor::Parse(part.cursor), true);
  EXPECT_EQ(part.text, "");
}

TEST(LogWindows, AFullWindowThatBeginsBehindTheCursorHasAGap) {
  LogPart first = ReadWindow("2026-11-22T10:00:00Z a\n", {}, false);
  std::string full;
  for (std::size_t i = 0; i < kLogLines; ++i) full += "2026-11-22T10:00:05Z x\n";
  EXPECT_TRUE(ReadWindow(full, LogCursor::Parse(first.cursor), false).has_gap);
  EXPECT_FALSE(ReadWindow("2026-11-22T10:00:05Z x\n", LogCursor::Parse(first.cursor), false).has_gap);
}

TEST(LogWindows, LinesWithoutTimeAndOddCursorsDoNoHarm) {
  EXPECT_EQ(ReadWindow("rest of a cut line\n2026-11-22T10:00:00Z a\n", {}, false).text, "a\n");
  EXPECT_EQ(LogCursor::Parse("nonsense").count, 0u);
  EXPECT_EQ(LogCursor::Parse("2/17/3").run, "2");
}

}  // namespace
}  // namespace spillway::cloud::alibaba
