#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/standins/objects.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {

// The objects of a YAML file, as kubectl reads it: documents separated by ---, plain scalars typed as YAML 1.2's core
// schema has it, Lists flattened. kMalformed says where.
Result<std::vector<Json>> ParseManifest(std::string_view yaml);

// Creates each object, or merges it into the one that is there; namespaced ones go to `ns` unless they name their own.
// Stops at the first refusal.
Status ApplyManifest(Store& store, std::string_view yaml, const std::string& ns);

}  // namespace spillway::sandbox
