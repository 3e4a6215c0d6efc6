#pragma once

#include <optional>
#include <string>

#include "sandbox/store/json_path.h"
#include "sandbox/store/kinds.h"

namespace spillway::sandbox {

// Makes of `object` what is left once it has gone through the Go type of its kind: what the type does not know is gone,
// times are in UTC and whole seconds, what is empty is left out and what is always written is there. Described are what
// agents write: the status of Pods, Nodes, Leases and Events; the rest stays as it is.
//
// The result says, in encoding/json's words, what is of the wrong type; then `object` may be half done.
//
// Source: k8s.io/api core/v1/types.go, coordination/v1/types.go, v0.36.
std::optional<std::string> ToWireForm(const Kind& kind, Json& object);

}  // namespace spillway::sandbox
