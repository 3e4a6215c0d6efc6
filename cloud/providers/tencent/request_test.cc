// Pods as requests, answers as instances.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/providers/tencent/create_request.h"
#include "cloud/providers/tencent/instance_reader.h"

namespace spillway::cloud::tencent {
namespace {

using ::testing::HasSubstr;

constexpr const char* kUid = "0b7c5f0e-5a3e-4c59-9d0c-5b7a0b9f2f11";

class EksciRequest : public ::testing::Test {
 protected:
  EksciRequest() {
    options_.region = "ap-guangzhou";
    options_.vpc = "vpc-1";
    options_.security_groups = {"sg-1", "sg-2"};
    request_.identity = {"cluster", "vnode", kUid, "default", "web"};
    request_.client_token = std::string(64, 'a');
    request_.pod["spec"]["containers"].push_back({{"name", "main"}, {"image", "nginx"}});
  }
  Json Made() {
    auto made = MakeCreateBody(request_, options_, "subnet-a");
    EXPECT_TRUE(made) << made.error().message;
    return made ? made->json : Json();
  }
  std::string Refused() {
    auto made = MakeCreateBody(request_, options_, "subnet-a");
    EXPECT_FALSE(made);
    return made ? "" : made.error().message;
  }
  Json& spec() { return request_.pod["spec"]; }
  Json& main() { return request_.pod["spec"]["containers"][0]; }

  CreateRequest request_;
  Options options_;
};

TEST_F(EksciRequest, APlainPodIsAllThatIsRequired) {
  const Json made = Made();
  EXPECT_EQ(made["VpcId"], "vpc-1");
  EXPECT_EQ(made["SubnetId"], "subnet-a");
  EXPECT_EQ(made["SecurityGroupIds"], Json::array({"sg-1", "sg-2"}));
  EXPECT_EQ(made["Cpu"], 1.0);
  EXPECT_EQ(made["Memory"], 2.0);
  EXPECT_EQ(made["RestartPolicy"], "Always");
  EXPECT_EQ(made["Containers"][0]["Image"], "nginx");
  EXPECT_FALSE(made.contains("EksCiVolume"));
  EXPECT_FALSE(made.contains("ImageRegistryCredentials"));
  EXPECT_FALSE(made.contains("DnsConfig"));
}

TEST_F(EksciRequest, TheNameIsClusterNodeTokenAndTheWholeUid) {
  const std::string name = Made()["EksCiName"];
  EXPECT_EQ(name.size(), 59u) << "of 60";
  const auto read = ReadName(name);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->uid, kUid);
  EXPECT_EQ(read->cluster, ClusterMark("cluster"));
  EXPECT_EQ(read->node, NodeMark("vnode"));
  request_.client_token = std::string(64, 'b');
  EXPECT_NE(Made()["EksCiName"], name) << "another attempt is another instance";
  for (const char* foreign : {"", "web", "sw", "swnothexnothexnothexnothe-x", "eksci-0b7c5f0e"}) {
    EXPECT_FALSE(ReadName(foreign)) << foreign;
  }
  for (const char* uid : {"", "a_b", "Upper", "-", "0b7c5f0e-5a3e-4c59-9d0c-5b7a0b9f2f11-more"}) {
    request_.identity.pod_uid = uid;
    EXPECT_THAT(Refused(), HasSubstr("UID")) << uid;
  }
}

TEST_F(EksciRequest, TheNoteSaysWhoseItIsAndWhatWasAskedFor) {
  const auto note = [&] {
    return *ReadNote(Text(At(Named(Made()["Containers"][0]["EnvironmentVars"], kNoteVariable, "Name"), "Value")));
  };
  const InstanceNote first = note();
  EXPECT_EQ(first.identity, request_.identity);
  request_.registries = {{"registry.example.com", "u", "p", "", ""}};
  EXPECT_EQ(note().digest, first.digest) << "a password is no part of it";
  main()["image"] = "nginx:2";
  EXPECT_NE(note().digest, first.digest);
  EXPECT_FALSE(ReadNote("nothing of ours"));
  const NameParts name = *ReadName(Text(Made()["EksCiName"]));
  EXPECT_TRUE(Agree(first.identity, name));
  InstanceIdentity other = first.identity;
  other.node_name = "another";
  EXPECT_FALSE(Agree(other, name));
  main()["env"].push_back({{"name", kNoteVariable}, {"value", WriteNote({other, ""})}});
  EXPECT_THAT(Refused(), HasSubstr("the name is taken")) << "no Pod says whose it is";
}

TEST_F(EksciRequest, SizesAreRoundedUpAndLimitsAreTheContainers) {
  main()["resources"] = {{"requests", {{"cpu", "1500m"}, {"memory", "3Gi"}}},
                         {"limits", {{"cpu", "4"}, {"memory", "3Gi"}}}};
  Json made = Made();
  EXPECT_EQ(made["Cpu"], 2.0);
  EXPECT_EQ(made["Memory"], 4.0);
  EXPECT_EQ(made["Containers"][0]["Cpu"], 2.0) << "no more than the instance has";
  EXPECT_EQ(made["Containers"][0]["Memory"], 3.0);
  main()["resources"] = {{"requests", {{"cpu", "100"}}}};
  EXPECT_THAT(Refused(), HasSubstr("no size of EKSCI holds both, the largest is 64 vCPU and 512 GiB"));
  request_.pod["metadata"]["annotations"] = {{"eks.tke.cloud.tencent.com/cpu", "8"},
                                             {"eks.tke.cloud.tencent.com/mem", "16Gi"}};
  made = Made();
  EXPECT_EQ(made["Cpu"], 8.0);
  EXPECT_EQ(made["Memory"], 16.0);
}

TEST_F(EksciRequest, GpusNeedATypeAndASize) {
  main()["resources"]["limits"] = {{"nvidia.com/gpu", "1"}};
  main()["resources"]["requests"] = {{"nvidia.com/gpu", "1"}};
  auto& annotations = request_.pod["metadata"]["annotations"];
  EXPECT_THAT(Refused(), HasSubstr("eks.tke.cloud.tencent.com/cpu and mem"));
  annotations = {{"eks.tke.cloud.tencent.com/cpu", "10"}, {"eks.tke.cloud.tencent.com/mem", "40Gi"}};
  EXPECT_THAT(Refused(), HasSubstr("gpu-type"));
  annotations["eks.tke.cloud.tencent.com/gpu-type"] = "1/2*T4";
  const Json made = Made();
  EXPECT_EQ(made["GpuType"], "1/2*T4");
  EXPECT_EQ(made["GpuCount"], 1);
  EXPECT_EQ(made["Containers"][0]["GpuLimit"], 1);
}

TEST_F(EksciRequest, ProbesAreResolved) {
  main()["ports"].push_back({{"name", "http"}, {"containerPort", 8080}});
  main()["livenessProbe"] = {{"httpGet", {{"port", "http"}, {"scheme", "HTTPS"}}}, {"periodSeconds", 3}};
  main()["readinessProbe"] = {{"exec", {{"command", {"cat", "/ready"}}}}, {"failureThreshold", 1}};
  Json made = Made()["Containers"][0];
  EXPECT_EQ(made["LivenessProbe"]["HttpGet"], Json({{"Path", "/"}, {"Port", 8080}, {"Scheme", "HTTPS"}}));
  EXPECT_EQ(made["LivenessProbe"]["Probe"], Json({{"PeriodSeconds", 3}}));
  EXPECT_EQ(made["ReadinessProbe"]["Exec"]["Commands"], Json::array({"cat", "/ready"}));
  main()["livenessProbe"] = {{"tcpSocket", {{"port", 9}}}};
  EXPECT_EQ(Made()["Containers"][0]["LivenessProbe"]["TcpSocket"]["Port"], 9);
  main()["livenessProbe"]["tcpSocket"]["port"] = "absent";
  EXPECT_THAT(Refused(), HasSubstr("no port of this name"));
}

// Brief 003: the cloud's own agents listen there.
TEST_F(EksciRequest, ReservedPortsAreRefused) {
  main()["ports"].push_back({{"containerPort", 61000}});
  EXPECT_THAT(Refused(), HasSubstr("61000 is one of the ports 61000 to 65534"));
  main()["ports"][0]["containerPort"] = 60999;
  Made();
  main()["livenessProbe"] = {{"tcpSocket", {{"port", 65534}}}};
  EXPECT_THAT(Refused(), HasSubstr("livenessProbe.tcpSocket.port: 65534"));
}

TEST_F(EksciRequest, VolumesAreNfsAndDisksThatAreThere) {
  spec()["volumes"].push_back(
      {{"name", "share"}, {"nfs", {{"server", "10.0.0.9"}, {"path", "/"}, {"readOnly", true}}}});
  spec()["volumes"].push_back(
      {{"name", "disk"}, {"flexVolume", {{"driver", "tencentcloud/cbs"}, {"options", {{"diskId", "disk-1"}}}}}});
  spec()["volumes"].push_back(
      {{"name", "claimed"}, {"csi", {{"driver", "com.tencent.cloud.csi.cbs"}, {"volumeHandle", "disk-2"}}}});
  main()["volumeMounts"].push_back({{"name", "share"}, {"mountPath", "/s"}, {"subPath", "a"}, {"readOnly", true}});
  const Json made = Made();
  EXPECT_EQ(made["EksCiVolume"]["NfsVolumes"],
            Json::array({{{"Name", "share"}, {"Server", "10.0.0.9"}, {"Path", "/"}, {"ReadOnly", true}}}));
  EXPECT_EQ(made["EksCiVolume"]["CbsVolumes"],
            Json::array({{{"Name", "disk"}, {"CbsDiskId", "disk-1"}}, {{"Name", "claimed"}, {"CbsDiskId", "disk-2"}}}));
  EXPECT_EQ(made["Containers"][0]["VolumeMounts"],
            Json::array({{{"Name", "share"}, {"MountPath", "/s"}, {"SubPath", "a"}, {"ReadOnly", true}}}));
  for (const char* kind : {"emptyDir", "configMap", "cephfs", "hostPath", "csi", "flexVolume"}) {
    spec()["volumes"] = Json::array({{{"name", "other"}, {kind, Json::object()}}});
    EXPECT_THAT(Refused(), HasSubstr("spec.volumes other: EKSCI has NFS volumes")) << kind;
  }
}

TEST_F(EksciRequest, TheRestOfAPod) {
  spec()["restartPolicy"] = "OnFailure";
  spec()["initContainers"].push_back({{"name", "init"}, {"image", "busybox"}, {"command", {"true"}}});
  main()["args"] = {"-v"};
  main()["workingDir"] = "/srv";
  main()["env"].push_back({{"name", "A"}, {"value", "b"}});
  main()["securityContext"]["capabilities"] = {{"add", {"NET_ADMIN"}}, {"drop", {"ALL"}}};
  request_.network.resolv_conf = {
      ResolvConf::Base::kNothing, {"10.0.0.10"}, {"svc.cluster.local"}, {"ndots:5", "rotate"}};
  request_.registries = {{"https://registry.example.com/v1/", "u", "p", "", ""},
                         {"other.example.com", "u", "", "token", ""}};
  Json made = Made();
  EXPECT_EQ(made["RestartPolicy"], "OnFailure");
  EXPECT_EQ(made["InitContainers"][0]["Commands"], Json::array({"true"}));
  const Json& container = made["Containers"][0];
  EXPECT_EQ(container["Args"], Json::array({"-v"}));
  EXPECT_EQ(container["WorkingDir"], "/srv");
  EXPECT_EQ(container["EnvironmentVars"][0], Json({{"Name", "A"}, {"Value", "b"}}));
  EXPECT_EQ(container["SecurityContext"]["Capabilities"], Json({{"Add", {"NET_ADMIN"}}, {"Drop", {"ALL"}}}));
  EXPECT_EQ(made["DnsConfig"], Json::parse(R"({"Nameservers": ["10.0.0.10"], "Searches": ["svc.cluster.local"],
      "Options": [{"Name": "ndots", "Value": "5"}, {"Name": "rotate"}]})"));
  EXPECT_EQ(made["ImageRegistryCredentials"],
            Json::array(
                {{{"Server", "registry.example.com"}, {"Username", "u"}, {"Password", "p"}, {"Name", "registry-1"}}}));
  request_.pod["metadata"]["annotations"] = {{"eks.tke.cloud.tencent.com/resolv-conf", "nameserver 4.4.4.4\n"},
                                             {"eks.tke.cloud.tencent.com/security-group-id", "sg-8,sg-9"},
                                             {"eks.tke.cloud.tencent.com/cpu-type", "amd,intel"},
                                             {"eks.tke.cloud.tencent.com/role-name", "role"}};
  made = Made();
  EXPECT_EQ(made["DnsConfig"], Json({{"Nameservers", {"4.4.4.4"}}}));
  EXPECT_EQ(made["SecurityGroupIds"], Json::array({"sg-8", "sg-9"}));
  EXPECT_EQ(made["CpuType"], "amd,intel");
  EXPECT_EQ(made["CamRoleName"], "role");
}

TEST_F(EksciRequest, ThePodsOwnAddressIsNowhereToBeHad) {
  main()["env"].push_back({{"name", "IP"}, {"value", std::string(kPodIpPlaceholder)}});
  EXPECT_THAT(Refused(), HasSubstr("spec.containers main.env IP"));
  main().erase("env");
  main()["args"] = {"--ip=" + std::string(kPodIpPlaceholder)};
  EXPECT_THAT(Refused(), HasSubstr("spec.containers main.args"));
}

// ---- answers

Json Answer(const char* status, const Json& state) {
  return {{"EksCiId", "eksci-1"},
          {"EksCiName", "n"},
          {"Status", status},
          {"PrivateIp", "10.0.0.7"},
          {"SubnetId", "subnet-a"},
          {"CreationTime", "2026-06-18 10:00:00 +0000 UTC"},
          {"Containers", Json::array({{{"Name", "main"}, {"Image", "nginx"}, {"CurrentState", state}}})}};
}

TEST(EksciReader, ReadsTimesAsTheyCome) {
  const auto at = base::ParseRfc3339("2026-06-18T10:00:00Z");
  for (const char* text :
       {"2026-06-18T10:00:00Z", "2026-06-18T18:00:00+08:00", "2026-06-18 10:00:00 +0000 UTC",
        "2026-06-18 18:00:00 +0800 CST", "2026-06-18 10:00:00", "2026-06-18 10:00:00.123 +0000 UTC"}) {
    EXPECT_EQ(ReadTime(text), at) << text;
  }
  for (const char* text : {"", "soon", "0001-01-01T00:00:00Z"}) EXPECT_EQ(ReadTime(text), std::nullopt) << text;
}

TEST(EksciReader, StatesAreContainersStates) {
  InstanceStatus status = ReadStatus(Answer("Running", {{"State", "running"}, {"StartTime", "2026-06-18T10:00:05Z"}}));
  EXPECT_EQ(status.state, InstanceState::kRunning);
  EXPECT_TRUE(status.containers.at(0).ready);
  EXPECT_TRUE(status.created_at);
  status = ReadStatus(Answer("Failed", {{"State", "exited"}, {"ExitCode", 3}, {"StartTime", "2026-06-18T10:00:05Z"}}));
  const Instance failed = Merge(status, {}, {}, nullptr);
  EXPECT_EQ(failed.state, InstanceState::kFailed);
  EXPECT_FALSE(failed.refused) << "it has run";
  EXPECT_EQ(failed.containers.at(0).ended->exit_code, 3);
  EXPECT_EQ(failed.containers.at(0).ended->reason, "Error");
  status = ReadStatus(Answer("Pending", {{"State", "created"}}));
  EXPECT_EQ(status.containers.at(0).reason, "ContainerCreating");
  for (const char* word : {"Pending", "Running", "Succeeded", "Failed"}) EXPECT_TRUE(StateOf(word)) << word;
  EXPECT_FALSE(StateOf("Hibernating"));
}

TEST(EksciReader, AnUnknownStatusKeepsTheLastState) {
  const Instance running = Merge(ReadStatus(Answer("Running", {{"State", "running"}})), {}, {}, nullptr);
  const Instance odd = Merge(ReadStatus(Answer("Hibernating", {{"State", "running"}})), {}, {}, &running);
  EXPECT_EQ(odd.state, InstanceState::kRunning);
}

TEST(EksciReader, WhatFailedBeforeItRanIsRefusedAndStaysSo) {
  const Json told = {{"Events", Json::array({{{"Type", "Warning"},
                                              {"Reason", "CreatePodSandboxFailed"},
                                              {"Message", "resources sold out"},
                                              {"LastTimestamp", "2026-06-18T10:00:09Z"}}})}};
  const Instance failed = Merge(ReadStatus(Answer("Failed", {{"State", "created"}})), {}, ReadEvents(told), nullptr);
  EXPECT_EQ(failed.refused, Refusal::kStock);
  EXPECT_EQ(failed.reason, "CreatePodSandboxFailed");
  const Instance later = Merge(ReadStatus(Answer("Running", {{"State", "running"}})), {}, {}, &failed);
  EXPECT_EQ(later.state, InstanceState::kFailed) << "another one may have been made by now";
  EXPECT_EQ(later.refused, Refusal::kStock);
  EXPECT_EQ(Merge(ReadStatus(Answer("Failed", {{"State", "created"}})), {}, {}, nullptr).refused, Refusal::kTransient);
}

TEST(EksciReader, TheRunBeforeIsTheOneThatWasSeen) {
  const Json ended = {{"State", "exited"}, {"ExitCode", 2}, {"StartTime", "2026-06-18T10:00:05Z"}, {"RestartCount", 0}};
  const Instance first = Merge(ReadStatus(Answer("Running", ended)), {}, {}, nullptr);
  const Json again = {{"State", "running"}, {"StartTime", "2026-06-18T10:01:05Z"}, {"RestartCount", 1}};
  const Instance second = Merge(ReadStatus(Answer("Running", again)), {}, {}, &first);
  ASSERT_TRUE(second.containers.at(0).last);
  EXPECT_EQ(second.containers[0].last->exit_code, 2);
  EXPECT_NE(second.containers[0].container_id, first.containers[0].container_id);
  const Instance third = Merge(ReadStatus(Answer("Running", again)), {}, {}, &second);
  EXPECT_EQ(third, second);
}

}  // namespace
}  // namespace spillway::cloud::tencent
