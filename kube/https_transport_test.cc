#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <ostream>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "kube/credentials.h"
#include "kube/exec_plugin.h"
#include "net/certificates.h"
#include "net/http_server.h"
#include "net/testing/raw_socket.h"

// Against a real TLS server on loopback, with real processes for plugins: what SimRuntime cannot show.
namespace spillway::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Task<void> Keep(Task<Result<Response>> task, std::optional<Result<Response>>& into, RealRuntime& runtime) {
  into.emplace(co_await std::move(task));
  runtime.Stop();
}
Task<void> KeepCredential(Task<Result<ExecCredential>> task, std::optional<Result<ExecCredential>>& into,
                          RealRuntime& runtime) {
  into.emplace(co_await std::move(task));
  runtime.Stop();
}
Task<net::ServerResponse> Answer(net::ServerResponse response) { co_return response; }

class HttpsTransportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Quiet();
    directory_ = std::filesystem::temp_directory_path() / fmt::format("https_transport_test.{}", getpid());
    std::filesystem::create_directories(directory_);
    ca_ = *net::NewCertificateAuthority("test CA", runtime_.WallNow());
    server_cert_ = Issue("server", true);
    net::HttpServerOptions options;
    options.tls = [this]() -> Result<net::HttpServerOptions::Tls> {
      return net::HttpServerOptions::Tls{server_cert_.cert_pem, server_cert_.key_pem, ca_.cert_pem, false};
    };
    server_ = std::move(*net::NewHttpServer(runtime_, options, [this](net::ServerRequest request) {
      seen_.push_back(request);
      return Answer(handler_(request));
    }));
    config_.server = fmt::format("https://127.0.0.1:{}", server_->port());
    config_.ca_data = ca_.cert_pem;
    handler_ = [](const net::ServerRequest&) {
      net::ServerResponse response;
      response.body = "{}";
      return response;
    };
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  net::CertificateAndKey Issue(const std::string& name, bool server) {
    net::CertificateRequest request;
    request.common_name = name;
    request.ip_addresses = {"127.0.0.1"};
    request.server = server;
    request.client = !server;
    request.not_before = runtime_.WallNow() - 1h;
    return *net::IssueCertificate(ca_, request);
  }
  std::string Write(const std::string& name, const std::string& text, bool executable = false) {
    const auto path = directory_ / name;
    std::ofstream(path) << text;
    if (executable) std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  }
  Transport& Connect() {
    auto transport = NewHttpsTransport(runtime_, config_);
    EXPECT_TRUE(transport) << transport.error().message;
    transport_ = std::move(*transport);
    return *transport_;
  }
  Result<Response> Get(std::string path = "/api", std::shared_ptr<BodySink> sink = nullptr) {
    Request request;
    request.path = std::move(path);
    request.sink = std::move(sink);
    request.timeout = 5s;
    std::optional<Result<Response>> result;
    {
      TaskScope scope(runtime_);
      scope.Spawn(Keep(transport_->Send(std::move(request)), result, runtime_));
      runtime_.Run([](int) {});
    }
    return std::move(*result);
  }
  Result<ExecCredential> RunPlugin(Duration deadline = 10s) {
    ExecPlugin plugin(runtime_, config_, deadline);
    std::optional<Result<ExecCredential>> result;
    {
      TaskScope scope(runtime_);
      scope.Spawn(KeepCredential(plugin.Run(), result, runtime_));
      runtime_.Run([](int) {});
    }
    return std::move(*result);
  }
  void UsePlugin(const std::string& script) {
    config_.exec.emplace();
    config_.exec->command = Write("plugin", "#!/bin/sh\n" + script, true);
    config_.exec->api_version = "client.authentication.k8s.io/v1";
  }
  std::string Authorization(std::size_t request) { return seen_.at(request).Header("authorization"); }

  RealRuntime runtime_;
  std::filesystem::path directory_;
  net::CertificateAndKey ca_, server_cert_;
  std::unique_ptr<net::HttpServer> server_;
  std::function<net::ServerResponse(const net::ServerRequest&)> handler_;
  std::vector<net::ServerRequest> seen_;
  ClientConfig config_;
  std::unique_ptr<Transport> transport_;
};

TEST_F(HttpsTransportTest, SendsTokenAndHeadersAndReadsRetryAfter) {
  config_.token = "abc";
  config_.server += "/prefix";
  handler_ = [](const net::ServerRequest&) {
    net::ServerResponse response;
    response.status = 429;
    response.headers.emplace_back("Retry-After", "7");
    return response;
  };
  Connect();
  const auto response = Get("/api/v1/pods?limit=5");
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 429);
  EXPECT_EQ(response->retry_after, 7s);
  EXPECT_EQ(seen_[0].path, "/prefix/api/v1/pods");
  EXPECT_EQ(seen_[0].query, "limit=5");
  EXPECT_EQ(Authorization(0), "Bearer abc");
  EXPECT_EQ(seen_[0].Header("accept"), "application/json");
}

TEST_F(HttpsTransportTest, AnUnknownAuthorityIsRefused) {
  config_.ca_data = net::NewCertificateAuthority("other", runtime_.WallNow())->cert_pem;
  Connect();
  EXPECT_FALSE(Get());
  EXPECT_TRUE(seen_.empty());
}

TEST_F(HttpsTransportTest, ARotatedTokenFileIsPickedUpAtTheLatestAfterA401) {
  config_.token_file = Write("token", "old\n");
  handler_ = [](const net::ServerRequest& request) {
    net::ServerResponse response;
    response.status = request.Header("authorization") == "Bearer new" ? 200 : 401;
    return response;
  };
  Connect();
  EXPECT_EQ(Get()->status, 401);
  Write("token", "new\n");
  EXPECT_EQ(Get()->status, 200);
  EXPECT_EQ(Authorization(seen_.size() - 1), "Bearer new");
  std::filesystem::remove(config_.token_file);
  EXPECT_EQ(Get()->status, 200);  // the last good token stays in use
}

TEST_F(HttpsTransportTest, ClientCertificateFilesAreReadAgainAfterA401) {
  auto first = Issue("first", false);
  config_.client_cert_file = Write("c.crt", first.cert_pem);
  config_.client_key_file = Write("c.key", first.key_pem);
  handler_ = [](const net::ServerRequest& request) {
    net::ServerResponse response;
    response.status = request.client_common_name == "second" ? 200 : 401;
    return response;
  };
  Connect();
  EXPECT_EQ(Get()->status, 401);
  EXPECT_EQ(seen_[0].client_common_name, "first");
  auto second = Issue("second", false);
  Write("c.crt", second.cert_pem);
  Write("c.key", second.key_pem);
  EXPECT_EQ(Get()->status, 200);
}

TEST_F(HttpsTransportTest, NewConnectionsTakeARotatedCertificateUnasked) {
  const auto rotate_to = [this](const std::string& name) {
    const auto issued = Issue(name, false);
    Write("next.crt", issued.cert_pem);
    Write("next.key", issued.key_pem);
    std::filesystem::rename(directory_ / "next.crt", directory_ / "c.crt");
    std::filesystem::rename(directory_ / "next.key", directory_ / "c.key");
  };
  rotate_to("first");
  config_.client_cert_file = (directory_ / "c.crt").string();
  config_.client_key_file = (directory_ / "c.key").string();
  Connect();
  EXPECT_EQ(Get()->status, 200);
  rotate_to("second");
  // Two at once: the kept connection serves one of them.
  TaskScope scope(runtime_);
  std::optional<Result<Response>> one, other;
  scope.Spawn(Keep(transport_->Send({.path = "/a"}), one, runtime_));
  scope.Spawn(Keep(transport_->Send({.path = "/b"}), other, runtime_));
  while (!one || !other) runtime_.Run([](int) {});
  std::vector<std::string> names;
  for (const auto& request : seen_) names.push_back(request.client_common_name);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("first", "first", "second"));
}

TEST_F(HttpsTransportTest, MissingFilesAreNamed) {
  config_.client_cert_file = "/nowhere/c.crt";
  const auto transport = NewHttpsTransport(runtime_, config_);
  ASSERT_FALSE(transport);
  EXPECT_EQ(transport.error().message, "client certificate /nowhere/c.crt cannot be read");
  config_ = {.server = config_.server, .ca_data = ca_.cert_pem, .token_file = "/nowhere/token"};
  Connect();
  EXPECT_EQ(Get().error().message, "token file /nowhere/token cannot be read");
  EXPECT_EQ(Get().error().code, Code::kUnauthenticated);
}

TEST_F(HttpsTransportTest, LeasesEventsBindsAndStatusesShareNoConnection) {
  net::testing::RawListener listener;
  config_ = {.server = fmt::format("http://127.0.0.1:{}", listener.port())};
  Connect();
  struct Flow {
    static Task<void> Run(Task<Result<Response>> task, std::optional<Result<Response>>& into) {
      into.emplace(co_await std::move(task));
    }
  };
  std::vector<net::testing::RawConnection> peers;
  const auto ask = [&](const std::string& path) {
    std::optional<Result<Response>> answer;
    TaskScope scope(runtime_);
    scope.Spawn(Flow::Run(transport_->Send({.path = path}), answer));
    const bool answered = runtime_.RunUntil(
        [&] {
          if (auto peer = listener.Accept()) peers.push_back(std::move(*peer));
          for (auto& peer : peers) {
            if (!peer.Contains("\r\n\r\n")) continue;
            peer.Forget();
            peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
          }
          return answer.has_value();
        },
        20s);
    EXPECT_TRUE(answered) << path;
    return peers.size();
  };
  EXPECT_EQ(ask("/api/v1/namespaces/d/pods"), 1u);
  EXPECT_EQ(ask("/apis/coordination.k8s.io/v1/namespaces/d/leases/l?timeout=5s"), 2u);
  EXPECT_EQ(ask("/apis/events.k8s.io/v1/namespaces/d/events"), 3u);
  EXPECT_EQ(ask("/api/v1/namespaces/d/pods/p/binding"), 4u);
  EXPECT_EQ(ask("/api/v1/nodes/n/status?fieldManager=x"), 5u);
  EXPECT_EQ(ask("/api/v1/namespaces/d/pods/p"), 5u) << "kept ones are used again";
  EXPECT_EQ(ask("/apis/coordination.k8s.io/v1/namespaces/d/leases/l"), 5u);
}

struct Recording final : BodySink {
  std::vector<std::string> calls;
  void OnStart() override { calls.push_back("start"); }
  void OnData(std::string_view bytes) override { calls.emplace_back(bytes); }
  void OnEnd() override { calls.push_back("end"); }
};

TEST_F(HttpsTransportTest, ABodyGoesToTheSinkAfterItsHead) {
  Connect();
  auto sink = std::make_shared<Recording>();
  const auto response = Get("/api", sink);
  ASSERT_TRUE(response);
  EXPECT_THAT(sink->calls, ElementsAre("start", "{}", "end"));
  EXPECT_EQ(response->body, "");
}

// ---- exec plugins

std::string Answering(const std::string& status) {
  return R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" + status + "}'";
}

TEST_F(HttpsTransportTest, APluginRunsOnceUntilItsTokenIsRefused) {
  const std::string count = (directory_ / "count").string();
  UsePlugin(
      fmt::format("echo x >> {0}\nn=$(wc -l < {0})\n", count) +
      R"(echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t$((n))\"}}")");
  std::string accepted = "Bearer t1";
  handler_ = [&](const net::ServerRequest& request) {
    net::ServerResponse response;
    response.status = request.Header("authorization") == accepted ? 200 : 401;
    return response;
  };
  Connect();
  EXPECT_EQ(Get()->status, 200);
  EXPECT_EQ(Get()->status, 200);
  accepted = "Bearer t2";
  EXPECT_EQ(Get()->status, 200);
  EXPECT_EQ(seen_.size(), 4u);
  accepted = "nothing";
  EXPECT_EQ(Get()->status, 401);  // one more run, then it is what it is
  EXPECT_EQ(seen_.size(), 6u);
}

TEST_F(HttpsTransportTest, APluginThatFailsIsNotRunForEachRequest) {
  const std::string count = (directory_ / "count").string();
  UsePlugin(fmt::format("echo x >> {}\nexit 3", count));
  config_.exec->install_hint = "install it";
  Connect();
  const auto refused = Get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnauthenticated);
  EXPECT_THAT(refused.error().message, HasSubstr("exit status 3 (see standard error above); install it"));
  EXPECT_FALSE(Get());
  EXPECT_EQ(std::filesystem::file_size(count), 2u);
}

TEST_F(HttpsTransportTest, APluginsCertificateIsUsed) {
  const auto client = Issue("from-plugin", false);
  const auto escaped = [](std::string pem) {
    for (auto at = pem.find('\n'); at != std::string::npos; at = pem.find('\n', at)) pem.replace(at, 1, "\\n");
    return pem;
  };
  Write(
      "answer",
      fmt::format(
          R"({{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"clientCertificateData":"{}","clientKeyData":"{}"}}}})",
          escaped(client.cert_pem), escaped(client.key_pem)));
  UsePlugin(fmt::format("cat {}", (directory_ / "answer").string()));
  Connect();
  EXPECT_EQ(Get()->status, 200);
  EXPECT_EQ(seen_[0].client_common_name, "from-plugin");
}

TEST_F(HttpsTransportTest, APluginSeesItsEnvironmentAndNoShellTouchesItsArguments) {
  UsePlugin(
      "test \"$1\" = '$(touch x); a b' || exit 1\ntest \"$EXTRA\" = v || exit 2\n"
      "echo \"$KUBERNETES_EXEC_INFO\" | grep -q '\"interactive\":false' || exit 3\nread line && exit 4\n" +
      Answering(R"({"token":"t","expirationTimestamp":"2030-01-01T00:00:00Z"})"));
  config_.exec->args = {"$(touch x); a b"};
  config_.exec->env = {{"EXTRA", "v"}};
  const auto credential = RunPlugin();
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->token, "t");
  EXPECT_EQ(base::FormatRfc3339(*credential->expires), "2030-01-01T00:00:00Z");
}

TEST_F(HttpsTransportTest, APluginThatHangsIsKilledWithItsChildren) {
  UsePlugin("sleep 1000 & sleep 1000");
  const Instant began = runtime_.Now();
  const auto credential = RunPlugin(200ms);
  ASSERT_FALSE(credential);
  EXPECT_THAT(credential.error().message, HasSubstr("no answer within 200ms"));
  EXPECT_LT(runtime_.Now() - began, 5s);
}

TEST_F(HttpsTransportTest, APluginThatFloodsIsStopped) {
  UsePlugin("while true; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; done");
  EXPECT_THAT(RunPlugin().error().message, HasSubstr("more than 1 MiB"));
}

TEST_F(HttpsTransportTest, AMissingPluginIsNamed) {
  config_.exec.emplace();
  config_.exec->command = "no-such-credential-plugin";
  EXPECT_THAT(RunPlugin().error().message, HasSubstr("credential plugin no-such-credential-plugin: No such file"));
}

struct AnswerCase {
  const char* output;
  const char* says;
};
void PrintTo(const AnswerCase& each, std::ostream* out) { *out << each.output; }

class BadExecAnswer : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(BadExecAnswer, IsRefused) {
  const auto credential = ParseExecCredential(GetParam().output, "client.authentication.k8s.io/v1");
  ASSERT_FALSE(credential);
  EXPECT_THAT(credential.error().message, HasSubstr(GetParam().says));
}

std::vector<AnswerCase> BadAnswers() {
  return {
      {"", "not JSON"},
      {"[]", "not JSON"},
      {"{}", "not an ExecCredential"},
      {R"({"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential"})", "did not answer in"},
      {R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"})", "no status"},
      {R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}})", "neither token nor"},
      {R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":7}})",
       "neither token nor"},
      {R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientCertificateData":"x"}})",
       "certificate without key"},
      {R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"x"}})",
       "RFC 3339"},
  };
}

INSTANTIATE_TEST_SUITE_P(Table, BadExecAnswer, ::testing::ValuesIn(BadAnswers()));

TEST(ExecInfo, TellsTheClusterOnlyWhenAsked) {
  ClientConfig config;
  config.server = "https://s";
  config.ca_data = "CA";
  config.exec.emplace();
  config.exec->api_version = "client.authentication.k8s.io/v1";
  EXPECT_EQ(ExecInfo(config),
            R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}})");
  config.exec->provide_cluster_info = true;
  EXPECT_THAT(ExecInfo(config), HasSubstr(R"("cluster":{"certificate-authority-data":"Q0E=","server":"https://s"})"));
}

}  // namespace
}  // namespace spillway::kube
