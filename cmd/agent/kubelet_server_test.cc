#include "cmd/agent/kubelet_server.h"

#include <gflags/gflags.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/testing/fake_cluster.h"
#include "kube/testing/fake_transport.h"

DECLARE_int32(kubelet_port);
DECLARE_string(kubelet_bind_address);
DECLARE_string(client_ca_file);
DECLARE_string(tls_cert_file);
DECLARE_string(tls_private_key_file);

namespace spillway::cmd {
namespace {

// An agent in virtual time, whose kubelet API listens on a real port.
class KubeletServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Quiet();
    FLAGS_kubelet_port = 0;
    FLAGS_kubelet_bind_address = "127.0.0.1";
    cluster_.fault = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
      if (!request.path.ends_with("/configmaps/extension-apiserver-authentication")) return std::nullopt;
      ++asked_;
      if (ca_pem_.empty()) {
        return kube::testing::FakeTransport::Reply(
            403, kube::testing::FakeTransport::StatusBody(403, "Forbidden", "configmaps is forbidden"));
      }
      const cloud::Json map = {{"data", {{"client-ca-file", ca_pem_}}}};
      return kube::testing::FakeTransport::Reply(200, map.dump());
    };
    agent_.Start();
    ASSERT_TRUE(runtime_.RunUntil([&] { return agent_.counts().is_registered; }, 60s));
  }
  void TearDown() override {
    FLAGS_kubelet_port = 10250;
    FLAGS_kubelet_bind_address = "0.0.0.0";
    FLAGS_client_ca_file = "";
  }
  std::int64_t PublishedPort() {
    return cloud::Integer(cloud::At(cluster_.node, "status", "daemonEndpoints", "kubeletEndpoint", "Port"));
  }
  // Events on the Node, with how often they were told.
  std::map<std::string, int> Told() {
    runtime_.RunFor(30s);
    std::map<std::string, int> told;
    for (const cloud::Json& event : cluster_.events) {
      if (cloud::TextAt(event, "regarding", "kind") == "Node") ++told[cloud::TextAt(event, "reason")];
    }
    return told;
  }
  static cloud::AgentOptions MakeOptions() {
    cloud::AgentOptions options;
    options.node_name = "vnode";
    options.cluster_id = "cluster";
    options.internal_ip = "127.0.0.1";
    return options;
  }

  SimRuntime runtime_{11};
  cloud::testing::FakeCluster cluster_{runtime_};
  cloud::SimulatedCloud cloud_{runtime_, {}};
  std::unique_ptr<cloud::Provider> provider_ = cloud_.NewProvider();
  cloud::Agent agent_{runtime_, cluster_.transport(), *provider_, MakeOptions()};
  std::string ca_pem_;
  int asked_ = 0;
};

TEST_F(KubeletServerTest, StaysOffUntilTheClustersCaIsToBeHad) {
  KubeletServer server(runtime_, cluster_.transport(), agent_, nullptr);
  ASSERT_TRUE(server.Start());
  runtime_.RunFor(10min);
  EXPECT_GE(asked_, 9);
  EXPECT_EQ(PublishedPort(), 0);
  ca_pem_ = net::NewCertificateAuthority("clients", runtime_.WallNow())->cert_pem;
  runtime_.RunFor(2min);
  EXPECT_NE(PublishedPort(), 0);
}

TEST_F(KubeletServerTest, APortThatIsTakenIsToldAndTriedAgainUntilItIsFree) {
  net::HttpServerOptions options;
  options.address = FLAGS_kubelet_bind_address;
  auto other = net::NewHttpServer(
      runtime_, options, [](net::ServerRequest) -> Task<net::ServerResponse> { co_return net::ServerResponse{}; });
  ASSERT_TRUE(other);
  FLAGS_kubelet_port = (*other)->port();
  ca_pem_ = net::NewCertificateAuthority("clients", runtime_.WallNow())->cert_pem;
  KubeletServer server(runtime_, cluster_.transport(), agent_, nullptr);
  ASSERT_TRUE(server.Start());
  EXPECT_THAT(Told(), ::testing::ElementsAre(::testing::Pair("KubeletApiOff", 1)));
  EXPECT_EQ(PublishedPort(), 0);
  other->reset();
  runtime_.RunFor(10s);
  EXPECT_EQ(PublishedPort(), FLAGS_kubelet_port);
}

TEST_F(KubeletServerTest, AFileThatCannotBeReadIsToldAtOnce) {
  FLAGS_client_ca_file = "/no/such/file";
  KubeletServer server(runtime_, cluster_.transport(), agent_, nullptr);
  const Status started = server.Start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("--client-ca-file"), std::string::npos) << started.error().message;
}

// With a serving certificate of its own for so long, from five minutes before now.
class ServingCertificateTest : public KubeletServerTest {
 protected:
  void SetUp() override {
    KubeletServerTest::SetUp();
    std::string pattern = ::testing::TempDir() + "spillway-serving-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    FLAGS_tls_cert_file = directory_ + "/tls.crt";
    FLAGS_tls_private_key_file = directory_ + "/tls.key";
  }
  void TearDown() override {
    FLAGS_tls_cert_file = FLAGS_tls_private_key_file = "";
    std::filesystem::remove_all(directory_);
    KubeletServerTest::TearDown();
  }
  void Write(Duration lifetime) {
    const auto authority = net::NewCertificateAuthority("cluster", runtime_.WallNow());
    net::CertificateRequest request;
    request.common_name = "vnode";
    request.server = true;
    request.not_before = runtime_.WallNow();
    request.lifetime = lifetime;
    const auto made = net::IssueCertificate(*authority, request);
    ASSERT_TRUE(made);
    std::ofstream(FLAGS_tls_cert_file) << made->cert_pem;
    std::ofstream(FLAGS_tls_private_key_file) << made->key_pem;
  }
  std::string directory_;
};

TEST_F(ServingCertificateTest, ThatItExpiresIsToldOnTheNodeUntilItIsRotated) {
  Write(5h);
  KubeletServer server(runtime_, cluster_.transport(), agent_, nullptr);
  ASSERT_TRUE(server.Start());
  runtime_.RunFor(4h);
  const WallTime first = server.expires_at();
  EXPECT_GT(first, runtime_.WallNow() + 30min);
  EXPECT_THAT(Told(), ::testing::IsEmpty());
  runtime_.RunFor(45min);
  EXPECT_THAT(Told(), ::testing::ElementsAre(::testing::Pair("ServingCertificateExpiring", 1)));
  runtime_.RunFor(30min);
  EXPECT_THAT(Told(), ::testing::ElementsAre(::testing::Pair("ServingCertificateExpired", 1),
                                             ::testing::Pair("ServingCertificateExpiring", 1)));
  runtime_.RunFor(24h);
  EXPECT_EQ(Told()["ServingCertificateExpired"], 2) << "once a day";
  Write(1000h);
  runtime_.RunFor(20min);
  EXPECT_EQ(Told()["ServingCertificateExpired"], 2);
  EXPECT_GT(server.expires_at(), first + 900h);
}

TEST_F(ServingCertificateTest, OneThatIsGoneIsTold) {
  Write(1000h);
  KubeletServer server(runtime_, cluster_.transport(), agent_, nullptr);
  ASSERT_TRUE(server.Start());
  std::filesystem::remove(FLAGS_tls_cert_file);
  runtime_.RunFor(15min);
  EXPECT_THAT(Told(), ::testing::ElementsAre(::testing::Pair("ServingCertificateUnreadable", 1)));
}

// Most of a year, in which the agent itself does nothing.
TEST_F(ServingCertificateTest, OneOfItsOwnIsMadeAnewInTime) {
  Write(1h);
  FLAGS_client_ca_file = std::exchange(FLAGS_tls_cert_file, "");
  FLAGS_tls_private_key_file = "";
  SimRuntime runtime(12);
  cloud::Agent idle(runtime, cluster_.transport(), *provider_, MakeOptions());
  KubeletServer server(runtime, cluster_.transport(), idle, nullptr);
  ASSERT_TRUE(server.Start());
  runtime.RunFor(1s);
  const WallTime first = server.expires_at();
  EXPECT_GT(first, runtime.WallNow());
  ASSERT_TRUE(runtime.RunUntil([&] { return server.expires_at() != first; }, 365 * 24h));
  EXPECT_LT(runtime.WallNow() + 24h, first);
  EXPECT_GT(server.expires_at(), first + 24 * 200h);
}

}  // namespace
}  // namespace spillway::cmd
