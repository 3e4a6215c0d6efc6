#pragma once

#include <optional>
#include <string>

#include "kube/api/objects.h"

// Kinds of which kube-scheduler reads only whom they select, or which resource they stand for. Decoded by decode.h.
//
// Source: k8s.io/api core/v1, apps/v1 and resource/v1, v0.33 to v0.36.
namespace spillway::kube {

// spec.selector. Absent: it selects no Pod; a Service's and a ReplicationController's plain map is match_labels.
struct SelectingObject {
  ObjectMeta metadata;
  std::optional<LabelSelector> selector;
};
struct Service : SelectingObject {};
struct ReplicationController : SelectingObject {};
struct ReplicaSet : SelectingObject {};
struct StatefulSet : SelectingObject {};

struct DeviceClass {
  ObjectMeta metadata;
  std::string extended_resource;  // spec.extendedResourceName
};

}  // namespace spillway::kube
