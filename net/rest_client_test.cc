#include "net/rest_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "base/testing/run_until.h"
#include "net/http_server.h"
#include "net/testing/raw_socket.h"
#include "net/testing/test_pki.h"

namespace spillway::net {
namespace {

using spillway::testing::Await;
using spillway::testing::RunUntil;
using ::testing::HasSubstr;
using testing::RawConnection;
using testing::RawListener;
using testing::TestPki;

class RestClients : public ::testing::Test {
 protected:
  static Task<ServerResponse> Echo(ServerRequest request) {
    ServerResponse response;
    response.body = fmt::format("{} {} {}", request.method, request.path, request.body);
    co_return response;
  }
  HttpClientOptions Serve(const CertificateAndKey& shown) {
    HttpServerOptions options;
    options.tls = pki_.ServerTls(shown, false);
    server_ = std::move(*NewHttpServer(runtime_, options, Echo));
    HttpClientOptions client;
    client.base_url = fmt::format("https://127.0.0.1:{}", server_->port());
    client.tls = pki_.ClientTls();
    return client;
  }
  HttpClientOptions Raw() const {
    HttpClientOptions client;
    client.base_url = fmt::format("http://127.0.0.1:{}", listener_.port());
    return client;
  }
  static std::string Text(const Result<HttpResponse>& result) {
    return result ? fmt::format("{} {}", result->status, result->body) : result.error().message;
  }
  std::string Ask(const HttpClientOptions& options, HttpRequest request = {}) {
    if (request.path.empty()) request.path = "/";
    auto client = NewRestClient(runtime_, options);
    if (!client) return client.error().message;
    const auto answer = Await(runtime_, (*client)->Send(std::move(request)));
    return answer ? Text(*answer) : "the test waited in vain";
  }
  static Task<void> Keep(HttpClient& client, HttpRequest request, std::optional<Result<HttpResponse>>& into) {
    into.emplace(co_await client.Send(std::move(request)));
  }
  // What comes of `request` when the server says `answer`, then hangs up.
  std::string AskRaw(HttpRequest request, std::string_view answer) {
    auto client = NewRestClient(runtime_, Raw());
    std::optional<Result<HttpResponse>> outcome;
    TaskScope scope(runtime_);
    scope.Spawn(Keep(**client, std::move(request), outcome));
    std::optional<RawConnection> peer;
    if (!RunUntil(runtime_, [&] { return (peer = listener_.Accept()).has_value(); })) return "no connection";
    if (!RunUntil(runtime_, [&] { return peer->Contains("\r\n\r\n"); })) return "no request";
    peer->Send(answer);
    peer->Close();
    if (!RunUntil(runtime_, [&] { return outcome.has_value(); })) return "no end";
    return Text(*outcome);
  }

  RealRuntime runtime_;
  TestPki pki_{runtime_};
  RawListener listener_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(RestClients, AskAndAreAnsweredOverTls) {
  HttpRequest request;
  request.method = "POST";
  request.path = "/v1/create";
  request.body = "{}";
  EXPECT_EQ(Ask(Serve(pki_.Server()), std::move(request)), "200 POST /v1/create {}");
}

TEST_F(RestClients, VerifyWhomTheyTalkTo) {
  const TestPki other(runtime_, "other-ca");
  EXPECT_THAT(Ask(Serve(other.Server())), HasSubstr("its certificate is not good for us"));
  EXPECT_THAT(Ask(Serve(pki_.Server({"elsewhere.test"}, {"127.0.0.2"}))), HasSubstr("is not good for us"));
  HttpClientOptions options = Serve(pki_.Server());
  options.tls = []() -> Result<TlsMaterial> { return Fail(Code::kUnauthenticated, "ca.crt: no such file"); };
  EXPECT_THAT(Ask(options), HasSubstr("ca.crt: no such file"));
  options.base_url = "http://cloud.test";
  EXPECT_THAT(Ask(options), HasSubstr("http:// is only for this machine"));
  options.base_url = "https://127.0.0.1:1";
  options.server_name = "elsewhere.test";
  EXPECT_THAT(Ask(options), HasSubstr("no other"));
}

TEST_F(RestClients, DoNotFollowRedirects) {
  EXPECT_THAT(AskRaw({}, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\n\r\n"),
              "302 ");
}

TEST_F(RestClients, ABodyThatEndsEarlyIsAnError) {
  EXPECT_THAT(AskRaw({}, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly ten b"), HasSubstr("in the middle"));
  EXPECT_THAT(AskRaw({}, "SSH-2.0-OpenSSH_9.2\r\n\r\n"), HasSubstr("does not speak HTTP"));
}

TEST_F(RestClients, AWriteWithoutAnswerIsNotSentAgain) {
  HttpRequest request;
  request.method = "POST";
  request.body = "{}";
  EXPECT_THAT(AskRaw(std::move(request), ""), HasSubstr("broke before its answer"));
  EXPECT_FALSE(listener_.Accept());
}

TEST_F(RestClients, HaveADeadline) {
  HttpRequest request;
  request.path = "/";
  request.timeout = 200ms;
  auto client = NewRestClient(runtime_, Raw());
  ASSERT_TRUE(client);
  std::optional<Result<HttpResponse>> outcome;
  TaskScope scope(runtime_);
  scope.Spawn(Keep(**client, std::move(request), outcome));
  ASSERT_TRUE(RunUntil(runtime_, [&] { return outcome.has_value(); }));
  EXPECT_EQ(Text(*outcome), fmt::format("no answer from {} within 200ms", Raw().base_url));
  std::optional<RawConnection> peer = listener_.Accept();
  ASSERT_TRUE(peer);
  peer->Close();  // so that the library has done with it before the process ends
}

TEST_F(RestClients, RefuseWhatTheyCannotSend) {
  HttpRequest streaming;
  streaming.on_data = [](std::string_view) {};
  EXPECT_EQ(Ask(Raw(), std::move(streaming)), "a REST client does not stream");
  HttpRequest injected;
  injected.headers.emplace_back("Authorization", "x\r\nX-Other: y");
  EXPECT_EQ(Ask(Raw(), std::move(injected)), "header authorization holds a line break");
}

}  // namespace
}  // namespace spillway::net
