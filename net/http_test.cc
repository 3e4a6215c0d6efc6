#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/real_runtime.h"
#include "base/testing/run_until.h"
#include "net/certificates.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace spillway::net {
namespace {

using spillway::testing::Await;

Task<ServerResponse> Echo(ServerRequest request) {
  ServerResponse response;
  response.content_type = "text/plain";
  response.body =
      request.method + " " + request.path + " " + request.query + " " + request.client_common_name + " " + request.body;
  co_return response;
}

TEST(Smoke, RoundTrip) {
  RealRuntime runtime;
  auto ca = NewCertificateAuthority("ca", runtime.WallNow());
  ASSERT_TRUE(ca) << ca.error().message;
  CertificateRequest server_request{"server", {}, {"localhost"}, {"127.0.0.1"}, true, false, runtime.WallNow()};
  auto server_cert = IssueCertificate(*ca, server_request);
  ASSERT_TRUE(server_cert);
  CertificateRequest client_request{"alice", {"system:masters"}, {}, {}, false, true, runtime.WallNow()};
  auto client_cert = IssueCertificate(*ca, client_request);
  ASSERT_TRUE(client_cert);
  HttpServerOptions options;
  options.tls = [&]() -> Result<HttpServerOptions::Tls> {
    return HttpServerOptions::Tls{server_cert->cert_pem, server_cert->key_pem, ca->cert_pem, true};
  };
  auto server = NewHttpServer(runtime, options, Echo);
  ASSERT_TRUE(server) << server.error().message;
  HttpClientOptions co;
  co.base_url = "https://127.0.0.1:" + std::to_string((*server)->port());
  co.tls = [&]() -> Result<TlsMaterial> {
    return TlsMaterial{ca->cert_pem, client_cert->cert_pem, client_cert->key_pem};
  };
  auto client = NewHttpClient(runtime, co);
  ASSERT_TRUE(client);
  for (int i = 0; i < 3; ++i) {
    HttpRequest request;
    request.method = "POST";
    request.path = "/a%20b?x=1";
    request.body = "hello";
    auto response = Await(runtime, (*client)->Send(std::move(request)));
    ASSERT_TRUE(response);
    ASSERT_TRUE(*response) << (*response).error().message;
    EXPECT_EQ((*response)->body, "POST /a b x=1 alice hello");
  }
}

}  // namespace
}  // namespace spillway::net
