#pragma once

#include "cloud/providers/rest/sizes.h"

namespace spillway::cloud::tencent {

// Source: cloud.tencent.com/document/product/457/74015, Pods on pay-as-you-go super nodes. GPUs come in sizes of their
// own.
const rest::SizeTable& EksciSizes();

// What a Pod gets that asks for nothing. Source: document/product/457/36161.
inline constexpr rest::InstanceSize kDefaultSize = {1000, std::int64_t{2} << 30};

}  // namespace spillway::cloud::tencent
