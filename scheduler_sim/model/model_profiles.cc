#include <algorithm>

#include "scheduler_sim/filter.h"
#include "scheduler_sim/model/model.h"

// kube-scheduler's profiles, and which one a Pod belongs to.

namespace spillway::sim {

bool Profile::IsIgnored(std::string_view resource) const {
  const auto has = [](const std::vector<std::string>& list, std::string_view item) {
    return std::find(list.begin(), list.end(), item) != list.end();
  };
  if (!IsExtendedResource(resource)) return false;
  return has(ignored_resources, resource) || has(ignored_resource_groups, resource.substr(0, resource.find('/')));
}

void Cluster::Model::AddProfile(const SchedulerProfile& given) {
  Profile profile;
  profile.scheduler_name = given.scheduler_name;
  profile.chain = ChainOf(given, semantics);
  profile.added_affinity = AcquireRule({}, given.added_affinity);
  profile.ignored_resources = given.ignored_resources;
  profile.ignored_resource_groups = given.ignored_resource_groups;
  profiles.push_back(std::move(profile));
}

std::string Cluster::Model::ChooseProfile(const kube::Pod& pod, PodClass& made) const {
  const std::string_view name = SchedulerNameOf(pod);
  const auto found = std::find_if(profiles.begin(), profiles.end(),
                                  [&](const Profile& profile) { return profile.scheduler_name == name; });
  if (found == profiles.end()) {
    return "it is for the scheduler " + std::string(name) + " to place, of which no configuration is known";
  }
  made.profile = static_cast<std::uint32_t>(found - profiles.begin());
  return found->chain.undecidable;
}

}  // namespace spillway::sim
