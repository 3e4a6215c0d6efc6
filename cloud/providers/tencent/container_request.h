#pragma once

#include "base/result.h"
#include "cloud/json.h"
#include "cloud/providers/rest/sizes.h"

namespace spillway::cloud::tencent {

// One container of a Pod as an element of "Containers" or "InitContainers"; pure. `size`: the whole instance's, which
// no container's may exceed. kInvalidArgument names the field that cannot be expressed.
Result<Json> ContainerRequest(const Json& container, const rest::InstanceSize& size, bool is_init);

}  // namespace spillway::cloud::tencent
