#include "cmd/agent/kubelet_server.h"

#include <fmt/core.h>

#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "cloud/json.h"
#include "cloud/kubelet_api/kubelet_api.h"
#include "cmd/flags/tls_flags.h"
#include "net/certificates.h"

DEFINE_int32(kubelet_port, 10250,
             "Port of the kubelet API, for kubectl logs, exec and top; 0 takes any free one. The environment's "
             "KUBELET_PORT counts "
             "when the flag is not given.");
DEFINE_string(kubelet_bind_address, "0.0.0.0", "Address of the kubelet API.");
DEFINE_string(client_ca_file, "",
              "CA of client certificates of the kubelet API, PEM. Empty: that of the cluster, from the ConfigMap "
              "kube-system/extension-apiserver-authentication; without either the kubelet API stays off.");
DEFINE_bool(anonymous_auth, false,
            "Let requests to the kubelet API without credentials through as system:anonymous of "
            "system:unauthenticated, to be authorized like all others.");

namespace spillway::cmd {
namespace {

constexpr std::size_t kMaxRequestBody = 4096;
constexpr double kCaQps = 1;
constexpr Duration kCaInterval = std::chrono::minutes(1);
constexpr Duration kPortInterval = std::chrono::seconds(5);  // at which a port that is taken is tried again
constexpr Duration kCertificateInterval = std::chrono::minutes(10);
constexpr Duration kTellAgain = std::chrono::hours(24);
constexpr char kClusterCaPath[] = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";

// The flag, or what virtual-kubelet's environment says.
std::string FileOf(const std::string& flag, const char* variable) {
  if (!flag.empty()) return flag;
  const char* value = std::getenv(variable);
  return value ? value : "";
}
std::string CertFile() { return FileOf(TlsCertFile(), "APISERVER_CERT_LOCATION"); }
std::string KeyFile() { return FileOf(TlsPrivateKeyFile(), "APISERVER_KEY_LOCATION"); }
std::string ClientCaFile() { return FileOf(FLAGS_client_ca_file, "APISERVER_CA_CERT_LOCATION"); }

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

cloud::KubeletAccessOptions AccessOptions(const cloud::Agent& agent) {
  cloud::KubeletAccessOptions options;
  options.node_name = agent.options().node_name;
  options.allows_anonymous = FLAGS_anonymous_auth;
  return options;
}

}  // namespace

Status CheckKubeletServerFlags() {
  if (FLAGS_kubelet_port < 0 || FLAGS_kubelet_port > 65535) {
    return Fail(Code::kInvalidArgument, fmt::format("--kubelet-port={}: want 0 to 65535", FLAGS_kubelet_port));
  }
  return CheckTlsFiles(CertFile(), KeyFile());
}

KubeletServer::KubeletServer(Runtime& runtime, kube::Transport& transport, cloud::Agent& agent,
                             kube::ClientObserver* observer)
    : runtime_(runtime),
      agent_(agent),
      limiter_(runtime, kCaQps, 1),
      client_(runtime, transport, limiter_, observer),
      access_(runtime, transport, AccessOptions(agent), observer),
      flows_(runtime) {}

Status KubeletServer::Start() {
  if (CertFile().empty()) {
    if (auto made = MakeOwn(); !made) return made;
  }
  flows_.Spawn(KeepCertificate());
  if (!ClientCaFile().empty()) return Serve();
  flows_.Spawn(KeepClusterCa());
  return {};
}

Status KubeletServer::MakeOwn() {
  auto made = SelfSigned(runtime_, agent_.options().node_name, agent_.options().internal_ip);
  if (!made) return Fail(std::move(made.error()));
  own_.store(std::make_shared<const net::CertificateAndKey>(*std::move(made)));
  return {};
}

Result<std::string> KubeletServer::ServingCertificate() const {
  if (const Own own = own_.load()) return own->cert_pem;
  return ReadPemFile("tls-cert-file", CertFile());
}

Task<void> KubeletServer::KeepCertificate() {
  for (;;) {
    const Status fine = CheckCertificate();
    const WallTime now = runtime_.WallNow();
    if (fine) {
      told_.clear();
    } else if (fine.error().reason != told_ || now >= told_at_ + kTellAgain) {
      told_ = fine.error().reason;
      told_at_ = now;
      log::Warning("trouble with the kubelet API's certificate", {{"why", fine.error().message}});
      agent_.TellTrouble(fine.error().reason, fine.error().message);
    }
    co_await runtime_.SleepFor(kCertificateInterval);
  }
}

// The error's reason is the event's.
Status KubeletServer::CheckCertificate() {
  const auto trouble = [](const char* reason, std::string message) {
    Error error{Code::kInvalidArgument, std::move(message)};
    error.reason = reason;
    return Fail(std::move(error));
  };
  expires_at_ = WallTime();
  const auto pem = ServingCertificate();
  const auto read = pem ? net::ReadValidity(*pem) : Result<net::Validity>(Fail(pem.error()));
  if (!read) return trouble("ServingCertificateUnreadable", read.error().message);
  expires_at_ = read->not_after;
  const Duration left = read->not_after - runtime_.WallNow();
  if (left > (read->not_after - read->not_before) / 10) return {};
  if (own_.load()) {
    if (auto made = MakeOwn(); !made) return trouble("ServingCertificateExpiring", made.error().message);
    return CheckCertificate();
  }
  const std::string when = base::FormatRfc3339(read->not_after);
  if (left > Duration(0)) {
    return trouble("ServingCertificateExpiring",
                   fmt::format("The certificate in --tls-cert-file={} expires at {}", CertFile(), when));
  }
  return trouble(
      "ServingCertificateExpired",
      fmt::format("The certificate in --tls-cert-file={} has expired at {}: where kube-apiserver verifies it, "
                  "there is no kubectl logs, exec or top",
                  CertFile(), when));
}

Task<Result<std::string>> KubeletServer::ClusterCa() {
  std::string path = kClusterCaPath;
  auto found = co_await client_.Get(std::move(path));
  if (!found) co_return Fail(std::move(found).error());
  std::string pem = cloud::TextAt(*found, "data", "client-ca-file");
  if (pem.empty()) co_return Fail(Code::kNotFound, "it has no client-ca-file");
  co_return pem;
}

Task<void> KubeletServer::KeepClusterCa() {
  bool has_told = false;
  for (;;) {
    auto pem = co_await ClusterCa();
    const bool is_known = pem.has_value();
    if (is_known) {
      cluster_ca_.store(std::make_shared<const std::string>(*std::move(pem)));
      const Status served = server_ ? Status() : Serve();
      if (!served) TellOff(served.error().message);
    } else if (!server_ && !std::exchange(has_told, true)) {
      log::Warning(
          "the kubelet API stays off: no kubectl logs, exec or top. Without --client-ca-file the CA of its clients is "
          "taken from the ConfigMap kube-system/extension-apiserver-authentication, which cannot be had",
          {{"why", pem.error().message}});
    }
    co_await runtime_.SleepFor(is_known && !server_ ? kPortInterval : kCaInterval);
  }
}

void KubeletServer::TellOff(const std::string& why) {
  if (std::exchange(off_why_, why) == why) return;
  log::Error("the kubelet API is off: no kubectl logs, exec or top", {{"why", why}});
  agent_.TellTrouble("KubeletApiOff", fmt::format("The kubelet API cannot be served: {}", why));
}

Result<net::HttpServerOptions::Tls> KubeletServer::Material() const {
  // A client without a certificate may have a token.
  net::HttpServerOptions::Tls tls;
  if (const CaPem from_cluster = cluster_ca_.load()) {
    tls.client_ca_pem = *from_cluster;
  } else {
    auto ca = ReadPemFile("client-ca-file", ClientCaFile());
    if (!ca) return Fail(std::move(ca.error()));
    tls.client_ca_pem = *std::move(ca);
  }
  if (const Own own = own_.load()) {
    tls.cert_pem = own->cert_pem;
    tls.key_pem = own->key_pem;
    return tls;
  }
  auto cert = ReadPemFile("tls-cert-file", CertFile());
  if (!cert) return Fail(std::move(cert.error()));
  auto key = ReadPemFile("tls-private-key-file", KeyFile());
  if (!key) return Fail(std::move(key.error()));
  tls.cert_pem = *std::move(cert);
  tls.key_pem = *std::move(key);
  return tls;
}

Status KubeletServer::Serve() {
  net::HttpServerOptions options;
  options.address = FLAGS_kubelet_bind_address;
  options.port = static_cast<std::uint16_t>(FLAGS_kubelet_port);
  options.max_body = kMaxRequestBody;
  options.tls = [this] { return Material(); };
  if (auto readable = options.tls(); !readable) return Fail(std::move(readable.error()));
  auto server = net::NewHttpServer(runtime_, std::move(options), cloud::KubeletApiHandler(runtime_, agent_, &access_));
  if (!server) return Fail(std::move(server.error()).Annotated("--kubelet-port"));
  server_ = std::move(*server);
  log::Info("serving the kubelet API", {{"port", server_->port()}});
  agent_.SetKubeletPort(server_->port());
  return {};
}

}  // namespace spillway::cmd
