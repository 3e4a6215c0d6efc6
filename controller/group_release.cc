#include "controller/group_release.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/decide.h"
#include "controller/policy/groups.h"

namespace spillway::controller {
namespace {

// Why there is no room for all of them at once; nullopt: there is.
std::optional<std::string> WhyNoRoom(const sim::Cluster& cluster, const std::vector<GroupMember>& members,
                                     const Policy& policy, const OverflowLedger& ledger) {
  std::vector<const PendingPod*> pods;
  for (const GroupMember& member : members) pods.push_back(member.pod);
  const std::vector<VirtualPlace> places = ChooseVirtualNodes(cluster, pods, policy, ledger);
  const auto has_none = [](const VirtualPlace& place) { return place.node.empty(); };
  const auto none = std::find_if(places.begin(), places.end(), has_none);
  if (none != places.end()) {
    return fmt::format("no room for {} of its Pods: {}", std::count_if(none, places.end(), has_none), none->why);
  }
  const auto is_at_limit = [](const VirtualPlace& place) { return !place.limit.empty(); };
  const auto limited = std::find_if(places.begin(), places.end(), is_at_limit);
  if (limited == places.end()) return std::nullopt;
  return limited->limit;
}

}  // namespace

void ReleaseGroups(const sim::Cluster& cluster, std::span<const GroupMember> waiting, const Policy& policy,
                   const Surroundings& around) {
  std::map<std::string, std::vector<GroupMember>> groups;
  for (const GroupMember& member : waiting) groups[GroupOf(member.pod->object)->key].push_back(member);
  for (const auto& [key, members] : groups) {
    const auto ready = static_cast<std::int64_t>(members.size());
    std::optional<std::string> why;
    for (const GroupMember& member : members) {  // who says more is right
      if (!why) why = WhyGroupWaits(*GroupOf(member.pod->object), around.groups().Of(key), ready);
    }
    if (!why) {
      why = WhyNoRoom(cluster, members, policy, around.ledger());
      if (why) why = fmt::format("all of group {} go at once: {}", key, *why);
    }
    for (const GroupMember& member : members) {
      if (why) {
        member.decision->detail = *why;
      } else {
        member.decision->outcome = Outcome::kOverflow;
        member.decision->detail.clear();
      }
    }
  }
}

}  // namespace spillway::controller
