#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Small files under a provider's state directory, which is nobody else's: 0700, symbolic links are not followed.
namespace spillway::cloud {

// Closes it.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int Release();

 private:
  int fd_ = -1;
};

// Makes the directory unless it is there; refuses one that others own or may enter.
Status MakePrivateDirectory(const std::string& path);
// nullopt when there is none or it cannot be read; at most `limit` bytes.
std::optional<std::string> ReadFile(const std::string& path, std::size_t limit = 64u << 20);
// As ReadFile, and follows symbolic links: for files that an operator names.
std::optional<std::string> ReadAnyFile(const std::string& path, std::size_t limit);
// Whole or not at all, 0600.
Status WriteFileAtomically(const std::string& path, std::string_view text);
std::vector<std::string> ListDirectory(const std::string& path);
void RemoveTree(const std::string& path);

// Opens (and makes) `path` and takes its lock. kConflict: another process holds it.
Result<UniqueFd> LockFile(const std::string& path);

}  // namespace spillway::cloud
