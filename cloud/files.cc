#include "cloud/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace spillway::cloud {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.Release();
  }
  return *this;
}
UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}
int UniqueFd::Release() { return std::exchange(fd_, -1); }

Status MakePrivateDirectory(const std::string& path) {
  const auto fail = [&](std::string why) {
    return Fail(Code::kInvalidArgument, fmt::format("directory {}: {}", path, why));
  };
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail(std::strerror(errno));
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return fail(std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return fail("is no directory");
  if (info.st_uid != ::geteuid()) return fail("belongs to another user");
  if ((info.st_mode & 0077) != 0) return fail("others may enter it; want mode 0700");
  return {};
}

namespace {
std::optional<std::string> ReadAll(const UniqueFd& fd, std::size_t limit) {
  if (!fd.is_open()) return std::nullopt;
  std::string text;
  char buffer[65536];
  while (text.size() < limit) {
    const ssize_t size = ::read(fd.get(), buffer, std::min(sizeof buffer, limit - text.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    if (size == 0) break;
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return text;
}
}  // namespace

std::optional<std::string> ReadPrivateFile(const std::string& path, std::size_t limit) {
  return ReadAll(OpenPrivateFile(path), limit);
}

UniqueFd OpenPrivateFile(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

std::string ReadAt(const UniqueFd& fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t more = ::pread(fd.get(), bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

Status WriteFileAtomically(const std::string& path, std::string_view text) {
  const std::string draft = path + ".new";
  const auto fail = [&] { return Fail(Code::kUnavailable, fmt::format("writing {}: {}", path, std::strerror(errno))); };
  const UniqueFd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open()) return fail();
  while (!text.empty()) {
    const ssize_t size = ::write(fd.get(), text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail();
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) return fail();
  return {};
}

std::vector<std::string> ListDirectory(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void RemoveTree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Result<UniqueFd> LockFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open()) return Fail(Code::kUnavailable, fmt::format("opening {}: {}", path, std::strerror(errno)));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return Fail(Code::kConflict, fmt::format("{} is locked", path));
  return fd;
}

}  // namespace spillway::cloud
