#include "controller/policy/groups.h"

#include <fmt/core.h>

#include <charconv>

namespace spillway::controller {

std::optional<Group> GroupOf(const kube::Pod& pod) {
  const std::string* name = kube::Find(pod.metadata.annotations, "spillway.io/group");
  if (name == nullptr || name->empty()) return std::nullopt;
  Group group;
  group.key = pod.metadata.ns + "/" + *name;
  const std::string* text = kube::Find(pod.metadata.annotations, "spillway.io/group-size");
  if (text == nullptr) return group;
  std::int64_t size = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, size);
  if (error == std::errc() && stop == end && size > 0) {
    group.size = size;
  } else {
    group.besides = fmt::format("spillway.io/group-size={} is no whole number above 0: as many as there are", *text);
  }
  return group;
}

void GroupBook::Put(const kube::Pod& pod, Where where) {
  const std::string& uid = pod.metadata.uid;
  const auto group = GroupOf(pod);
  const auto known = keys_.find(uid);
  if (known != keys_.end() && (!group || known->second != group->key)) Remove(uid);
  if (!group) return;
  keys_[uid] = group->key;
  members_[group->key][uid] = where;
}

void GroupBook::Remove(std::string_view uid) {
  if (keys_.empty()) return;
  const auto known = keys_.find(std::string(uid));
  if (known == keys_.end()) return;
  auto& members = members_[known->second];
  members.erase(known->first);
  if (members.empty()) members_.erase(known->second);
  keys_.erase(known);
}

GroupBook::Members GroupBook::Of(const std::string& key) const {
  Members count;
  const auto found = members_.find(key);
  if (found == members_.end()) return count;
  for (const auto& [uid, where] : found->second) {
    ++(where == Where::kPending ? count.pending : where == Where::kVirtual ? count.overflowed : count.local);
  }
  return count;
}

std::optional<std::string> WhyGroupWaits(const Group& group, const GroupBook::Members& members, std::int64_t ready) {
  const std::string name = "group " + group.key;
  if (members.local > 0) {
    return fmt::format("{} of {} run on real nodes, and it overflows all together or not at all", members.local, name);
  }
  const std::int64_t there = members.pending + members.overflowed;
  if (group.size && there < *group.size) return fmt::format("{} of {} Pods of {} are there", there, *group.size, name);
  if (ready < members.pending) {
    return fmt::format("{} of the {} Pods of {} that wait may not overflow now", members.pending - ready,
                       members.pending, name);
  }
  return std::nullopt;
}

}  // namespace spillway::controller
