#pragma once

#include <sys/stat.h>

#include <mutex>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/http_client.h"

namespace spillway::net {

// A file that somebody else rotates: read when it has changed.
class RotatedFile {
 public:
  // `what` names it in errors: "token file".
  RotatedFile(std::string path, std::string what) : path_(std::move(path)), what_(std::move(what)) {}

  // kUnauthenticated when it cannot be read: what these files hold are credentials.
  Result<std::string> Get();
  // The next Get() reads: two changes within a tick of the file system's clock look like one.
  void Distrust() { is_read_ = false; }
  const std::string& path() const { return path_; }

 private:
  std::string path_, what_;
  std::string text_;
  struct stat seen_{};
  bool is_read_ = false;
};

// A client's TLS material, from texts and rotated files. Thread-safe.
class TlsFiles {
 public:
  struct Text {
    std::string data, file;  // data wins, as in client-go; both may be empty
  };
  TlsFiles(Text ca, Text client_cert, Text client_key);

  Result<TlsMaterial> Get();
  // From now on instead of what was given.
  void ReplaceClientCertificate(std::string cert_pem, std::string key_pem);
  // All files are read again.
  void Distrust();

 private:
  std::mutex mutex_;
  TlsMaterial texts_;
  RotatedFile ca_, client_cert_, client_key_;
};

}  // namespace spillway::net
