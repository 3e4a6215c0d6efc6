#include "cmd/agent/kubelet_server.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/testing/fake_cluster.h"
#include "kube/testing/fake_transport.h"

DECLARE_int32(kubelet_port);
DECLARE_string(kubelet_bind_address);
DECLARE_string(client_ca_file);

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

TEST_F(KubeletServerTest, AFileThatCannotBeReadIsToldAtOnce) {
  FLAGS_client_ca_file = "/no/such/file";
  KubeletServer server(runtime_, cluster_.transport(), agent_, nullptr);
  const Status started = server.Start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("--client-ca-file"), std::string::npos) << started.error().message;
}

}  // namespace
}  // namespace spillway::cmd
