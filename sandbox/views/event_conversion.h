#pragma once

#include "sandbox/store/api_error.h"

namespace spillway::sandbox {

// Events are kept as core/v1 and served as events.k8s.io/v1 too; these rename the parts, both ways without loss.
// Source: pkg/apis/events/v1/conversion.go.
Json EventFromCore(Json core);
Json EventToCore(Json event);

}  // namespace spillway::sandbox
