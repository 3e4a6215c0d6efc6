#include "controller/doubts.h"

#include <algorithm>
#include <utility>

#include "scheduler_sim/dependence.h"

namespace spillway::controller {
namespace {

// Extended resources, and a DeviceClass by its own name.
//
// Source: kube-scheduler util IsDRAExtendedResourceName; kubernetes pkg/apis/core/v1/helper IsExtendedResourceName.
bool MayBeDevices(std::string_view resource) {
  if (resource.starts_with("deviceclass.resource.kubernetes.io/")) return true;
  return resource.find('/') != std::string_view::npos && resource.find("kubernetes.io/") == std::string_view::npos;
}

bool AsksForDevices(const std::vector<kube::Container>& containers) {
  return std::any_of(containers.begin(), containers.end(), [](const kube::Container& container) {
    return std::any_of(container.requests.begin(), container.requests.end(),
                       [](const auto& request) { return MayBeDevices(request.first); });
  });
}

}  // namespace

bool Doubts::Note(Scope scope, std::string_view resource, const std::string& uid, std::string why) {
  std::string& known = unreadable_[static_cast<std::size_t>(scope)][{std::string(resource), uid}];
  if (known == why) return false;
  known = std::move(why);
  return true;
}

bool Doubts::Clear(Scope scope, std::string_view resource, const std::string& uid) {
  auto& unreadable = unreadable_[static_cast<std::size_t>(scope)];
  return !unreadable.empty() && unreadable.erase({std::string(resource), uid}) != 0;
}

bool Doubts::empty() const {
  return std::all_of(unreadable_.begin(), unreadable_.end(), [](const auto& scope) { return scope.empty(); });
}

std::string_view Doubts::First(Scope scope) const {
  const auto& unreadable = unreadable_[static_cast<std::size_t>(scope)];
  return unreadable.empty() ? std::string_view() : unreadable.begin()->second;
}

std::string_view Doubts::Against(const sim::Cluster& cluster, const PendingPod& pod) const {
  if (const std::string_view why = First(Scope::kEveryPod); !why.empty()) return why;
  if (const std::string_view why = First(Scope::kPodsThatLookAtOthers); !why.empty()) {
    if (sim::LooksAtOtherPods(cluster, pod.index)) return why;
  }
  if (const std::string_view why = First(Scope::kPodsThatAskForDevices); !why.empty()) {
    if (AsksForDevices(pod.object.containers) || AsksForDevices(pod.object.init_containers)) return why;
  }
  return {};
}

}  // namespace spillway::controller
