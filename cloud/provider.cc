#include "cloud/provider.h"

#include <fmt/core.h>

#include "base/text.h"

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
    case Refusal::kTokenMismatch:
      return "token";
  }
  return "unknown";
}

std::string Words(const std::string& text) {
  constexpr std::size_t kLongest = 800;
  return base::Cut(text, kLongest, " ...");
}

std::string ToString(const CloudError& error) {
  std::string text = fmt::format("[{}] {}", ToString(error.refusal), Words(error.error.message));
  if (!error.request_id.empty()) text += fmt::format(" (request {})", error.request_id);
  return text;
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

bool HasEnded(const Instance& instance) {
  return instance.state == InstanceState::kSucceeded || instance.state == InstanceState::kFailed;
}

Task<CloudStatus> Provider::UpdateVolumes(std::string /*instance_id*/, std::vector<PodVolume> /*volumes*/) {
  CloudError failure;
  failure.refusal = Refusal::kInvalid;
  failure.error = Error{Code::kInvalidArgument, fmt::format("provider {} cannot change files", name())};
  co_return tl::unexpected(std::move(failure));
}

Task<CloudStatus> Provider::RefreshMarket() { co_return CloudStatus(); }

std::string WithPodIp(std::string text, std::string_view pod_ip) {
  for (auto at = text.find(kPodIpPlaceholder); at != std::string::npos; at = text.find(kPodIpPlaceholder, at)) {
    text.replace(at, kPodIpPlaceholder.size(), pod_ip);
    at += pod_ip.size();
  }
  return text;
}

}  // namespace spillway::cloud
