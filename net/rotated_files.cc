#include "net/rotated_files.h"

#include <fmt/core.h>

#include <fstream>
#include <sstream>
#include <utility>

namespace spillway::net {
namespace {

bool AreSame(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// Puts the text of `file` where no text is yet.
Status Fill(std::string& text, RotatedFile& file) {
  if (!text.empty() || file.path().empty()) return {};
  Result<std::string> read = file.Get();
  if (!read) return Fail(std::move(read.error()));
  text = std::move(*read);
  return {};
}

}  // namespace

Result<std::string> RotatedFile::Get() {
  struct stat now{};  // before reading: a change after it is seen next time
  const bool is_there = stat(path_.c_str(), &now) == 0;
  if (is_there && is_read_ && AreSame(now, seen_)) return text_;
  std::ifstream file(path_, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return Fail(Code::kUnauthenticated, fmt::format("{} {} cannot be read", what_, path_));
  text_ = text.str();
  seen_ = now;
  is_read_ = is_there;
  return text_;
}

TlsFiles::TlsFiles(Text ca, Text client_cert, Text client_key)
    : texts_{std::move(ca.data), std::move(client_cert.data), std::move(client_key.data)},
      ca_(std::move(ca.file), "certificate authority"),
      client_cert_(std::move(client_cert.file), "client certificate"),
      client_key_(std::move(client_key.file), "client key") {}

Result<TlsMaterial> TlsFiles::Get() {
  const std::lock_guard lock(mutex_);
  TlsMaterial material = texts_;
  Status filled = Fill(material.ca_pem, ca_);
  if (filled) filled = Fill(material.client_cert_pem, client_cert_);
  if (filled) filled = Fill(material.client_key_pem, client_key_);
  if (!filled) return Fail(std::move(filled.error()));
  return material;
}

void TlsFiles::ReplaceClientCertificate(std::string cert_pem, std::string key_pem) {
  const std::lock_guard lock(mutex_);
  texts_.client_cert_pem = std::move(cert_pem);
  texts_.client_key_pem = std::move(key_pem);
}

void TlsFiles::Distrust() {
  const std::lock_guard lock(mutex_);
  for (RotatedFile* each : {&ca_, &client_cert_, &client_key_}) each->Distrust();
}

}  // namespace spillway::net
