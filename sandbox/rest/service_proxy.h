#pragma once

#include "base/runtime.h"
#include "sandbox/rest/api_server.h"
#include "sandbox/rest/rest_request.h"
#include "sandbox/store/api_error.h"

// GET services/{[scheme:]name[:port]}/proxy/{path}: the way into a Service through the API server.
namespace spillway::sandbox {

// An endpoint of the Service: the first address of its Endpoints (not of its EndpointSlices) that is a Pod's in the
// same namespace; upstream picks at random. Refuses as upstream does.
//
// Source: kubernetes pkg/registry/core/service/storage/storage.go ResourceLocation, v1.36.
ApiResult<ServiceRequest> FindEndpoint(const Store& store, const RestRequest& request);

// Asks endpoints over HTTP, on loopback addresses only: the sandbox has no network of Pods.
ServiceSource NewHttpServiceSource(Runtime& runtime);

}  // namespace spillway::sandbox
