#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

// What a Pod's volumes hold when it is created, resolved: providers read no ConfigMap, Secret or field of their own.
namespace spillway::cloud {

// One file of a volume. Contents may be secret: not for logs, events or digests.
struct VolumeFile {
  std::string path;  // within the volume; IsSafePath()
  std::string content;
  int mode = 0644;
  bool operator==(const VolumeFile&) const = default;
};

struct PodVolume {
  enum class Kind : std::uint8_t {
    kFiles,     // configMap, secret, downwardAPI, projected: read-only to containers, whatever their mounts say
    kEmptyDir,  // empty at first, gone with the instance
  };
  std::string name;
  Kind kind = Kind::kFiles;
  std::vector<VolumeFile> files;           // by path, each once
  bool is_in_memory = false;               // emptyDir.medium is Memory
  std::optional<std::int64_t> size_limit;  // of an emptyDir, in bytes
  // When its first ServiceAccount token has used up 80% of its life.
  std::optional<WallTime> refresh_at;
  bool operator==(const PodVolume&) const = default;
};

// Relative, without "..", not beginning with "..", at most 4096 bytes and 255 a part. What comes from the API
// server has been checked there; a path that leads out of its volume is refused here all the same.
//
// Source: kubernetes pkg/volume/util/atomic_writer.go validatePath, v1.33 to v1.36.
bool IsSafePath(std::string_view path);

}  // namespace spillway::cloud
