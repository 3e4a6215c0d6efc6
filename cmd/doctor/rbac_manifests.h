#pragma once

#include <functional>
#include <map>
#include <string>

namespace spillway::cmd {

// manifests/rbac/*.yaml by file name without ending ("controller", "agent"), built into the binary.
const std::map<std::string, std::string, std::less<>>& RbacManifests();

}  // namespace spillway::cmd
