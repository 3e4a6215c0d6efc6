#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/doctor/finding.h"
#include "cmd/doctor/installation.h"
#include "kube/access_review.h"

// What the components need to be allowed; pure. manifests/rbac says it, and nothing else: it is built in.
namespace spillway::cmd::doctor {

// What controllers and agents are asked for, in the order of the manifest.
struct NeededAccess {
  kube::Access access;
  std::string role;  // of the manifest: "spillway-controller-leader-election"
};
// For these flags and this namespace.
std::vector<NeededAccess> AccessNeededByController(const Component& controller);
std::vector<NeededAccess> AccessNeededByAgent(const Component& agent);

// One identity and what the API server says that it may.
struct Reviewed {
  std::string whom;     // "controller", "agents of pool-a"
  std::string subject;  // "system:serviceaccount:ops:spillway"; empty: a kubelet's, of which RBAC knows nothing
  std::vector<std::pair<NeededAccess, Result<bool>>> answers;
  // Where a RoleBinding lets agents read what Pods bring, when they may not everywhere.
  std::vector<std::string> pod_input_namespaces;
};

Findings CheckPermissions(const std::vector<Reviewed>& reviewed);

// The manifest's rules as accesses, for tests too. kMalformed where it has what is not understood: a manifest of ours.
Result<std::vector<NeededAccess>> ReadRoles(const std::string& yaml);

}  // namespace spillway::cmd::doctor
