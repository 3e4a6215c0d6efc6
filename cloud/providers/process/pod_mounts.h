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

// What `container` mounts of them. A subPath that its volume lacks is made, as an empty directory; one that holds a
// file is that file as it is now. kInvalidArgument, in kubelet's words: a subPath that leads out of its volume.
//
// Source: kubelet_pods.go makeMounts, v1.33 to v1.36.
Result<std::vector<Mount>> MountsOf(const Json& container, const PodVolumes& volumes);

// Where it mounts them.
std::vector<std::string> MountPathsOf(const Json& container);

}  // namespace spillway::cloud
