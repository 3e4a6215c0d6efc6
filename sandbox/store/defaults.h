#pragma once

#include <string_view>

#include "sandbox/store/api_error.h"

namespace spillway::sandbox {

// Fills in what kube-apiserver fills in on every write: the defaults that clients and controllers rely on. Idempotent.
//
// Source: pkg/apis/{core,apps,batch,storage}/v1/defaults.go, v1.36.
void ApplyDefaults(const Kind& kind, Json& object);

// A Pod's own part and that of a template within another object.
void DefaultPodSpec(Json& spec);

// {"cpu": 2} becomes {"cpu": "2"}; null is left alone.
void QuantitiesToText(Json* amounts);

// Guaranteed, Burstable or BestEffort, from the requests and limits of cpu and memory.
// Source: pkg/apis/core/v1/helper/qos/qos.go.
std::string_view QosClass(const Json& pod_spec);

}  // namespace spillway::sandbox
