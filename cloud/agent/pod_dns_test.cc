#include "cloud/agent/pod_dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Json DnsPod(const char* spec) {
  Json pod = Json::parse(R"({"metadata": {"name": "web-0", "namespace": "shop"}})");
  pod["spec"] = Json::parse(spec);
  return pod;
}

PodNetwork Resolved(const char* spec, const ClusterDns& dns = {}) {
  std::vector<InputNotice> notices;
  return ResolveNetwork(DnsPod(spec), dns, notices);
}

const ClusterDns kCluster{{"10.96.0.10"}, "cluster.local", std::nullopt};

TEST(PodDns, ClusterFirstLooksInItsNamespaceFirst) {
  const ResolvConf conf = Resolved(R"({"dnsPolicy": "ClusterFirst"})", kCluster).resolv_conf;
  EXPECT_EQ(ResolvConfText(conf),
            "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n");
  EXPECT_EQ(conf.base, ResolvConf::Base::kNothing);
}

TEST(PodDns, WithoutClusterDnsInstancesKeepTheirOwn) {
  for (const char* spec : {R"({"dnsPolicy": "ClusterFirst"})", R"({"dnsPolicy": "Default"})"}) {
    const ResolvConf conf = Resolved(spec).resolv_conf;
    EXPECT_EQ(conf.base, ResolvConf::Base::kInstance) << spec;
    EXPECT_THAT(conf.nameservers, IsEmpty()) << spec;
  }
  EXPECT_EQ(Resolved(R"({"dnsPolicy": "ClusterFirst", "hostNetwork": true})", kCluster).resolv_conf.base,
            ResolvConf::Base::kInstance);
  EXPECT_THAT(
      Resolved(R"({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true})", kCluster).resolv_conf.nameservers,
      ElementsAre("10.96.0.10"));
}

TEST(PodDns, OwnConfigurationIsMergedOnTop) {
  const char* const spec = R"({"dnsPolicy": "ClusterFirst", "dnsConfig": {"nameservers": ["1.1.1.1", "10.96.0.10"],
      "searches": ["example.com"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}})";
  const ResolvConf conf = Resolved(spec, kCluster).resolv_conf;
  EXPECT_THAT(conf.nameservers, ElementsAre("10.96.0.10", "1.1.1.1"));
  EXPECT_EQ(conf.searches.back(), "example.com");
  EXPECT_THAT(conf.options, ElementsAre("ndots:2", "edns0"));
}

TEST(PodDns, TheNodesResolvConfReplacesWhatThePolicyGives) {
  ClusterDns dns = kCluster;
  std::vector<BadLine> bad;
  dns.of_node = ParseResolvConf("nameserver 4.4.4.4\nnameserver 8.8.8.8\n", bad);
  EXPECT_THAT(bad, IsEmpty());
  EXPECT_EQ(ResolvConfText(Resolved(R"({"dnsPolicy": "ClusterFirst"})", dns).resolv_conf),
            "nameserver 4.4.4.4\nnameserver 8.8.8.8\n");
  EXPECT_THAT(
      Resolved(R"({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}})", dns).resolv_conf.nameservers,
      ElementsAre("1.1.1.1"));
}

TEST(PodDns, WhatTheResolverWouldNotReadIsCutAndTold) {
  Json pod =
      DnsPod(R"({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"]}})");
  for (int i = 0; i < 40; ++i) pod["spec"]["dnsConfig"]["searches"].push_back("s" + std::to_string(i));
  std::vector<InputNotice> notices;
  const ResolvConf conf = ResolveNetwork(pod, {}, notices).resolv_conf;
  EXPECT_THAT(conf.nameservers, SizeIs(3));
  EXPECT_THAT(conf.searches, SizeIs(32));
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_EQ(notices[0].reason, "DNSConfigForming");
  EXPECT_THAT(notices[0].message, HasSubstr("the applied nameserver line is: 1.1.1.1 1.1.1.2 1.1.1.3"));

  ResolvConf wide;
  wide.searches = {std::string(1500, 'a'), std::string(547, 'b'), std::string(1, 'c')};
  std::vector<std::string> notes;
  FitResolvConf(wide, notes);
  EXPECT_THAT(wide.searches, SizeIs(2)) << "2048 characters with the blank between them";
  EXPECT_THAT(notes, SizeIs(1));
}

TEST(PodDns, BadLinesAreNumberedAndTheOthersHold) {
  std::vector<BadLine> bad;
  const ResolvConf conf = ParseResolvConf(
      "# ours\nnameserver 4.4.4.4\nnameserver four\nnameservers 8.8.8.8\n\nsearch a\nsearch b c\noptions\ndomain\n",
      bad);
  EXPECT_THAT(conf.nameservers, ElementsAre("4.4.4.4"));
  EXPECT_THAT(conf.searches, ElementsAre("b", "c")) << "the last one wins";
  ASSERT_THAT(bad, SizeIs(4));
  EXPECT_EQ(bad[0].number, 3);
  EXPECT_EQ(bad[0].why, "\"four\" is no IP address");
  EXPECT_EQ(bad[1].number, 4);
  EXPECT_EQ(bad[1].text, "nameservers 8.8.8.8");
  EXPECT_EQ(bad[2].number, 8);
  EXPECT_EQ(bad[3].number, 9);
}

// Source: kubelet_pods.go GeneratePodHostNameAndDomain and util.GetNodenameForKernel, v1.36.
TEST(PodDns, APodIsCalledAsItAsksToBe) {
  const auto name = [](const char* spec) { return NodenameOf(Resolved(spec)); };
  EXPECT_EQ(name(R"({"hostname": "db", "subdomain": "sub"})"), "db");
  EXPECT_EQ(name(R"({"hostname": "db", "subdomain": "sub", "setHostnameAsFQDN": true})"),
            "db.sub.shop.svc.cluster.local");
  EXPECT_EQ(name(R"({"hostname": "db", "setHostnameAsFQDN": true})"), "db") << "without a subdomain";
  const PodNetwork over = Resolved(R"({"hostnameOverride": "a.b", "hostname": "db", "subdomain": "sub"})");
  EXPECT_EQ(over.hostname, "a.b");
  EXPECT_EQ(over.domain, "") << "the override is all of it";
}

TEST(PodDns, ANameThatTheKernelDoesNotTakeIsToldAsAKubeletTellsIt) {
  const std::string host(40, 'h');
  const PodNetwork network =
      Resolved((R"({"subdomain": "sub", "setHostnameAsFQDN": true, "hostname": ")" + host + R"("})").c_str());
  const auto notice = WhyNoSandbox(network);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->reason, "FailedCreatePodSandBox");
  EXPECT_EQ(notice->message,
            "Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, FQDN " +
                host + ".sub.shop.svc.cluster.local is too long (64 characters is the max, 67 characters requested)");
  EXPECT_FALSE(WhyNoSandbox(Resolved("{}")));
}

TEST(PodDns, NamesAndAliases) {
  const PodNetwork network = Resolved(R"({"hostname": "db", "subdomain": "sub", "hostAliases": [
      {"ip": "10.1.1.1", "hostnames": ["foo.local", "bar.local"]}, {"ip": "evil\n1.1.1.1", "hostnames": ["x"]}]})");
  EXPECT_EQ(network.hostname, "db");
  EXPECT_EQ(network.domain, "sub.shop.svc.cluster.local");
  const std::string hosts = HostsText(network, "10.2.3.4");
  EXPECT_THAT(hosts, HasSubstr("10.2.3.4\tdb.sub.shop.svc.cluster.local\tdb\n"));
  EXPECT_THAT(hosts, HasSubstr("10.1.1.1\tfoo.local\tbar.local\n"));
  EXPECT_THAT(network.host_aliases, SizeIs(1)) << "an address that is none";
  EXPECT_EQ(Resolved("{}").hostname, "web-0");
  Json pod = DnsPod("{}");
  pod["metadata"]["name"] = std::string(62, 'a') + "-" + std::string(20, 'b');
  std::vector<InputNotice> notices;
  EXPECT_EQ(ResolveNetwork(pod, {}, notices).hostname, std::string(62, 'a')) << "63 characters, no dash at the end";
}

}  // namespace
}  // namespace spillway::cloud
