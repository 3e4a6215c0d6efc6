#include "cloud/provider.h"

namespace spillway::cloud {

std::string_view ToString(Refusal refusal) {
  switch (refusal) {
    case Refusal::kTransient:
      return "transient";
    case Refusal::kThrottled:
      return "throttled";
    case Refusal::kStock:
      return "stock";
    case Refusal::kQuota:
      return "quota";
    case Refusal::kAuth:
      return "auth";
    case Refusal::kInvalid:
      return "invalid";
  }
  return "unknown";
}

std::string_view ToString(InstanceState state) {
  switch (state) {
    case InstanceState::kPending:
      return "Pending";
    case InstanceState::kRunning:
      return "Running";
    case InstanceState::kTerminating:
      return "Terminating";
    case InstanceState::kSucceeded:
      return "Succeeded";
    case InstanceState::kFailed:
      return "Failed";
  }
  return "Unknown";
}

std::string WithPodIp(std::string text, std::string_view pod_ip) {
  for (auto at = text.find(kPodIpPlaceholder); at != std::string::npos; at = text.find(kPodIpPlaceholder, at)) {
    text.replace(at, kPodIpPlaceholder.size(), pod_ip);
    at += pod_ip.size();
  }
  return text;
}

}  // namespace spillway::cloud
