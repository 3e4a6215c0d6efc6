#pragma once

#include <string_view>

#include "sandbox/store/api_error.h"

namespace spillway::sandbox {

// Reads a request body in Kubernetes' protobuf encoding, which kubectl uses for what it builds itself: `kubectl create
// deployment`, `kubectl drain`, `kubectl auth can-i`. Knows the messages those send, and refuses (415) an object of
// another kind or one with a field it does not know rather than losing part of it. Answers are always JSON: clients
// accept that.
//
// Source: apimachinery pkg/runtime/serializer/protobuf and the generated.proto files of k8s.io/api, v0.36.
ApiResult<Json> DecodeProtobuf(std::string_view body);

}  // namespace spillway::sandbox
