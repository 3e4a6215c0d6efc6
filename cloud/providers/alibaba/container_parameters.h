#pragma once

#include "base/result.h"
#include "cloud/json.h"
#include "cloud/providers/alibaba/parameter_writer.h"

namespace spillway::cloud::alibaba {

// One container of a Pod, under "Container.N." or "InitContainer.N."; pure. kInvalidArgument names the field that
// cannot be expressed.
Status WriteContainer(const ParameterWriter& writer, const Json& pod, const Json& container, bool is_init);

}  // namespace spillway::cloud::alibaba
