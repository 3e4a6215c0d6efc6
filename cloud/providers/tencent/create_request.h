#pragma once

#include <string>

#include "base/result.h"
#include "cloud/json.h"
#include "cloud/provider.h"
#include "cloud/providers/tencent/options.h"

namespace spillway::cloud::tencent {

struct CreateBody {
  std::string name;
  std::string digest;  // as its InstanceNote has it
  Json json;           // the body of CreateEKSContainerInstances
};
// What makes a Pod's instance in `subnet`; pure. Same request, same body, but for the subnet. kInvalidArgument: EKSCI
// would refuse it, or could not express it; the message names the field.
//
// Source: API TKE 2018-05-25; the names are those of the vendor's SDK, tencentcloud-sdk-python-tke 3.1.193.
Result<CreateBody> MakeCreateBody(const CreateRequest& request, const Options& options, const std::string& subnet);

// What the Pod's instance is billed as, but for the price. Those with GPUs are not sold by the unit.
Bill SizeBilled(const Json& pod);

}  // namespace spillway::cloud::tencent
