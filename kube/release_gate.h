#pragma once

#include <string>
#include <vector>

#include "kube/api/objects.h"
#include "kube/client.h"

namespace spillway::kube {

// Lifts one scheduling gate, and in the same write narrows down where the Pod may go. What is set here can never be
// taken back.
struct GateReleaseRequest {
  std::string ns, name, resource_version;  // a precondition: what the decision was made on
  std::size_t gate = 0;                    // where it stands among the Pod's gates...
  std::size_t gates = 1;                   // ...of which there are so many
  // All that is added; empty: nothing but the gate changes.
  StringMap node_selector;
  std::vector<std::string> tolerated_taints;  // keys, NoSchedule
  StringMap annotations;                      // of a Pod that has some already
  // What stands there already: lists and maps are made where there are none.
  bool has_node_selector = false, has_tolerations = false;
};

// PATCH pods/{name}. kConflict when the Pod has changed, kNotFound when it is gone; otherwise as Bind().
//
// Source: kubernetes pkg/apis/core/validation, ValidatePodUpdate (gates may go, a gated Pod's nodeSelector may grow,
// tolerations may be added), and apiserver's optimistic lock on metadata.resourceVersion in a patch.
Task<Status> ReleaseGate(Client& client, GateReleaseRequest request);

}  // namespace spillway::kube
