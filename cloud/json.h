#pragma once

#include "kube/json.h"

// The agent keeps its Pods as JSON and reads them all the time.
namespace spillway::cloud {

using kube::At;
using kube::Integer;
using kube::IsTrue;
using kube::Items;
using kube::Json;
using kube::Members;
using kube::Named;
using kube::Text;
using kube::TextAt;

}  // namespace spillway::cloud
