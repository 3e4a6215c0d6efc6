#include "scheduler_sim/scheduler_config.h"

#include <algorithm>

namespace spillway::sim {

// Source: kubernetes pkg/scheduler/extender.go IsInterested. Limits need not be looked at: kube-apiserver makes a
// request of a limit without one.
bool Extender::IsAskedAbout(const kube::Pod& pod) const {
  const auto names_one = [&](const kube::Container& container) {
    return std::any_of(container.requests.begin(), container.requests.end(), [&](const auto& request) {
      return std::find(managed_resources.begin(), managed_resources.end(), request.first) != managed_resources.end();
    });
  };
  return managed_resources.empty() || std::any_of(pod.containers.begin(), pod.containers.end(), names_one) ||
         std::any_of(pod.init_containers.begin(), pod.init_containers.end(), names_one);
}

bool SpreadsByDefault(const SchedulerConfig& config) {
  return std::any_of(config.profiles.begin(), config.profiles.end(), [](const SchedulerProfile& profile) {
    return std::any_of(profile.default_constraints.begin(), profile.default_constraints.end(),
                       [](const auto& constraint) { return constraint.do_not_schedule; });
  });
}

SchedulerConfig DefaultConfig(const std::vector<std::string>& scheduler_names) {
  SchedulerConfig config;
  if (scheduler_names.empty()) return config;
  config.profiles.clear();
  for (const std::string& name : scheduler_names) {
    config.profiles.emplace_back();
    config.profiles.back().scheduler_name = name;
  }
  return config;
}

std::string_view SchedulerNameOf(const kube::Pod& pod) {
  return pod.scheduler_name.empty() ? std::string_view("default-scheduler") : pod.scheduler_name;
}

}  // namespace spillway::sim
