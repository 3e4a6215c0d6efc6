#include "tests/simulation/end_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "sandbox/standins/objects.h"

namespace spillway::simulation {
namespace {

using cloud::ContainerState;
using cloud::Instance;
using cloud::InstanceState;
using sandbox::Json;

constexpr Duration kLongGone = std::chrono::seconds(60);  // after the end of its grace period

std::string PhaseOf(InstanceState state) {
  switch (state) {
    case InstanceState::kPending:
      return "Pending";
    case InstanceState::kSucceeded:
      return "Succeeded";
    case InstanceState::kFailed:
      return "Failed";
    case InstanceState::kRunning:
    case InstanceState::kTerminating:
      break;
  }
  return "Running";
}

std::string StateOf(const Json& status) {
  for (const char* state : {"running", "terminated"}) {
    if (sandbox::At(status, {"state", state}).is_object()) return state;
  }
  return "waiting";
}

std::string StateOf(const ContainerState& container) {
  if (container.kind == ContainerState::Kind::kRunning) return "running";
  return container.kind == ContainerState::Kind::kTerminated ? "terminated" : "waiting";
}

std::string Told(const std::string& state, bool ready, std::int64_t restarts) {
  return fmt::format("{}, {}, restarted {} times", state, ready ? "ready" : "not ready", restarts);
}

// What the status says of a container; empty: nothing.
std::string ToldOf(const Json& pod, const std::string& container) {
  for (const Json& status : sandbox::At(pod, {"status", "containerStatuses"})) {
    if (sandbox::Text(status, {"name"}) != container) continue;
    return Told(StateOf(status), sandbox::At(status, {"ready"}) == true, sandbox::Number(status, {"restartCount"}));
  }
  return "";
}

bool IsAlive(const Instance& instance) {
  return instance.state == InstanceState::kPending || instance.state == InstanceState::kRunning;
}

class EndJudge {
 public:
  explicit EndJudge(const World& world) : world_(world), agents_(world.AgentAddresses()) {
    for (const Instance& instance : world_.cloud().Instances())
      instances_[instance.identity.pod_uid].push_back(instance);
    for (const auto& [key, pod] : world_.cluster().caches().Of("pods").all()) {
      if (agents_.contains(sandbox::NodeOf(pod))) hosted_[key] = &pod;
    }
  }

  std::vector<Wrong> Run() {
    for (const std::string& line : world_.cloud().violations()) Say("one-instance-per-live-pod", line);
    const std::set<std::string> untold = NodesThatLackMost();
    for (const auto& [key, pod] : hosted_) {
      const bool may_be_lost =
          untold.contains(sandbox::NodeOf(*pod)) && world_.FaultsFired().contains("cloud.lose") && Of(*pod).empty();
      CheckDeparture(key, *pod, may_be_lost);
      if (sandbox::IsPodTerminal(*pod)) {
        CheckEnded(key, *pod);
      } else if (sandbox::IsPodActive(*pod)) {
        CheckLive(key, *pod, may_be_lost);
      }
    }
    CheckOrphans();
    for (const auto& [node, address] : agents_) CheckNode(node, address);
    return std::move(wrong_);
  }

 private:
  void Say(std::string what, std::string why) { wrong_.push_back({std::move(what), std::move(why)}); }

  const std::vector<Instance>& Of(const Json& pod) const {
    static const std::vector<Instance> none;
    const auto found = instances_.find(sandbox::UidOf(pod));
    return found == instances_.end() ? none : found->second;
  }

  // Of a listing that is empty, or lacks most of what must be there, an agent concludes nothing: when the cloud has
  // lost that, the Pods stay.
  std::set<std::string> NodesThatLackMost() const {
    std::map<std::string, std::pair<int, int>> expected_and_missed;
    for (const auto& [key, pod] : hosted_) {
      if (!sandbox::IsPodActive(*pod)) continue;
      auto& [expected, missed] = expected_and_missed[sandbox::NodeOf(*pod)];
      ++expected;
      missed += Of(*pod).empty() ? 1 : 0;
    }
    std::set<std::string> nodes;
    for (const auto& [node, counts] : expected_and_missed) {
      if (instances_.empty() || (counts.first >= 3 && 2 * counts.second > counts.first)) nodes.insert(node);
    }
    return nodes;
  }

  // One whose instance is nowhere to be seen may still run, for all that such an agent knows.
  void CheckDeparture(const std::string& key, const Json& pod, bool may_be_lost) {
    const auto deadline = base::ParseRfc3339(sandbox::Text(pod, {"metadata", "deletionTimestamp"}));
    if (deadline && !may_be_lost && *deadline + kLongGone < world_.runtime().WallNow())
      Say("pods-go", fmt::format("{} was to be gone by {}", key, base::FormatRfc3339(*deadline)));
  }

  void CheckEnded(const std::string& key, const Json& pod) {
    for (const Instance& instance : Of(pod)) {
      if (IsAlive(instance))
        Say("no-orphans",
            fmt::format("{} has {}, and its instance {} runs on", key, sandbox::PhaseOf(pod), instance.id));
    }
  }

  void CheckLive(const std::string& key, const Json& pod, bool may_be_lost) {
    const std::vector<Instance>& own = Of(pod);
    if (own.size() == 1) return CheckStatus(key, pod, own.front());
    if (may_be_lost) return;
    Say("one-instance-per-live-pod", fmt::format("{} has {} instances", key, own.size()));
  }

  void CheckStatus(const std::string& key, const Json& pod, const Instance& instance) {
    const auto compare = [&](const char* what, const std::string& told, const std::string& is) {
      if (told != is)
        Say("status-is-instance",
            fmt::format("{} says {} \"{}\", its instance {}: \"{}\"", key, what, told, instance.id, is));
    };
    compare("phase", sandbox::PhaseOf(pod), PhaseOf(instance.state));
    compare("podIP", sandbox::Text(pod, {"status", "podIP"}), instance.pod_ip);
    for (const ContainerState& is : instance.containers)
      compare(is.name.c_str(), ToldOf(pod, is.name), Told(StateOf(is), is.ready, is.restart_count));
  }

  void CheckOrphans() {
    std::set<std::string> known;
    for (const auto& [key, pod] : hosted_) known.insert(sandbox::UidOf(*pod));
    for (const auto& [uid, own] : instances_) {
      if (known.contains(uid)) continue;
      Say("no-orphans", fmt::format("{} instances of {}/{}, which is gone", own.size(),
                                    own.front().identity.pod_namespace, own.front().identity.pod_name));
    }
  }

  void CheckNode(const std::string& name, const std::string& address) {
    const Json* node = world_.cluster().caches().Of("nodes").Find(name);
    if (node == nullptr) return Say("registered", name + " is not there");
    if (sandbox::Text(sandbox::FindCondition(*node, "Ready"), {"status"}) != "True")
      Say("registered", name + " is not Ready");
    const Json wanted = Json::array({{{"type", "InternalIP"}, {"address", address}}});
    const Json& told = sandbox::At(*node, {"status", "addresses"});
    if (told != wanted)
      Say("registered", fmt::format("{} has the addresses {}, its agent {}", name, told.dump(), address));
  }

  const World& world_;
  const std::map<std::string, std::string> agents_;
  std::map<std::string, std::vector<Instance>> instances_;  // by UID
  std::map<std::string, const Json*> hosted_;               // Pods of virtual nodes, by key
  std::vector<Wrong> wrong_;
};

}  // namespace

std::vector<Wrong> WrongAtTheEnd(const World& world) { return EndJudge(world).Run(); }

}  // namespace spillway::simulation
