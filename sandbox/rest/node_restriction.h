#pragma once

#include "sandbox/rest/rest_request.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {

// What kube-apiserver keeps a kubelet's identity, the user system:node:NAME, from. Everybody else passes. The
// authorizer judges nodes, Pods and Leases, and lets Secrets and the like pass that no Pod of the node refers to.
//
// Source: plugin/pkg/auth/authorizer/node and plugin/pkg/admission/noderestriction, v1.36.

// The Node authorizer's verdict, by the request alone.
ApiStatus AuthorizeKubelet(const RestRequest& request);

// NodeRestriction's, by what it is about.
ApiStatus RestrictCreate(const Store& store, const RestRequest& request, const Json& object);
ApiStatus RestrictUpdate(const RestRequest& request, const Json& before, const Json& after);
ApiStatus RestrictDelete(const Store& store, const RestRequest& request);

}  // namespace spillway::sandbox
