#include "cloud/providers/process/pod_mounts.h"

#include <fmt/core.h>

#include <filesystem>

#include "cloud/pod_files.h"
#include "cloud/provider.h"

namespace spillway::cloud {
namespace {

namespace fs = std::filesystem;

// Made as a kubelet makes it: a directory, as accessible as the volume.
Status MakeWithin(const fs::path& volume, const fs::path& directory) {
  std::error_code error;
  const fs::perms access = fs::status(volume, error).permissions();
  fs::path made = volume;
  for (const fs::path& part : directory.lexically_relative(volume)) {
    made /= part;
    if (!fs::create_directory(made, error) && !error) continue;  // it is there
    if (!error) fs::permissions(made, access, error);
    if (error) return Fail(Code::kInvalidArgument, error.message());
  }
  return {};
}

// Where `sub_path` is, or would be, whatever links there are on the way to it.
Result<std::string> Within(const std::string& volume, const std::string& sub_path) {
  if (!IsSafePath(sub_path)) return Fail(Code::kInvalidArgument, "it must stay within the volume");
  std::error_code error;
  const fs::path whole = fs::canonical(volume, error);
  const fs::path wanted = error ? fs::path() : fs::weakly_canonical(whole / sub_path, error);
  if (error) return Fail(Code::kInvalidArgument, error.message());
  if (!wanted.string().starts_with(whole.string() + "/")) {
    return Fail(Code::kInvalidArgument, "it leads out of the volume");
  }
  if (!fs::exists(wanted, error)) {
    if (auto made = MakeWithin(whole, wanted); !made) return Fail(std::move(made).error());
  }
  return wanted.string();
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
      auto inside = Within(mount.source, sub_path);
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
