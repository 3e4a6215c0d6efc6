#include "net/http_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "base/testing/run_until.h"
#include "net/http_server.h"
#include "net/testing/test_pki.h"

namespace spillway::net {
namespace {

using spillway::testing::Await;
using spillway::testing::RunUntil;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestPki;

Task<ServerResponse> WhoAmI(ServerRequest request) {
  ServerResponse response;
  response.content_type = "text/plain";
  response.headers.emplace_back("X-Query", request.query);
  response.body = fmt::format("{} {} from {}/{} says {}", request.method, request.path, request.client_common_name,
                              fmt::join(request.client_organizations, "+"), request.body);
  co_return response;
}

class Tls : public ::testing::Test {
 protected:
  std::uint16_t Listen(HttpServerOptions options, Handler handler = WhoAmI) {
    auto server = NewHttpServer(runtime_, std::move(options), std::move(handler));
    EXPECT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    return server_->port();
  }
  std::uint16_t ListenWith(const CertificateAndKey& shown, bool require_client_cert) {
    HttpServerOptions options;
    options.tls = pki_.ServerTls(shown, require_client_cert);
    return Listen(options);
  }
  HttpClientOptions To(std::uint16_t port) const {
    HttpClientOptions options;
    options.base_url = fmt::format("https://127.0.0.1:{}", port);
    options.tls = pki_.ClientTls();
    return options;
  }
  Result<HttpResponse> Get(HttpClientOptions options, HttpRequest request = {}) {
    if (request.path.empty()) request.path = "/";
    auto client = NewHttpClient(runtime_, std::move(options));
    if (!client) return Fail(client.error());
    auto response = Await(runtime_, (*client)->Send(std::move(request)));
    if (!response) return Fail(Code::kInternal, "the test waited in vain");
    return std::move(*response);
  }
  static std::string Failure(const Result<HttpResponse>& result) {
    return result ? "status " + std::to_string(result->status) : result.error().message;
  }

  RealRuntime runtime_;
  TestPki pki_{runtime_};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(Tls, BothSidesKnowEachOther) {
  HttpClientOptions options = To(ListenWith(pki_.Server(), true));
  options.tls = pki_.ClientTls(pki_.Client("alice", {"ops", "system:masters"}));
  HttpRequest request;
  request.method = "POST";
  request.path = "/api/v1/a%20b?watch=1&name=x%3Dy";
  request.body = "hello";
  const auto response = Get(options, std::move(request));
  ASSERT_TRUE(response) << Failure(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "POST /api/v1/a b from alice/ops+system:masters says hello");
  EXPECT_THAT(response->headers, ::testing::Contains(::testing::Pair("x-query", "watch=1&name=x%3Dy")));
}

TEST_F(Tls, AClientWithoutCertificateIsAnonymousWhereNoneIsRequired) {
  const auto response = Get(To(ListenWith(pki_.Server(), false)));
  ASSERT_TRUE(response) << Failure(response);
  EXPECT_EQ(response->body, "GET / from / says ");
}

TEST_F(Tls, AServerFromAnotherCaIsRefused) {
  const TestPki other(runtime_, "other-ca");
  const std::uint16_t port = ListenWith(other.Server(), false);
  const auto response = Get(To(port));
  EXPECT_EQ(Failure(response),
            fmt::format("no TLS connection to https://127.0.0.1:{}: its certificate is not signed by "
                        "the given CA",
                        port));
  EXPECT_EQ(response.error().code, Code::kUnauthenticated);
}

TEST_F(Tls, AServerOfAnotherNameIsRefused) {
  const auto response = Get(To(ListenWith(pki_.Server({"elsewhere.test"}, {"127.0.0.2"}), false)));
  EXPECT_THAT(Failure(response), HasSubstr("its certificate is not for \"127.0.0.1\""));
}

TEST_F(Tls, AnotherNameThanTheHostCanBeVerified) {
  const std::uint16_t port = ListenWith(pki_.Server({"kubernetes.default.svc"}, {}), false);
  HttpClientOptions options = To(port);
  options.server_name = "kubernetes.default.svc";
  EXPECT_TRUE(Get(options)) << Failure(Get(options));
  options.server_name = "kubernetes.other.svc";
  EXPECT_THAT(Failure(Get(options)), HasSubstr("its certificate is not for \"kubernetes.other.svc\""));
  // A request cannot choose which name is verified.
  options.server_name = "";
  HttpRequest request;
  request.headers.emplace_back("Host", "kubernetes.default.svc");
  EXPECT_THAT(Failure(Get(options, std::move(request))), HasSubstr("is not for \"127.0.0.1\""));
}

TEST_F(Tls, WithoutACaTheSystemsTrustStoreDecides) {
  HttpClientOptions options = To(ListenWith(pki_.Server(), false));
  options.tls = nullptr;
  EXPECT_THAT(Failure(Get(options)), HasSubstr("not signed by a CA of this machine's trust store"));
}

TEST_F(Tls, AnExpiredServerCertificateIsRefused) {
  CertificateRequest request;
  request.common_name = "server";
  request.ip_addresses = {"127.0.0.1"};
  request.server = true;
  request.not_before = runtime_.WallNow() - 2h;
  request.lifetime = 1h;
  auto expired = IssueCertificate(pki_.authority(), request);
  ASSERT_TRUE(expired);
  EXPECT_THAT(Failure(Get(To(ListenWith(*expired, false)))), HasSubstr("has expired"));
}

TEST_F(Tls, ARequiredClientCertificateMustBeThereAndFromTheRightCa) {
  HttpClientOptions options = To(ListenWith(pki_.Server(), true));
  EXPECT_THAT(Failure(Get(options)), HasSubstr("it requires a client certificate and was shown none"));

  const TestPki other(runtime_, "other-ca");
  const CertificateAndKey foreign = other.Client("mallory");
  options.tls = [&]() -> Result<TlsMaterial> { return TlsMaterial{pki_.ca_pem(), foreign.cert_pem, foreign.key_pem}; };
  const auto response = Get(options);
  EXPECT_THAT(Failure(response), HasSubstr("it does not know the CA of our client certificate"));
  EXPECT_EQ(response.error().code, Code::kUnauthenticated);
}

TEST_F(Tls, AServerCertificateDoesNotPassAsAClients) {
  HttpClientOptions options = To(ListenWith(pki_.Server(), true));
  options.tls = pki_.ClientTls(pki_.Server());
  EXPECT_FALSE(Get(options));
}

TEST_F(Tls, BrokenMaterialIsNamed) {
  const std::uint16_t port = ListenWith(pki_.Server(), false);
  HttpClientOptions options = To(port);
  options.tls = []() -> Result<TlsMaterial> { return TlsMaterial{"rubbish", "", ""}; };
  EXPECT_EQ(Failure(Get(options)),
            fmt::format("cannot connect to https://127.0.0.1:{}: the CA of the server holds no PEM certificate", port));
  options.tls = []() -> Result<TlsMaterial> { return Fail(Code::kUnauthenticated, "ca.crt: no such file"); };
  EXPECT_THAT(Failure(Get(options)), HasSubstr("ca.crt: no such file"));
  const CertificateAndKey a = pki_.Client("a");
  const CertificateAndKey b = pki_.Client("b");
  options.tls = [&]() -> Result<TlsMaterial> { return TlsMaterial{pki_.ca_pem(), a.cert_pem, b.key_pem}; };
  EXPECT_THAT(Failure(Get(options)), HasSubstr("the client certificate and its key do not belong together"));
}

TEST_F(Tls, AServerWithoutUsableCertificateDoesNotStart) {
  HttpServerOptions options;
  options.tls = []() -> Result<HttpServerOptions::Tls> {
    return HttpServerOptions::Tls{"rubbish", "rubbish", "", false};
  };
  const auto server = NewHttpServer(runtime_, options, WhoAmI);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("the serving certificate holds no PEM certificate"));
}

TEST_F(Tls, CertificatesRotateWithoutARestart) {
  const TestPki next(runtime_, "next-ca");
  HttpServerOptions::Tls serving{pki_.Server().cert_pem, "", pki_.ca_pem(), true};
  const CertificateAndKey old_server = pki_.Server();
  const CertificateAndKey new_server = next.Server();
  const CertificateAndKey old_client = pki_.Client("old");
  const CertificateAndKey new_client = next.Client("new");
  std::atomic<bool> server_rotated = false;
  std::atomic<bool> client_rotated = false;
  HttpServerOptions options;
  options.tls = [&]() -> Result<HttpServerOptions::Tls> {
    if (server_rotated) return HttpServerOptions::Tls{new_server.cert_pem, new_server.key_pem, next.ca_pem(), true};
    return HttpServerOptions::Tls{old_server.cert_pem, old_server.key_pem, pki_.ca_pem(), true};
  };
  HttpClientOptions client_options = To(Listen(options));
  client_options.tls = [&]() -> Result<TlsMaterial> {
    if (client_rotated) return TlsMaterial{next.ca_pem(), new_client.cert_pem, new_client.key_pem};
    return TlsMaterial{pki_.ca_pem(), old_client.cert_pem, old_client.key_pem};
  };
  EXPECT_THAT(Get(client_options)->body, HasSubstr("from old/"));
  server_rotated = true;
  auto client = NewHttpClient(runtime_, client_options);
  ASSERT_TRUE(client);
  EXPECT_FALSE(*Await(runtime_, (*client)->Send(HttpRequest{"GET", "/"})));
  client_rotated = true;  // the very same client
  const auto response = *Await(runtime_, (*client)->Send(HttpRequest{"GET", "/"}));
  ASSERT_TRUE(response) << Failure(response);
  EXPECT_THAT(response->body, HasSubstr("from new/"));
}

// As while somebody rotates it, who writes key and certificate one after the other.
TEST_F(Tls, AServingCertificateThatCannotBeUsedLeavesTheOneBeforeInUse) {
  const CertificateAndKey server = pki_.Server(), other = pki_.Server();
  std::atomic<int> step = 0;
  HttpServerOptions options;
  options.tls = [&]() -> Result<HttpServerOptions::Tls> {
    if (step == 1) return HttpServerOptions::Tls{server.cert_pem, other.key_pem, "", false};
    if (step == 2) return HttpServerOptions::Tls{"rubbish", server.key_pem, "", false};
    if (step == 3) return Fail(Code::kInvalidArgument, "there is no such file");
    return HttpServerOptions::Tls{server.cert_pem, server.key_pem, "", false};
  };
  HttpClientOptions client_options = To(Listen(options));
  client_options.tls = [&]() -> Result<TlsMaterial> { return TlsMaterial{pki_.ca_pem(), "", ""}; };
  for (step = 0; step < 4; ++step) EXPECT_TRUE(Get(client_options)) << step;
}

TEST_F(Tls, Ipv6AddressesAreVerifiedToo) {
  HttpServerOptions options;
  options.address = "::1";
  options.tls = pki_.ServerTls(pki_.Server(), false);
  HttpClientOptions client_options = To(Listen(options));
  client_options.base_url = fmt::format("https://[::1]:{}", server_->port());
  const auto response = Get(client_options);
  EXPECT_TRUE(response) << Failure(response);

  options.tls = pki_.ServerTls(pki_.Server({"localhost"}, {"::2"}), false);
  client_options.base_url = fmt::format("https://[::1]:{}", Listen(options));
  EXPECT_THAT(Failure(Get(client_options)), HasSubstr("its certificate is not for \"::1\""));
}

TEST_F(Tls, NobodyListens) {
  const std::uint16_t port = ListenWith(pki_.Server(), false);
  server_.reset();
  const auto response = Get(To(port));
  EXPECT_THAT(Failure(response), AllOf(HasSubstr(fmt::format("connection to https://127.0.0.1:{} refused", port))));
  EXPECT_EQ(response.error().code, Code::kUnavailable);
}

TEST_F(Tls, AHostNameThatDoesNotExist) {
  HttpClientOptions options = To(1);
  options.base_url = "https://no-such-host.invalid:6443";
  EXPECT_THAT(Failure(Get(options)), HasSubstr("cannot find the address of https://no-such-host.invalid:6443"));
}

TEST_F(Tls, TenThousandRequestsOnKeptConnections) {
  auto client = NewHttpClient(runtime_, To(ListenWith(pki_.Server(), false)));
  ASSERT_TRUE(client);
  constexpr int kInFlight = 32;
  int left = 10'000;
  int good = 0;
  struct Worker {
    static Task<void> Run(HttpClient& client, int& left, int& good) {
      while (left > 0) {
        --left;
        HttpRequest request;
        request.path = "/version";
        const auto response = co_await client.Send(std::move(request));
        good += response && response->status == 200 ? 1 : 0;
      }
    }
  };
  TaskScope scope(runtime_);
  const Instant start = runtime_.Now();
  for (int i = 0; i < kInFlight; ++i) scope.Spawn(Worker::Run(**client, left, good));
  ASSERT_TRUE(RunUntil(runtime_, [&] { return scope.size() == 0; }, 120s));
  EXPECT_EQ(good, 10'000);
  const double seconds = std::chrono::duration<double>(runtime_.Now() - start).count();
  RecordProperty("requests_per_second", static_cast<int>(10'000 / seconds));
}

TEST_F(Tls, BigBodiesBothWays) {
  std::string big(24u << 20, 'x');
  for (std::size_t i = 0; i < big.size(); i += 4096) big[i] = static_cast<char>('a' + i / 4096 % 26);
  HttpServerOptions options;
  options.tls = pki_.ServerTls(pki_.Server(), false);
  options.max_body = 32u << 20;
  struct Mirror {
    static Task<ServerResponse> Run(ServerRequest request) {
      ServerResponse response;
      response.body = std::move(request.body);
      co_return response;
    }
  };
  HttpRequest request;
  request.method = "PUT";
  request.body = big;
  const auto response = Get(To(Listen(options, Mirror::Run)), std::move(request));
  ASSERT_TRUE(response) << Failure(response);
  EXPECT_TRUE(response->body == big) << response->body.size();
}

TEST_F(Tls, ManyRequestsAtOnce) {
  constexpr int kAtOnce = 200;
  int arrived = 0;
  std::vector<OneShot<bool>> waiting;
  struct Gate {
    static Task<ServerResponse> Run(int& arrived, std::vector<OneShot<bool>>& waiting, Runtime& runtime) {
      OneShot<bool> open(runtime);
      waiting.push_back(open);
      if (++arrived == kAtOnce) {
        for (const auto& each : waiting) each.Set(true);
      }
      co_await open.Wait();
      co_return ServerResponse{};
    }
  };
  HttpServerOptions options;
  options.tls = pki_.ServerTls(pki_.Server(), false);
  options.threads = 2;
  auto client = NewHttpClient(
      runtime_, To(Listen(options, [&](ServerRequest) { return Gate::Run(arrived, waiting, runtime_); })));
  int good = 0;
  struct Worker {
    static Task<void> Run(HttpClient& client, int& good) {
      const auto response = co_await client.Send(HttpRequest());
      good += response && response->status == 200 ? 1 : 0;
    }
  };
  TaskScope scope(runtime_);
  for (int i = 0; i < kAtOnce; ++i) scope.Spawn(Worker::Run(**client, good));
  ASSERT_TRUE(RunUntil(runtime_, [&] { return scope.size() == 0; }, 60s));
  EXPECT_EQ(good, kAtOnce);
}

TEST_F(Tls, RequestsThatCannotBeSentAreRefusedBeforeAnythingIs) {
  HttpClientOptions options = To(ListenWith(pki_.Server(), false));
  HttpRequest injected;
  injected.headers.emplace_back("Authorization", "Bearer x\r\nX-Other: y");
  const auto response = Get(options, std::move(injected));
  EXPECT_EQ(Failure(response), "header authorization holds a line break");
  EXPECT_EQ(response.error().code, Code::kInvalidArgument);
  HttpRequest bad_path;
  bad_path.path = "/a b";
  EXPECT_EQ(Get(options, std::move(bad_path)).error().code, Code::kInvalidArgument);
  options.headers = []() -> Result<std::vector<std::pair<std::string, std::string>>> {
    return Fail(Code::kUnauthenticated, "token expired");
  };
  EXPECT_EQ(Failure(Get(options)), "token expired");
  options.base_url = "http://kubernetes.default:80";
  EXPECT_THAT(Failure(Get(options)), HasSubstr("http:// is only for this machine"));
}

}  // namespace
}  // namespace spillway::net
