#include "tests/simulation/hosting.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace spillway::simulation {
namespace {

using cloud::InstanceState;
using sandbox::Json;

bool Runs(const Json& pod) {
  for (const Json& container : sandbox::At(pod, {"status", "containerStatuses"})) {
    if (sandbox::At(container, {"state", "running"}).is_object()) return true;
  }
  return false;
}

}  // namespace

Hosting::Hosting(Runtime& runtime, sandbox::Store& store, const cloud::SimulatedCloud& cloud, SeesPresent sees_present)
    : runtime_(runtime),
      store_(store),
      cloud_(cloud),
      sees_present_(std::move(sees_present)),
      pods_(store.etcd(), *sandbox::FindKind("pods"), 0, sandbox::Etcd::Cursor::Reader::kFaithful, [this] { Wake(); }) {
  Wake();
}

Hosting::~Hosting() = default;

void Hosting::Wake() {
  if (std::exchange(posted_, true)) return;
  runtime_.Post([this, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    posted_ = false;
    while (const sandbox::Change* change = pods_.Next()) Judge(*change);
  });
}

std::vector<std::string> Hosting::InstancesOf(const std::string& uid, const std::set<InstanceState>& states) const {
  std::vector<std::string> ids;
  for (const cloud::Instance& instance : cloud_.Instances()) {
    if (instance.identity.pod_uid == uid && states.contains(instance.state)) ids.push_back(instance.id);
  }
  return ids;
}

void Hosting::Judge(const sandbox::Change& change) {
  if (!change.before || change.before->uid != change.object->uid) return;
  const Json before = Json::parse(change.before->json);
  const std::string key = sandbox::NamespaceOf(before) + "/" + sandbox::ObjectName(before);
  if (change.type == sandbox::Change::Type::kDeleted) {
    // Whoever deletes a Pod that somebody else said has ended takes it away at once, without its agent.
    // So does who collects the Pods of a Node that is no more.
    const bool is_agents =
        !ended_by_others_.contains(change.object->uid) && store_.Get("nodes", "", sandbox::NodeOf(before)).has_value();
    const auto going = InstancesOf(change.object->uid, {InstanceState::kTerminating});
    if (is_agents && !going.empty())
      wrong_.push_back(
          {"instance-goes-first", fmt::format("{} went before its instance {}", key, fmt::join(going, ", "))});
    return;
  }
  const Json after = Json::parse(change.object->json);
  const std::string host = sandbox::Text(before, {"status", "hostIP"});
  if (!host.empty() && host != sandbox::Text(after, {"status", "hostIP"}))
    wrong_.push_back({"address-stays", fmt::format("{} was on {} and is on {} now", key, host,
                                                   sandbox::Text(after, {"status", "hostIP"}))});
  const std::string was = sandbox::PhaseOf(before), is = sandbox::PhaseOf(after);
  if (sandbox::IsPodTerminal(before)) {
    const bool runs_again = Runs(after) && !Runs(before);
    const bool is_excused =
        ended_by_others_.contains(change.object->uid) && sees_present_ && !sees_present_(sandbox::NodeOf(before));
    if (!is_excused && (was != is || runs_again))
      wrong_.push_back(
          {"ended-is-ended", fmt::format("{} was {} and is {}{} now", key, was, is, runs_again ? ", and runs," : "")});
  } else if (is == "Failed" && sandbox::Text(after, {"status", "reason"}) == "InstanceLost") {
    const auto alive = InstancesOf(change.object->uid, {InstanceState::kPending, InstanceState::kRunning});
    if (!alive.empty())
      wrong_.push_back({"lost-is-lost", fmt::format("{} is said to have lost its instance, and there is {}", key,
                                                    fmt::join(alive, ", "))});
  }
}

void Hosting::OnCreate(const cloud::CreateRequest& request) {
  const cloud::InstanceIdentity& of = request.identity;
  const auto pod = store_.Get("pods", of.pod_namespace, of.pod_name);
  if (!pod || sandbox::UidOf(*pod) != of.pod_uid) return;
  Tokens& tokens = tokens_[of.pod_uid];
  tokens.used.insert(request.client_token);
  const std::string newest = sandbox::Text(*pod, {"metadata", "annotations", "spillway.io/instance-generation"});
  tokens.generations = std::max<std::int64_t>(tokens.generations, std::atoll(newest.c_str()) + 1);
  if (static_cast<std::int64_t>(tokens.used.size()) <= tokens.generations && !request.client_token.empty()) return;
  wrong_.push_back(
      {"one-token-a-generation", fmt::format("{}/{} has {} generations, and its instance was asked for under {} tokens",
                                             of.pod_namespace, of.pod_name, tokens.generations, tokens.used.size())});
}

void Hosting::OnDelete(const std::string& instance_id) {
  for (const cloud::Instance& instance : cloud_.Instances()) {
    const bool is_alive = instance.state == InstanceState::kPending || instance.state == InstanceState::kRunning;
    if (instance.id != instance_id || !is_alive || instance.refused) continue;
    const cloud::InstanceIdentity& of = instance.identity;
    const auto pod = store_.Get("pods", of.pod_namespace, of.pod_name);
    if (!pod || sandbox::UidOf(*pod) != of.pod_uid) continue;
    const bool has_seen_an_end = ended_by_others_.contains(of.pod_uid) && sees_present_ && !sees_present_(of.node_name);
    if (!sandbox::IsPodActive(*pod) || has_seen_an_end) continue;
    // Of several one is too many.
    if (InstancesOf(of.pod_uid, {InstanceState::kPending, InstanceState::kRunning}).size() > 1) continue;
    wrong_.push_back({"the-living-stay", fmt::format("{}/{} is to run, and its instance {} is asked to go",
                                                     of.pod_namespace, of.pod_name, instance_id)});
  }
}

}  // namespace spillway::simulation
