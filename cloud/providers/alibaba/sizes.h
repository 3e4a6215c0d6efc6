#pragma once

#include "cloud/providers/rest/sizes.h"

namespace spillway::cloud::alibaba {

// What ECI sells by CPU and memory. Regions differ in details: what lies between is theirs to round.
const rest::SizeTable& EciSizes();

}  // namespace spillway::cloud::alibaba
