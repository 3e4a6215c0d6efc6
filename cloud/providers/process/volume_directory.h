#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/pod_files.h"

namespace spillway::cloud {

// Makes `files` the content of the volume in `directory`, all at once: whoever reads it sees either what was there or
// what is there now. As kubelet's atomic writer lays it out: files are in a hidden directory, to which the link
// "..data" leads; what containers see are links through that one. A mount with a subPath holds the file itself, and so
// keeps what it had. Nothing is touched when nothing has changed.
//
// Source: kubernetes pkg/volume/util/atomic_writer.go, v1.33 to v1.36.
Status WriteVolume(const std::string& directory, const std::vector<VolumeFile>& files);

}  // namespace spillway::cloud
