#pragma once

#include <fmt/core.h>

#include <string>

#include "cloud/json.h"
#include "cloud/providers/alibaba/options.h"

// ACK's annotations of Pods, so that what has been written for it goes on working.
namespace spillway::cloud::alibaba {

inline std::string AckAnnotation(const Json& pod, const char* name, const std::string& otherwise = "") {
  const std::string value = TextAt(pod, "metadata", "annotations", fmt::format("k8s.aliyun.com/{}", name));
  return value.empty() ? otherwise : value;
}

// ECS instance types instead of CPU and memory, the first that there is; empty: CPU and memory.
inline std::string InstanceTypesOf(const Json& pod, const Options& options) {
  return AckAnnotation(pod, "eci-use-specs", options.instance_types);
}

// "SpotAsPriceGo"; empty: none.
inline std::string SpotStrategyOf(const Json& pod, const Options& options) {
  const std::string strategy = AckAnnotation(pod, "eci-spot-strategy", options.spot_strategy);
  return strategy == "NoSpot" ? "" : strategy;
}

}  // namespace spillway::cloud::alibaba
