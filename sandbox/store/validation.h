#pragma once

#include <cstdint>
#include <vector>

#include "sandbox/store/api_error.h"

namespace spillway::sandbox {

// What kube-apiserver would refuse of a new object and that a user of the sandbox is likely to get wrong. Not complete:
// an object accepted here may still be refused by a real cluster.
//
// Source: pkg/apis/{core,apps,batch}/validation, v1.36; texts are upstream's.
std::vector<FieldError> ValidateCreate(const Kind& kind, const Json& object);

// What no update may do to any object: be meant for another one, or carry ill-formed labels.
std::vector<FieldError> ValidateMetadataUpdate(const Json& old, const Json& next);

// Fields that must not change: most of a Pod's spec, the selectors of workloads.
std::vector<FieldError> ValidateUpdate(const Kind& kind, const Json& old, const Json& next);

// Writes of /status, of Pods and Nodes.
std::vector<FieldError> ValidateStatusUpdate(const Kind& kind, const Json& old, const Json& next);

// A Node's taints, amounts, addresses and declared features.
void CheckNode(const Json& node, std::vector<FieldError>& errors);

// By which API an Event is written: core/v1, or events.k8s.io/v1, which is strict.
enum class EventApi : std::uint8_t { kCore, kStrict };
std::vector<FieldError> ValidateEvent(const Json& event, EventApi api);

// All that events.k8s.io/v1 asks of an Event; the objects are in core/v1's form.
std::vector<FieldError> ValidateStrictEvent(const Json& event);
std::vector<FieldError> ValidateStrictEventUpdate(const Json& old, const Json& next);

// 400s: parts of the wrong JSON type, quantities that do not parse. `object` may be anything.
ApiStatus ValidateShape(const Kind& kind, const Json& object);

// The same, and brings the object into the form that it has on the wire (wire_form.h).
ApiStatus Decode(const Kind& kind, Json& object);

}  // namespace spillway::sandbox
