#pragma once

#include <string>

#include "base/result.h"
#include "cmd/flags/flags.h"

// Certificates that somebody else looks after: --tls-cert-file, --tls-private-key-file.
namespace spillway::cmd {

inline constexpr FlagGroup kTlsFlags = {"Serving certificate", "cmd/flags/tls_flags.cc"};

// Both, or neither.
Status CheckTlsFiles(const std::string& cert_file, const std::string& key_file);
std::string TlsCertFile();
std::string TlsPrivateKeyFile();
// What the file of a flag holds; the error names both.
Result<std::string> ReadPemFile(const char* flag, const std::string& path);

}  // namespace spillway::cmd
