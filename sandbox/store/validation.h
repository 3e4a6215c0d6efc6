#pragma once

#include <vector>

#include "sandbox/store/api_error.h"

namespace spillway::sandbox {

// What kube-apiserver would refuse of a new object and that a user of the sandbox is likely to get wrong. Not complete:
// an object accepted here may still be refused by a real cluster.
//
// Source: pkg/apis/{core,apps,batch}/validation, v1.36; texts are upstream's.
std::vector<FieldError> ValidateCreate(const Kind& kind, const Json& object);

// Fields that must not change: most of a Pod's spec, the selectors of workloads.
std::vector<FieldError> ValidateUpdate(const Kind& kind, const Json& old, const Json& next);

// Writes of /status: a Pod's addresses, its containers that have ended, its QoS class.
std::vector<FieldError> ValidateStatusUpdate(const Kind& kind, const Json& old, const Json& next);

std::vector<FieldError> ValidateEvent(const Json& event);

// What events.k8s.io/v1 asks of an Event beyond core/v1's rules; the objects are in core/v1's form.
std::vector<FieldError> ValidateStrictEvent(const Json& event);
std::vector<FieldError> ValidateStrictEventUpdate(const Json& old, const Json& next);

// 400s: parts of the wrong JSON type, quantities that do not parse. `object` may be anything.
ApiStatus ValidateShape(const Kind& kind, const Json& object);

}  // namespace spillway::sandbox
