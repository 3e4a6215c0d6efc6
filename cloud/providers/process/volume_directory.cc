#include "cloud/providers/process/volume_directory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#include "cloud/files.h"

namespace spillway::cloud {
namespace {

namespace fs = std::filesystem;

constexpr char kData[] = "/..data", kDataDraft[] = "/..data_tmp";

Status CannotWrite(const std::string& path) {
  return Fail(Code::kUnavailable, fmt::format("writing {}: {}", path, std::strerror(errno)));
}

std::string LinkTarget(const std::string& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

Status WriteVolumeFile(const std::string& path, const VolumeFile& file) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open()) return CannotWrite(path);
  std::string_view left = file.content;
  while (!left.empty()) {
    const ssize_t size = ::write(fd.get(), left.data(), left.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return CannotWrite(path);
    left.remove_prefix(static_cast<std::size_t>(size));
  }
  if (::fchmod(fd.get(), static_cast<mode_t>(file.mode)) != 0) return CannotWrite(path);
  return {};
}

bool Holds(const std::string& path, const VolumeFile& file) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (static_cast<int>(info.st_mode & 0777) != file.mode) return false;
  if (static_cast<std::size_t>(info.st_size) != file.content.size()) return false;
  return ReadPrivateFile(path, file.content.size() + 1) == file.content;
}

std::size_t CountFiles(const std::string& directory) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    if (!entry.is_directory(error)) ++count;
  }
  return count;
}

bool HoldsAll(const std::string& directory, const std::vector<VolumeFile>& files) {
  for (const VolumeFile& file : files) {
    if (!Holds(directory + "/" + file.path, file)) return false;
  }
  return CountFiles(directory) == files.size();
}

// What containers see: one link for each first part of a path.
Status LinkNames(const std::string& directory, const std::vector<VolumeFile>& files) {
  std::set<std::string> names;
  for (const VolumeFile& file : files) names.insert(file.path.substr(0, file.path.find('/')));
  for (const std::string& name : names) {
    const std::string link = directory + "/" + name;
    if (::symlink(("..data/" + name).c_str(), link.c_str()) != 0 && errno != EEXIST) return CannotWrite(link);
  }
  for (const std::string& name : ListDirectory(directory)) {
    if (!name.starts_with("..") && !names.contains(name) && !LinkTarget(directory + "/" + name).empty()) {
      ::unlink((directory + "/" + name).c_str());
    }
  }
  return {};
}

}  // namespace

Status WriteVolume(const std::string& directory, const std::vector<VolumeFile>& files) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return CannotWrite(directory);
  ::chmod(directory.c_str(), 0755);
  const std::string current = LinkTarget(directory + kData);
  if (!current.empty() && HoldsAll(directory + "/" + current, files)) return LinkNames(directory, files);

  const std::string next = fmt::format("..{}", current.size() > 2 ? std::atol(current.c_str() + 2) + 1 : 1);
  RemoveTree(directory + "/" + next);
  if (::mkdir((directory + "/" + next).c_str(), 0755) != 0) return CannotWrite(directory);
  for (const VolumeFile& file : files) {
    if (!IsSafePath(file.path)) return Fail(Code::kInvalidArgument, fmt::format("\"{}\" leads elsewhere", file.path));
    if (auto written = WriteVolumeFile(directory + "/" + next + "/" + file.path, file); !written) return written;
  }
  ::unlink((directory + kDataDraft).c_str());
  if (::symlink(next.c_str(), (directory + kDataDraft).c_str()) != 0 ||
      ::rename((directory + kDataDraft).c_str(), (directory + kData).c_str()) != 0) {
    return CannotWrite(directory);
  }
  if (auto linked = LinkNames(directory, files); !linked) return linked;
  if (!current.empty()) RemoveTree(directory + "/" + current);
  return {};
}

}  // namespace spillway::cloud
