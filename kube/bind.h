#pragma once

#include <string>

#include "kube/api/objects.h"
#include "kube/client.h"

namespace spillway::kube {

struct BindRequest {
  std::string ns, name;
  std::string uid, resource_version;  // preconditions: what the decision was made on; neither may be empty
  std::string node;
  StringMap annotations;  // merged onto the Pod in the same transaction
};

// POST pods/{name}/binding: puts the Pod onto the node if, and only if, nothing about it has changed since
// `resource_version`. kConflict when something has (bound, gated, deleted or merely edited): decide again, never just
// try again. kNotFound when the Pod is gone. kDeadlineExceeded and kUnavailable leave open whether it was bound: the
// watch will tell, and repeating the very same request is safe. kPermissionDenied may concern this Pod alone
// (admission, a terminating namespace) or every bind (RBAC). The message is the API server's own.
//
// Source: kube-apiserver pkg/registry/core/pod/storage/storage.go, BindingREST.
Task<Status> Bind(Client& client, BindRequest request);

}  // namespace spillway::kube
