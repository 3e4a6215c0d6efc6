#pragma once

#include <string>
#include <vector>

#include "kube/api/objects.h"

namespace spillway::sim::testing {

// One object of a Scenario from its attributes; std::invalid_argument for one that is unknown or malformed.
kube::Node MakeNode(const std::string& name, bool is_virtual, const std::vector<std::string>& fields);
kube::Pod MakePod(const std::string& name, const std::vector<std::string>& fields);

}  // namespace spillway::sim::testing
