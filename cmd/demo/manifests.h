#pragma once

#include <functional>
#include <map>
#include <string>

namespace spillway::cmd {

// manifests/walkthrough/*.yaml by file name without ending ("w1-filler"), built into the binary.
const std::map<std::string, std::string, std::less<>>& WalkthroughManifests();

}  // namespace spillway::cmd
