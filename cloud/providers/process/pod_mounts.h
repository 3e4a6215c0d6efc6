#pragma once

#include <set>
#include <string>
#include <vector>

#include "cloud/json.h"
#include "cloud/providers/process/isolation.h"

namespace spillway::cloud {

// The volumes of one instance, each a directory.
struct PodVolumes {
  std::string directory;            // a volume's is <directory>/<its name>
  std::set<std::string> read_only;  // those that hold files
  std::string pod_ip;
};

// What `container` mounts of them. A subPath that an emptyDir lacks is made; one that holds a file is that file as it
// is now. kInvalidArgument, in kubelet's words: a subPath that leads nowhere or out of its volume.
Result<std::vector<Mount>> MountsOf(const Json& container, const PodVolumes& volumes);

// Where it mounts them.
std::vector<std::string> MountPathsOf(const Json& container);

}  // namespace spillway::cloud
