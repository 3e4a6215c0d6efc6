#include "sandbox/rest/https_endpoint.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/base64.h"
#include "net/http_server.h"
#include "sandbox/rest/api_core.h"
#include "sandbox/rest/kubelet_logs.h"
#include "sandbox/rest/service_proxy.h"

namespace spillway::sandbox {
namespace {

constexpr Duration kLifetime = std::chrono::hours(24 * 365);

// This wire cannot break off in the middle of an exchange; it says instead that the outcome is unknown.
net::ServerResponse Timeout() {
  return ErrorResponse(
      {504, "Timeout", "Timeout: request did not complete within the allotted timeout", Json::object()});
}

Task<net::ServerResponse> Serve(ApiServer& api, net::ServerRequest request) {
  net::ServerResponse response = co_await api.Handle(std::move(request));
  if (response.status == kBrokenConnection) co_return Timeout();
  co_return response;
}

}  // namespace

struct HttpsEndpoint::Impl {
  Runtime* runtime = nullptr;
  std::string address;
  net::CertificateAndKey authority;
  std::unique_ptr<net::HttpServer> server;

  Result<net::CertificateAndKey> Issue(net::CertificateRequest request) const {
    request.not_before = runtime->WallNow() - std::chrono::minutes(5);
    request.lifetime = kLifetime;
    return net::IssueCertificate(authority, request);
  }
};

HttpsEndpoint::HttpsEndpoint() : impl_(std::make_unique<Impl>()) {}
HttpsEndpoint::~HttpsEndpoint() = default;

Result<std::unique_ptr<HttpsEndpoint>> HttpsEndpoint::Start(Runtime& runtime, ApiServer& api,
                                                            HttpsEndpointOptions options) {
  std::unique_ptr<HttpsEndpoint> endpoint(new HttpsEndpoint());
  Impl& impl = *endpoint->impl_;
  impl.runtime = &runtime;
  impl.address = options.address;
  auto authority = net::NewCertificateAuthority("spillway-sandbox", runtime.WallNow());
  if (!authority)
    return Fail(std::move(authority.error()).Annotated("while making the sandbox's certificate authority"));
  impl.authority = std::move(*authority);
  auto serving = endpoint->IssueServer("kubernetes", {options.address, "127.0.0.1", "10.96.0.1"});
  if (!serving) return Fail(std::move(serving.error()));
  auto client = endpoint->IssueClient("kube-apiserver-kubelet-client", {"system:masters"});
  if (!client) return Fail(std::move(client.error()));
  api.SetLogSource(NewKubeletLogSource(runtime, impl.authority.cert_pem, std::move(*client)));
  api.SetServiceSource(NewHttpServiceSource(runtime));

  net::HttpServerOptions http;
  http.address = options.address;
  http.port = options.port;
  http.tls = [tls = net::HttpServerOptions::Tls{serving->cert_pem, serving->key_pem, impl.authority.cert_pem,
                                                true}]() -> Result<net::HttpServerOptions::Tls> { return tls; };
  auto server = net::NewHttpServer(runtime, std::move(http),
                                   [&api](net::ServerRequest request) { return Serve(api, std::move(request)); });
  if (!server) return Fail(std::move(server.error()).Annotated("while starting the sandbox's API server"));
  impl.server = std::move(*server);
  return endpoint;
}

std::uint16_t HttpsEndpoint::port() const { return impl_->server->port(); }
std::string HttpsEndpoint::url() const { return fmt::format("https://{}:{}", impl_->address, port()); }
const net::CertificateAndKey& HttpsEndpoint::authority() const { return impl_->authority; }

Result<net::CertificateAndKey> HttpsEndpoint::IssueClient(const std::string& user, std::vector<std::string> groups) {
  net::CertificateRequest request;
  request.common_name = user;
  request.organizations = std::move(groups);
  request.client = true;
  return impl_->Issue(std::move(request));
}

Result<net::CertificateAndKey> HttpsEndpoint::IssueServer(const std::string& name,
                                                          std::vector<std::string> ip_addresses) {
  net::CertificateRequest request;
  request.common_name = name;
  request.dns_names = {name, "localhost"};
  request.ip_addresses = std::move(ip_addresses);
  request.server = true;
  return impl_->Issue(std::move(request));
}

Result<std::string> HttpsEndpoint::Kubeconfig(const std::string& user, std::vector<std::string> groups) {
  auto client = IssueClient(user, std::move(groups));
  if (!client) return Fail(std::move(client.error()));
  return fmt::format(
      "apiVersion: v1\n"
      "kind: Config\n"
      "clusters:\n"
      "- name: spillway-sandbox\n"
      "  cluster:\n"
      "    server: {}\n"
      "    certificate-authority-data: {}\n"
      "users:\n"
      "- name: {}\n"
      "  user:\n"
      "    client-certificate-data: {}\n"
      "    client-key-data: {}\n"
      "contexts:\n"
      "- name: spillway-sandbox\n"
      "  context:\n"
      "    cluster: spillway-sandbox\n"
      "    user: {}\n"
      "    namespace: default\n"
      "current-context: spillway-sandbox\n",
      url(), EncodeBase64(impl_->authority.cert_pem), user, EncodeBase64(client->cert_pem),
      EncodeBase64(client->key_pem), user);
}

Status HttpsEndpoint::WriteAdminKubeconfig(const std::string& path) {
  auto text = Kubeconfig("spillway-sandbox-admin", {"system:masters"});
  if (!text) return Fail(std::move(text.error()));
  const auto failed = [&] {
    return Fail(Code::kUnavailable, fmt::format("cannot write the kubeconfig {}: {}", path, std::strerror(errno)));
  };
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed();
  const bool written =
      fchmod(file, 0600) == 0 && write(file, text->data(), text->size()) == static_cast<ssize_t>(text->size());
  const bool closed = close(file) == 0;
  if (!written || !closed) return failed();
  return {};
}

}  // namespace spillway::sandbox
