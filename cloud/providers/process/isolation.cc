#include "cloud/providers/process/isolation.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>

namespace spillway::cloud {
namespace {

namespace fs = std::filesystem;
using Kind = MountStep::Kind;

// More than that in one directory is not mounted again one by one.
constexpr std::size_t kMostEntries = 4096;
// What a container has of /dev, as with other runtimes.
constexpr std::array<std::string_view, 15> kDevices = {"null",  "zero",   "full",   "random", "urandom",
                                                       "tty",   "pts",    "shm",    "ptmx",   "fd",
                                                       "stdin", "stdout", "stderr", "mqueue", "core"};

enum class FileKind : std::uint8_t { kNone, kDirectory, kFile, kLink };
FileKind KindOf(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return FileKind::kNone;
  return S_ISDIR(info.st_mode) ? FileKind::kDirectory : S_ISLNK(info.st_mode) ? FileKind::kLink : FileKind::kFile;
}

bool IsBelow(const std::string& path, const std::string& above) {
  return path.size() > above.size() && path.starts_with(above) && (above == "/" || path[above.size()] == '/');
}

std::string Parent(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

class Planner {
 public:
  Planner(const std::string& root, std::vector<MountStep>& steps) : root_(root), steps_(steps) {}

  Status Plan(const std::vector<Mount>& mounts) {
    Add(Kind::kTmpfs, "", root_);
    if (auto mirrored = MirrorEntries("/"); !mirrored) return mirrored;
    std::vector<const Mount*> to_make;
    for (const Mount& mount : mounts) {
      if (const Mount* outer = OuterOf(mount, mounts)) {
        if (auto made = MakeInside(*outer, mount); !made) return made;
      } else if (KindOf(mount.path) == FileKind::kNone) {
        std::string there = Parent(mount.path);
        while (KindOf(there) == FileKind::kNone) there = Parent(there);
        if (KindOf(there) != FileKind::kDirectory) return CannotBe(mount, there + " is no directory");
        mirrors_.insert(there);
        to_make.push_back(&mount);
      } else if ((KindOf(mount.path) == FileKind::kDirectory) != (KindOf(mount.source) == FileKind::kDirectory)) {
        return CannotBe(mount, "a file and a directory cannot be mounted over each other");
      }
    }
    for (const std::string& directory : mirrors_) {
      if (directory == "/") continue;
      Add(Kind::kTmpfs, "", root_ + directory);
      if (auto mirrored = MirrorEntries(directory); !mirrored) return mirrored;
    }
    for (const Mount* mount : to_make) MakePoint(*mount);
    for (const Mount& mount : mounts) {
      Add(Kind::kBind, mount.source, root_ + mount.path);
      if (mount.is_read_only) Add(Kind::kReadOnly, "", root_ + mount.path);
    }
    return {};
  }

 private:
  static Status CannotBe(const Mount& mount, const std::string& why) {
    return Fail(Code::kInvalidArgument, fmt::format("cannot mount at {}: {}", mount.path, why));
  }
  void Add(Kind kind, std::string source, std::string target) {
    steps_.push_back({kind, std::move(source), std::move(target)});
  }

  // The innermost of `mounts` within which `mount` is.
  static const Mount* OuterOf(const Mount& mount, const std::vector<Mount>& mounts) {
    const Mount* outer = nullptr;
    for (const Mount& other : mounts) {
      if (IsBelow(mount.path, other.path) && (!outer || IsBelow(other.path, outer->path))) outer = &other;
    }
    return outer;
  }

  // Its place in the other's directory, which is made there, as container runtimes do.
  static Status MakeInside(const Mount& outer, const Mount& mount) {
    std::string at = outer.source;
    const bool is_directory = KindOf(mount.source) == FileKind::kDirectory;
    std::string rest = mount.path.substr(outer.path.size() + (outer.path == "/" ? 0 : 1));
    while (!rest.empty()) {
      const auto slash = std::min(rest.find('/'), rest.size());
      at += "/" + rest.substr(0, slash);
      rest.erase(0, slash + 1);
      const bool is_last = rest.empty();
      if (KindOf(at) == FileKind::kLink) return CannotBe(mount, "a symbolic link is in its way");
      if (KindOf(at) != FileKind::kNone) continue;
      if (!is_last || is_directory) {
        if (::mkdir(at.c_str(), 0755) != 0) return CannotBe(mount, std::strerror(errno));
      } else if (!UniqueFd(::open(at.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)).is_open()) {
        return CannotBe(mount, std::strerror(errno));
      }
    }
    return {};
  }

  // Everything in the machine's `directory`, mounted in ours.
  Status MirrorEntries(const std::string& directory) {
    const std::string front = directory == "/" ? directory : directory + "/";
    std::vector<std::string> names = ListDirectory(directory);
    if (names.size() > kMostEntries) {
      return Fail(Code::kInvalidArgument, fmt::format("nothing can be mounted in {}: it is too large", directory));
    }
    for (const std::string& name : names) {
      const std::string path = front + name;
      if (directory == "/dev" && std::find(kDevices.begin(), kDevices.end(), name) == kDevices.end()) continue;
      const FileKind kind = KindOf(path);
      if (kind == FileKind::kLink) {
        std::error_code error;
        Add(Kind::kLink, fs::read_symlink(path, error).string(), root_ + path);
      } else if (kind != FileKind::kNone) {
        Add(kind == FileKind::kDirectory ? Kind::kDirectory : Kind::kFile, "", root_ + path);
        Add(Kind::kMirror, path, root_ + path);
      }
    }
    return {};
  }

  void MakePoint(const Mount& mount) {
    std::vector<std::string> missing;
    for (std::string at = Parent(mount.path); KindOf(at) == FileKind::kNone && made_.insert(at).second;
         at = Parent(at)) {
      missing.push_back(at);
    }
    for (auto at = missing.rbegin(); at != missing.rend(); ++at) Add(Kind::kDirectory, "", root_ + *at);
    const bool is_directory = KindOf(mount.source) == FileKind::kDirectory;
    if (made_.insert(mount.path).second) Add(is_directory ? Kind::kDirectory : Kind::kFile, "", root_ + mount.path);
  }

  const std::string& root_;
  std::vector<MountStep>& steps_;
  std::set<std::string> mirrors_, made_;  // parents before what is in them
};

}  // namespace

bool Isolation::Hides(const std::string& path) const {
  return std::any_of(mounted.begin(), mounted.end(),
                     [&](const std::string& over) { return path == over || IsBelow(path, over); });
}

Result<Isolation> PlanIsolation(std::string root, std::string hostname, std::vector<Mount> mounts) {
  Isolation isolation{std::move(root), std::move(hostname), {}, {}};
  for (Mount& mount : mounts) {
    std::error_code error;
    // Links of the machine are followed as far as it has the path.
    const std::string path = fs::weakly_canonical(mount.path, error).string();
    if (error || path.empty() || path.front() != '/' || path == "/") {
      return Fail(Code::kInvalidArgument, fmt::format("cannot mount at \"{}\"", mount.path));
    }
    mount.path = path.back() == '/' ? path.substr(0, path.size() - 1) : path;
    isolation.mounted.push_back(mount.path);
  }
  std::stable_sort(mounts.begin(), mounts.end(), [](const Mount& a, const Mount& b) { return a.path < b.path; });
  if (auto planned = Planner(isolation.root, isolation.steps).Plan(mounts); !planned) {
    return Fail(std::move(planned).error());
  }
  return isolation;
}

bool RawIsolation::Take(const MountStep& step) {
  const char* const source = step.source.c_str();
  const char* const target = step.target.c_str();
  switch (step.kind) {
    case Kind::kTmpfs:
      // Unbindable: where the machine's directory that holds it is mounted again, it is not mounted within itself.
      return ::mount("tmpfs", target, "tmpfs", MS_NOSUID, "mode=0755") == 0 &&
             ::mount(nullptr, target, nullptr, MS_UNBINDABLE, nullptr) == 0;
    case Kind::kDirectory:
      return ::mkdir(target, 0755) == 0 || errno == EEXIST;
    case Kind::kFile: {
      const int fd = ::open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
      return fd >= 0 && ::close(fd) == 0;
    }
    case Kind::kLink:
      return ::symlink(source, target) == 0 || errno == EEXIST;
    case Kind::kMirror:
      (void)::mount(source, target, nullptr, MS_BIND | MS_REC, nullptr);
      return true;
    case Kind::kBind:
      return ::mount(source, target, nullptr, MS_BIND, nullptr) == 0;
    case Kind::kReadOnly:
      return ::mount(nullptr, target, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }
  return false;
}

const char* RawIsolation::Enter() const {
  if (::unshare(CLONE_NEWNS | CLONE_NEWUTS) != 0) return "namespaces";
  if (::sethostname(isolation_.hostname.c_str(), isolation_.hostname.size()) != 0) return "its hostname";
  // What the machine unmounts goes here too; what is mounted here stays here.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return "/";
  for (const MountStep& step : isolation_.steps) {
    if (!Take(step)) return step.target.c_str();
  }
  if (::chdir(isolation_.root.c_str()) != 0) return "/";
  if (::syscall(SYS_pivot_root, ".", ".") == 0) {
    if (::umount2(".", MNT_DETACH) != 0) return "/";
  } else if (::chroot(".") != 0) {
    return "/";
  }
  return ::chdir("/") == 0 ? nullptr : "/";
}

bool CanIsolate() {
  if (::geteuid() != 0) return false;
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    const bool can = ::unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0 &&
                     ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 &&
                     ::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0;
    ::_exit(can ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Result<JoinedNamespaces> JoinedNamespaces::Of(pid_t pid) {
  JoinedNamespaces joined;
  if (pid == 0) return joined;
  const auto open = [pid](const char* what, int flags) {
    return UniqueFd(::open(fmt::format("/proc/{}/{}", pid, what).c_str(), flags | O_CLOEXEC));
  };
  joined.mounts_ = open("ns/mnt", O_RDONLY);
  joined.names_ = open("ns/uts", O_RDONLY);
  joined.root_ = open("root", O_PATH | O_DIRECTORY);
  if (!joined.mounts_.is_open() || !joined.names_.is_open() || !joined.root_.is_open()) {
    return Fail(Code::kUnavailable, fmt::format("the container's namespaces: {}", std::strerror(errno)));
  }
  return joined;
}

bool JoinedNamespaces::Enter() const {
  if (!mounts_.is_open()) return true;
  return ::setns(names_.get(), CLONE_NEWUTS) == 0 && ::setns(mounts_.get(), CLONE_NEWNS) == 0 &&
         ::fchdir(root_.get()) == 0 && ::chroot(".") == 0;
}

}  // namespace spillway::cloud
