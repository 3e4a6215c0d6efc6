#pragma once

#include <cstdint>
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
std::optional<std::string> ReadPrivateFile(const std::string& path, std::size_t limit = 64u << 20);
// To read from bit by bit; not open when there is none.
UniqueFd OpenPrivateFile(const std::string& path);
// At most `size` bytes from `offset` on; fewer at the end of the file.
std::string ReadAt(const UniqueFd& fd, std::uint64_t offset, std::size_t size);
// Whole or not at all, 0600.
Status WriteFileAtomically(const std::string& path, std::string_view text);
std::vector<std::string> ListDirectory(const std::string& path);
void RemoveTree(const std::string& path);

// Opens (and makes) `path` and takes its lock. kConflict: another process holds it.
Result<UniqueFd> LockFile(const std::string& path);

}  // namespace spillway::cloud
