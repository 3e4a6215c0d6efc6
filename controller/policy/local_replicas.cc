#include "controller/policy/local_replicas.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "controller/policy/groups.h"

namespace spillway::controller {
namespace {

constexpr std::string_view kOwnName = "spillway.io/local-replicas";
constexpr std::string_view kTencentName = "LOCAL_REPLICAS";

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

void AddTo(std::string& text, std::string_view more) {
  if (!text.empty()) text += "; ";
  text += more;
}

// The value of one name, where nothing before it was read.
void Take(const kube::Pod& pod, std::string_view key, LocalReplicasAnswer& answer) {
  const std::string* value = kube::Find(pod.metadata.annotations, key);
  if (value == nullptr) return;
  const std::optional<std::int64_t> number = Number(*value);
  if (!number) {
    AddTo(answer.besides, fmt::format("{}={} is no whole number of at least 0", key, *value));
  } else if (!answer.keep) {
    answer.keep = number;
    answer.by = fmt::format("{}={}", key, *value);
  } else if (*answer.keep != *number) {
    AddTo(answer.besides, fmt::format("{}={} is not followed", key, *value));
  }
}

std::string NameOf(const kube::Pod& pod) {
  const kube::OwnerReference* owner = pod.metadata.Controller();
  return fmt::format("{} {}/{}", owner->kind, pod.metadata.ns, owner->name);
}

std::string Text(const kube::Pod& pod, const LocalReplicasAnswer& asked, const ReplicaStanding& standing) {
  std::string text = fmt::format("{} on the Pod: of {}, {} on real nodes and {} that wait before it", asked.by,
                                 NameOf(pod), standing.local, standing.ahead);
  text += standing.is_beyond() ? " are enough" : " are not enough, so that it is treated as any other";
  if (standing.asks_for_more_than_there_are()) text += fmt::format("; there are {} in all", standing.members);
  return text;
}

}  // namespace

LocalReplicasAnswer AskLocalReplicas(const kube::Pod& pod) {
  LocalReplicasAnswer answer;
  Take(pod, kOwnName, answer);
  Take(pod, kTencentName, answer);
  if (!answer.keep) {
    if (!answer.besides.empty()) answer.besides += ": treated as if it was not set";
    return answer;
  }
  if (!answer.besides.empty()) answer.besides += fmt::format(", {} is", answer.by);
  std::string why_not;
  if (pod.metadata.Controller() == nullptr) why_not = "the Pod has no owner whose Pods could be counted";
  if (const auto group = GroupOf(pod)) why_not = fmt::format("it goes with all others of group {}", group->key);
  if (why_not.empty()) return answer;
  AddTo(answer.besides, fmt::format("{} is not followed: {}", answer.by, why_not));
  answer.keep.reset();
  answer.by.clear();
  return answer;
}

// ---- nodes

void ReplicaBook::Count(const std::string& node, const std::string& owner, int sign) {
  NodeEntry& entry = nodes_[node];
  std::int64_t& pods = entry.pods[owner];
  pods += sign;
  if (pods == 0) entry.pods.erase(owner);
  const bool is_real = !entry.uid.empty();
  if (!is_real && entry.pods.empty()) nodes_.erase(node);
  if (!is_real) return;
  workloads_[owner].local += sign;
  moved_.insert(owner);
}

void ReplicaBook::SetUid(const std::string& node, std::string uid) {
  NodeEntry& entry = nodes_[node];
  const bool was_real = !entry.uid.empty(), is_real = !uid.empty();
  entry.uid = std::move(uid);
  if (was_real == is_real) return;
  for (const auto& [owner, pods] : entry.pods) {
    workloads_[owner].local += is_real ? pods : -pods;
    moved_.insert(owner);
  }
  if (!is_real && entry.pods.empty()) nodes_.erase(node);
}

void ReplicaBook::SetReal(const std::string& node, const std::string& uid) {
  names_[uid] = node;
  SetUid(node, uid);
}

void ReplicaBook::SetVirtual(const std::string& node) {
  const auto known = nodes_.find(node);
  if (known == nodes_.end() || known->second.uid.empty()) return;
  names_.erase(known->second.uid);
  SetUid(node, "");
}

// Not if another of its name has come since.
void ReplicaBook::RemoveNode(std::string_view uid) {
  const auto known = names_.find(std::string(uid));
  if (known == names_.end()) return;
  const std::string node = std::move(known->second);
  names_.erase(known);
  if (nodes_[node].uid == uid) SetUid(node, "");
}

// ---- Pods

// nullptr: it is not counted. The member is known to its workload, and is neither placed nor in turn.
ReplicaBook::Member* ReplicaBook::MemberFor(const kube::Pod& pod) {
  const std::string& uid = pod.metadata.uid;
  const bool counts = !pod.is_terminating() && AskLocalReplicas(pod).keep.has_value();
  if (!counts) {
    Remove(uid);
    return nullptr;
  }
  const std::string& owner = pod.metadata.Controller()->uid;
  if (const auto known = members_.find(uid); known != members_.end() && known->second.owner != owner) Remove(uid);
  auto [entry, is_new] = members_.try_emplace(uid);
  Member& member = entry->second;
  if (is_new) {
    member.owner = owner;
    member.arrival = ++arrivals_;
    ++workloads_[owner].members;
  }
  return &member;
}

void ReplicaBook::Leave(Member& member) {
  if (!member.node.empty()) Count(std::exchange(member.node, {}), member.owner, -1);
  if (member.turn) {
    workloads_[member.owner].waiting.erase(*std::exchange(member.turn, std::nullopt));
    moved_.insert(member.owner);
  }
}

void ReplicaBook::Wait(const kube::Pod& pod, bool in_turn) {
  Member* const member = MemberFor(pod);
  if (member == nullptr) return;
  const Turn turn = {-std::int64_t{pod.priority}, pod.metadata.creation_timestamp, member->arrival};
  if (in_turn && member->turn == turn) return;
  Leave(*member);
  moved_.insert(member->owner);
  if (!in_turn) return;
  member->turn = turn;
  workloads_[member->owner].waiting.emplace(turn, pod.metadata.uid);
}

void ReplicaBook::Place(const kube::Pod& pod, const std::string& node) {
  Member* const member = MemberFor(pod);
  if (member == nullptr || member->node == node) return;  // as with each status that comes
  Leave(*member);
  member->node = node;
  Count(node, member->owner, +1);
}

void ReplicaBook::Remove(std::string_view uid) {
  if (members_.empty()) return;
  const auto known = members_.find(std::string(uid));
  if (known == members_.end()) return;
  Leave(known->second);
  Workload& workload = workloads_[known->second.owner];
  if (--workload.members == 0) workloads_.erase(known->second.owner);
  members_.erase(known);
}

std::optional<ReplicaStanding> ReplicaBook::Of(const kube::Pod& pod) const {
  const auto known = members_.find(pod.metadata.uid);
  if (known == members_.end()) return std::nullopt;
  const LocalReplicasAnswer asked = AskLocalReplicas(pod);
  if (!asked.keep) return std::nullopt;
  const Member& member = known->second;
  const Workload& workload = workloads_.at(member.owner);
  ReplicaStanding standing{.keep = *asked.keep, .local = workload.local, .members = workload.members};
  for (const auto& [turn, uid] : workload.waiting) {
    if (standing.is_beyond() || (member.turn && turn >= *member.turn)) break;
    ++standing.ahead;
  }
  standing.text = Text(pod, asked, standing);
  standing.besides = asked.besides;
  return standing;
}

std::vector<std::string> ReplicaBook::TakeMoved() {
  std::vector<std::string> uids;
  for (const std::string& owner : std::exchange(moved_, {})) {
    const auto workload = workloads_.find(owner);
    if (workload == workloads_.end()) continue;
    std::transform(workload->second.waiting.begin(), workload->second.waiting.end(), std::back_inserter(uids),
                   [](const auto& entry) { return entry.second; });
  }
  return uids;
}

}  // namespace spillway::controller
