#include "controller/policy/restrictions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/api/decode.h"

namespace spillway::controller {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::optional<std::string> Refused(const std::string& spec, const char* profile = "tke",
                                   const std::string& meta = R"("namespace":"shop")",
                                   const std::vector<sim::ClaimedVolume>& volumes = {}) {
  kube::Decoder decoder;
  const auto pod = decoder.Decode<kube::Pod>(R"({"metadata":{"name":"p",)" + meta + R"(},"spec":{)" + spec + "}}");
  EXPECT_TRUE(pod) << pod.error().message;
  return WhyRestricted(*pod, volumes, *RestrictionsOf(profile));
}

std::string Container(const std::string& fields) { return R"("containers":[{"name":"c",)" + fields + "}]"; }

TEST(Restrictions, PortsAreRefusedWithTheirFieldAndValue) {
  EXPECT_THAT(*Refused(Container(R"("ports":[{"containerPort":80},{"containerPort":61000}])")),
              AllOf(HasSubstr("spec.containers[0].ports[1].containerPort is 61000"), HasSubstr("--restrictions=tke")));
  EXPECT_THAT(*Refused(R"("initContainers":[{"name":"i","ports":[{"containerPort":1,"hostPort":65534}]}])"),
              HasSubstr("spec.initContainers[0].ports[0].hostPort is 65534"));
  EXPECT_THAT(*Refused(Container(R"("livenessProbe":{"httpGet":{"port":62000}})")),
              HasSubstr("spec.containers[0].livenessProbe.httpGet.port is 62000"));
  EXPECT_THAT(*Refused(Container(R"("startupProbe":{"tcpSocket":{"port":62000}})")), HasSubstr("tcpSocket.port"));
  EXPECT_THAT(*Refused(Container(R"("readinessProbe":{"grpc":{"port":62000}})")), HasSubstr("grpc.port"));
}

TEST(Restrictions, WhatIsOutsideOfTheRangeMayRun) {
  EXPECT_FALSE(Refused(Container(R"("ports":[{"containerPort":60999},{"containerPort":65535}])")));
  EXPECT_FALSE(Refused(Container(R"("livenessProbe":{"httpGet":{"port":"http"}})")));
  EXPECT_FALSE(Refused(Container(R"("lifecycle":{"preStop":{"httpGet":{"port":62000}}})"))) << "hooks are no probes";
  EXPECT_FALSE(Refused(Container(R"("ports":[{"containerPort":61000}])"), "none"));
}

std::string Sysctl(const std::string& name, const std::string& value) {
  return R"("securityContext":{"sysctls":[{"name":")" + name + R"(","value":")" + value + R"("}]})";
}

TEST(Restrictions, TheLocalPortRangeMayNotTouchThem) {
  EXPECT_THAT(*Refused(Sysctl("net.ipv4.ip_local_port_range", "32768 61000")),
              HasSubstr(R"(spec.securityContext.sysctls[0].value (net.ipv4.ip_local_port_range) is "32768 61000")"));
  EXPECT_TRUE(Refused(Sysctl("net.ipv4.ip_local_port_range", "1024 65535"))) << "it goes around them";
  EXPECT_TRUE(Refused(Sysctl("net.ipv4.ip_local_port_range", "what"))) << "nobody knows";
  EXPECT_FALSE(Refused(Sysctl("net.ipv4.ip_local_port_range", "32768 60999")));
  EXPECT_FALSE(Refused(Sysctl("net.core.somaxconn", "61000")));
}

TEST(Restrictions, NamespacesFixedAddressesAndVolumes) {
  EXPECT_THAT(*Refused("", "tke", R"("namespace":"tke-eni-ip-webhook")"), HasSubstr("tke-eni-ip-webhook"));
  EXPECT_THAT(*Refused("", "tke", R"("annotations":{"tke.cloud.tencent.com/vpc-ip-claim-delete-policy":"Never"})"),
              HasSubstr(R"(vpc-ip-claim-delete-policy] is "Never")"));
  const auto with = [](const char* source) { return Refused("", "tke", R"("namespace":"shop")", {{"data", source}}); };
  EXPECT_THAT(*with("ebs.csi.aws.com"), HasSubstr("claim data leads to a PersistentVolume of ebs.csi.aws.com"));
  for (const char* source : {"nfs", "cephfs", "hostPath", "qcloudCbs", "com.tencent.cloud.csi.cbs", ""}) {
    EXPECT_FALSE(with(source)) << source;
  }
}

TEST(Restrictions, EciRefusesWhatItsHostsDoNotGive) {
  EXPECT_THAT(*Refused(R"("hostNetwork":true)", "eci"), HasSubstr("spec.hostNetwork asks for hostNetwork"));
  EXPECT_THAT(*Refused(Container(R"("securityContext":{"privileged":true})"), "eci"),
              HasSubstr("spec.containers[0].securityContext.privileged"));
  EXPECT_FALSE(Refused(Container(R"("ports":[{"containerPort":61000}])"), "eci"));
  EXPECT_FALSE(RestrictionsOf("gke"));
}

}  // namespace
}  // namespace spillway::controller
