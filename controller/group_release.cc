#include "controller/group_release.h"

#include <fmt/core.h>

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
                                     const Policy& policy, OverflowLedger ledger) {
  std::vector<sim::PodIndex> pods;
  for (const GroupMember& member : members) pods.push_back(member.pod->index);
  const std::vector<VirtualPlace> places = ChooseVirtualNodes(cluster, pods, policy);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const kube::ObjectMeta& meta = members[i].pod->object.metadata;
    if (places[i].node.empty()) return fmt::format("no room for {} of its Pods: {}", places.size() - i, places[i].why);
    const Amounts amounts = AmountsOf(cluster, pods[i]);
    if (auto why = WhyAtLimit(meta.ns, places[i].node, amounts, policy.limits, ledger)) return why;
    ledger.Put(meta.uid, meta.ns, places[i].node, amounts);
  }
  return std::nullopt;
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
    if (!why) why = WhyNoRoom(cluster, members, policy, around.ledger());
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
