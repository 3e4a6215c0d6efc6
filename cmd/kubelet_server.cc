#include "cmd/kubelet_server.h"

#include <fmt/core.h>

#include <cstdlib>

#include "base/log.h"
#include "cloud/agent/kubelet_api.h"
#include "cloud/files.h"
#include "net/certificates.h"

DEFINE_int32(kubelet_port, 10250,
             "Port of the kubelet API, for kubectl logs; 0 takes any free one. The environment's KUBELET_PORT counts "
             "when the flag is not given.");
DEFINE_string(kubelet_bind_address, "0.0.0.0", "Address of the kubelet API.");
DEFINE_string(
    tls_cert_file, "",
    "Serving certificate of the kubelet API, PEM. Empty: a self-signed one, which kube-apiserver takes unless "
    "it runs with --kubelet-certificate-authority.");
DEFINE_string(tls_private_key_file, "", "Its private key, PEM.");
DEFINE_string(
    client_ca_file, "",
    "CA of the clients of the kubelet API, PEM: that of kube-apiserver's --kubelet-client-certificate. Empty: "
    "the kubelet API stays off.");

namespace spillway::cmd {
namespace {

constexpr std::size_t kMaxPem = 1u << 20;
constexpr std::size_t kMaxRequestBody = 4096;

// The flag, or what virtual-kubelet's environment says.
std::string FileOf(const std::string& flag, const char* variable) {
  if (!flag.empty()) return flag;
  const char* value = std::getenv(variable);
  return value ? value : "";
}
std::string CertFile() { return FileOf(FLAGS_tls_cert_file, "APISERVER_CERT_LOCATION"); }
std::string KeyFile() { return FileOf(FLAGS_tls_private_key_file, "APISERVER_KEY_LOCATION"); }
std::string ClientCaFile() { return FileOf(FLAGS_client_ca_file, "APISERVER_CA_CERT_LOCATION"); }

Result<std::string> Pem(const char* flag, const std::string& path) {
  // Mounted Secrets are links: followed here, unlike in a provider's own directory.
  auto text = cloud::ReadAnyFile(path, kMaxPem);
  if (!text) return Fail(Code::kInvalidArgument, fmt::format("--{}={}: cannot be read", flag, path));
  return *std::move(text);
}

Result<net::CertificateAndKey> SelfSigned(Runtime& runtime, const std::string& node_name, const std::string& address) {
  auto authority = net::NewCertificateAuthority("spillway-agent", runtime.WallNow());
  if (!authority) return Fail(std::move(authority.error()));
  net::CertificateRequest request;
  request.common_name = node_name;
  request.dns_names = {node_name};
  if (!address.empty()) request.ip_addresses = {address};
  request.server = true;
  request.not_before = runtime.WallNow() - std::chrono::minutes(5);
  return net::IssueCertificate(*authority, request);
}

}  // namespace

Status CheckKubeletServerFlags() {
  if (FLAGS_kubelet_port < 0 || FLAGS_kubelet_port > 65535) {
    return Fail(Code::kInvalidArgument, fmt::format("--kubelet-port={}: want 0 to 65535", FLAGS_kubelet_port));
  }
  if (CertFile().empty() != KeyFile().empty()) {
    return Fail(Code::kInvalidArgument, "--tls-cert-file and --tls-private-key-file come together or not at all");
  }
  return {};
}

Result<std::unique_ptr<net::HttpServer>> ServeKubeletApi(Runtime& runtime, cloud::Agent& agent,
                                                         const std::string& node_name, const std::string& address) {
  if (ClientCaFile().empty()) {
    log::Warning("kubectl logs will not work: without --client-ca-file the kubelet API stays off");
    return nullptr;
  }
  net::HttpServerOptions options;
  options.address = FLAGS_kubelet_bind_address;
  options.port = static_cast<std::uint16_t>(FLAGS_kubelet_port);
  options.max_body = kMaxRequestBody;
  net::CertificateAndKey own;
  if (CertFile().empty()) {
    auto made = SelfSigned(runtime, node_name, address);
    if (!made) return Fail(std::move(made.error()));
    own = *std::move(made);
  }
  options.tls = [own = std::move(own)]() -> Result<net::HttpServerOptions::Tls> {
    net::HttpServerOptions::Tls tls{own.cert_pem, own.key_pem, "", /*require_client_cert=*/true};
    auto ca = Pem("client-ca-file", ClientCaFile());
    if (!ca) return Fail(std::move(ca.error()));
    tls.client_ca_pem = *std::move(ca);
    if (!tls.cert_pem.empty()) return tls;
    auto cert = Pem("tls-cert-file", CertFile());
    if (!cert) return Fail(std::move(cert.error()));
    auto key = Pem("tls-private-key-file", KeyFile());
    if (!key) return Fail(std::move(key.error()));
    tls.cert_pem = *std::move(cert);
    tls.key_pem = *std::move(key);
    return tls;
  };
  if (auto readable = options.tls(); !readable) return Fail(std::move(readable.error()));
  auto server = net::NewHttpServer(runtime, std::move(options), cloud::KubeletApiHandler(runtime, agent));
  if (!server) return Fail(std::move(server.error()).Annotated("--kubelet-port"));
  log::Info("serving the kubelet API", {{"port", (*server)->port()}});
  return server;
}

}  // namespace spillway::cmd
