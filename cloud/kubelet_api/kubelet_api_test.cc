#include "cloud/kubelet_api/kubelet_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/testing/run_until.h"
#include "cloud/providers/process/provider.h"
#include "cloud/testing/fake_cluster.h"
#include "net/testing/raw_socket.h"

namespace spillway::cloud {
namespace {

using net::testing::RawConnection;
using spillway::testing::RunUntil;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// An agent with the provider "process", asked over plain HTTP. One Pod, "talker", runs.
class KubeletApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Quiet();
    ::signal(SIGPIPE, SIG_IGN);
    std::string pattern = ::testing::TempDir() + "spillway-kubelet-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    ProcessProviderOptions provider;
    provider.state_dir = directory_ + "/state";
    provider.instance.pod_ip = "10.1.2.3";
    provider.poll_interval = 5ms;
    auto opened = ProcessProvider::Open(runtime_, provider);
    ASSERT_TRUE(opened) << opened.error().message;
    provider_ = *std::move(opened);
    AgentOptions options;
    options.node_name = "vnode";
    options.cluster_id = "cluster";
    options.internal_ip = "10.1.2.3";
    agent_ = std::make_unique<Agent>(runtime_, cluster_.transport(), *provider_, options);
    agent_->Start();
    Json pod = testing::SimplePod("talker");
    pod["spec"]["restartPolicy"] = "Never";
    pod["spec"]["containers"][0]["command"] = {"sh", "-c", "echo hello; exec sleep 1000"};
    uid_ = cluster_.AddPod(std::move(pod));
    ASSERT_TRUE(RunUntil(runtime_, [&] { return cluster_.Phase("talker") == "Running"; }));
    Serve(nullptr);
  }
  void TearDown() override {
    server_.reset();
    cluster_.DeletePod("talker", 0);
    (void)RunUntil(runtime_, [&] { return ListDirectory(directory_ + "/state").size() <= 1; });
    agent_.reset();
    provider_.reset();
    RemoveTree(directory_);
  }

  void Serve(KubeletAccess* access) {
    auto server = net::NewHttpServer(runtime_, {}, KubeletApiHandler(runtime_, *agent_, access));
    ASSERT_TRUE(server);
    server_ = std::move(*server);
  }
  // The whole answer.
  std::string Ask(const std::string& target, const std::string& method = "GET") {
    RawConnection peer = RawConnection::To(server_->port());
    peer.Send(method + " " + target + " HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); })) << target;
    return peer.Received();
  }
  static std::string MaskedFrame(std::string_view payload) {
    return std::string("\x82", 1) + static_cast<char>(0x80 | payload.size()) + std::string(4, '\0') +
           std::string(payload);
  }
  RawConnection UpgradeToWebSocket(const std::string& target, const std::string& protocol) {
    RawConnection peer = RawConnection::To(server_->port());
    peer.Send("GET " + target +
              " HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " +
              protocol + "\r\n\r\n");
    return peer;
  }

  RealRuntime runtime_;
  testing::FakeCluster cluster_{runtime_};
  std::string directory_, uid_;
  std::unique_ptr<ProcessProvider> provider_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(KubeletApiTest, AnswersAsAKubeletDoes) {
  EXPECT_THAT(Ask("/healthz"), HasSubstr("\r\n\r\nok"));
  EXPECT_THAT(Ask("/pods"), HasSubstr(R"("name":"talker")"));
  EXPECT_THAT(Ask("/runningpods/"), HasSubstr(R"("name":"talker")"));
  EXPECT_THAT(Ask("/containerLogs/default/talker/main"), HasSubstr("hello\n"));
  EXPECT_THAT(Ask("/stats/summary"),
              HasSubstr("\"podRef\":{\"name\":\"talker\",\"namespace\":\"default\",\"uid\":\"" + uid_));
  EXPECT_THAT(Ask("/metrics/resource"),
              HasSubstr(R"(container_cpu_usage_seconds_total{namespace="default",pod="talker",container="main"})"));
  EXPECT_THAT(Ask("/containerLogs/default/nobody/main"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask("/containerLogs/default/talker/side"), HasSubstr("container \"side\" not found in pod \"talker\""));
  EXPECT_THAT(Ask("/containerLogs/default/talker/main?tailLines=x"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("/containerLogs/default/talker/main?previous=true"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("/exec/default/talker/main?command=ls&output=1"), HasSubstr("this is no upgrade request"));
  EXPECT_THAT(Ask("/exec/default/talker/other-uid/main?command=ls&output=1"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask("/configz"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask("/pods", "DELETE"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(KubeletApiTest, ExecutesACommandOverAWebSocket) {
  RawConnection peer = UpgradeToWebSocket(
      "/exec/default/talker/" + uid_ + "/main?command=sh&command=-c&command=cat%3B+exit+3&input=1&output=1&error=1",
      "v5.channel.k8s.io");
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.Contains("\r\n\r\n\x82\x01\x01"); })) << peer.Received();
  EXPECT_THAT(peer.Received(), StartsWith("HTTP/1.1 101 "));
  peer.Send(MaskedFrame(std::string("\0through the pipe", 17)));
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.Contains("\x01through the pipe"); }));
  peer.Send(MaskedFrame(std::string("\xff\0", 2)));  // the input ends
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); }));
  EXPECT_THAT(peer.Received(), HasSubstr(R"({"causes":[{"message":"3","reason":"ExitCode"}]})"));
}

TEST_F(KubeletApiTest, WhoAsksIsReviewedBeforeAnything) {
  KubeletAccess access(runtime_, cluster_.transport(), {.node_name = "vnode"});
  Serve(&access);
  EXPECT_THAT(Ask("/healthz"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(Ask("/exec/default/talker/main?command=ls&output=1", "POST"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(Ask("/what/ever", "PUT"), StartsWith("HTTP/1.1 401 "));
  server_.reset();
}

}  // namespace
}  // namespace spillway::cloud
