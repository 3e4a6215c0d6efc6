#pragma once

#include "cloud/json.h"

namespace spillway::cloud {

// Takes out of `pod` the volume that admission has added for the API server's token, and its mounts. False: there is
// none, and nothing has changed. What only has its name, and holds something else, stays.
//
// Source: kubernetes plugin/pkg/admission/serviceaccount, TokenVolumeSource, v1.33 to v1.36.
bool LeaveOutApiToken(Json& pod);

}  // namespace spillway::cloud
