#include "cloud/providers/process/pod_mounts.h"

#include <fmt/core.h>

#include <filesystem>

#include "cloud/pod_files.h"
#include "cloud/provider.h"

namespace spillway::cloud {
namespace {

namespace fs = std::filesystem;

Result<std::string> Within(const std::string& volume, const std::string& sub_path, bool may_make) {
  if (!IsSafePath(sub_path)) return Fail(Code::kInvalidArgument, "it must stay within the volume");
  std::error_code error;
  const fs::path wanted = fs::path(volume) / sub_path;
  if (may_make && !fs::exists(fs::symlink_status(wanted, error))) fs::create_directories(wanted, error);
  const std::string whole = fs::canonical(volume, error).string();
  std::string real = fs::canonical(wanted, error).string();
  if (error) return Fail(Code::kInvalidArgument, error.message());
  if (!real.starts_with(whole + "/")) return Fail(Code::kInvalidArgument, "it leads out of the volume");
  return real;
}

}  // namespace

Result<std::vector<Mount>> MountsOf(const Json& container, const PodVolumes& volumes) {
  std::vector<Mount> mounts;
  for (const Json& spec : Items(At(container, "volumeMounts"))) {
    const std::string name = TextAt(spec, "name");
    const bool is_files = volumes.read_only.contains(name);
    Mount mount{volumes.directory + "/" + name, TextAt(spec, "mountPath"), is_files || IsTrue(At(spec, "readOnly"))};
    if (!mount.path.starts_with('/')) mount.path.insert(0, "/");
    if (const std::string sub_path = WithPodIp(TextAt(spec, "subPath"), volumes.pod_ip); !sub_path.empty()) {
      auto inside = Within(mount.source, sub_path, !is_files);
      if (!inside) {
        return Fail(Code::kInvalidArgument,
                    fmt::format("failed to prepare subPath for volumeMount \"{}\" of container \"{}\": {}: {}", name,
                                TextAt(container, "name"), sub_path, inside.error().message));
      }
      mount.source = *std::move(inside);
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::vector<std::string> MountPathsOf(const Json& container) {
  std::vector<std::string> paths;
  for (const Json& spec : Items(At(container, "volumeMounts"))) paths.push_back(TextAt(spec, "mountPath"));
  return paths;
}

}  // namespace spillway::cloud
