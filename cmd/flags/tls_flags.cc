#include "cmd/flags/tls_flags.h"

#include <fmt/core.h>

#include "base/files.h"

DEFINE_string(
    tls_cert_file, "",
    "Serving certificate, PEM, read again when it is rotated. Empty: one of its own; an agent's is self-signed, which "
    "kube-apiserver takes unless it runs with --kubelet-certificate-authority, and a webhook's comes from a CA that "
    "kube-apiserver is told.");
DEFINE_string(tls_private_key_file, "", "Its private key, PEM.");

namespace spillway::cmd {

std::string TlsCertFile() { return FLAGS_tls_cert_file; }
std::string TlsPrivateKeyFile() { return FLAGS_tls_private_key_file; }

Status CheckTlsFiles(const std::string& cert_file, const std::string& key_file) {
  if (cert_file.empty() == key_file.empty()) return {};
  return Fail(Code::kInvalidArgument, "--tls-cert-file and --tls-private-key-file come together or not at all");
}

Result<std::string> ReadPemFile(const char* flag, const std::string& path) {
  auto text = base::ReadFile(path);
  if (!text) return Fail(Code::kInvalidArgument, fmt::format("--{}={}", flag, text.error().message));
  return text;
}

}  // namespace spillway::cmd
