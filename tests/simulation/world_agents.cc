// The agents of a World: how they start, move and end, and what they can be held to.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tests/simulation/world.h"

namespace spillway::simulation {
namespace {

// The second of a node, and the first after it: they take turns.
std::string OtherUser(const std::string& user) {
  constexpr std::string_view kOther = "-again";
  return user.ends_with(kOther) ? user.substr(0, user.size() - kOther.size()) : user + std::string(kOther);
}

}  // namespace

std::string World::NewAddress() {
  const std::int64_t number = addresses_++;
  return fmt::format("10.9.{}.{}", number / 250, number % 250 + 1);
}

World::AgentProcess* World::FindAgent(const std::string& user) {
  for (auto* agents : {&agents_, &second_agents_}) {
    for (auto& [node, process] : *agents) {
      if (process.user == user) return &process;
    }
  }
  return nullptr;
}

std::map<std::string, std::string> World::AgentAddresses() const {
  std::map<std::string, std::string> addresses;
  for (const auto& [node, process] : agents_) addresses[node] = process.address;
  return addresses;
}

// Only of processes of its own machine a process knows that they are dead.
void World::StartAgent(const std::string& user) {
  AgentProcess* const process = FindAgent(user);
  if (process == nullptr || process->agent) return;
  cloud::AgentOptions options;
  options.node_name = process->node;
  options.cluster_id = sandbox::UidOf(*cluster_->store().Get("namespaces", "", "kube-system"));
  options.identity = process->identity = fmt::format("{}_{}", process->address, identities_++);
  process->started = runtime_.Now();
  options.is_dead = [here = process->address + "_"](const std::string& other) { return other.starts_with(here); };
  options.internal_ip = process->address;
  options.capacity = process->capacity;
  options.extra_capabilities = process->extra_capabilities;
  options.taint_value = "simulated";
  process->transport = cluster_->api().NewTransport(user, *process->process);
  process->provider = std::make_unique<ProcessProvider>(*process->process, cloud_->NewProvider(), desk_);
  process->agent = std::make_unique<cloud::Agent>(*process->process, *process->transport, *process->provider, options);
  process->agent->Start([this, user](const std::string&) { KillAgent(user, 1s); });
}

void World::StopAgent(AgentProcess& process) {
  process.agent.reset();
  process.process->Resume();
  process.provider.reset();
  process.transport.reset();
}

void World::KillAgent(const std::string& user, Duration downtime) {
  AgentProcess* const process = FindAgent(user);
  if (process == nullptr || !process->agent) return;
  StopAgent(*process);
  runtime_.PostAt(runtime_.Now() + downtime, [this, user] { StartAgent(user); });
}

void World::MoveAgent(const std::string& node, Duration downtime) {
  AgentProcess& process = agents_.at(node);
  process.address = NewAddress();
  KillAgent(process.user, downtime);
}

void World::StartSecondAgent(const std::string& node, Duration span, bool second_stays, Duration skew) {
  if (second_agents_.contains(node)) return;
  const AgentProcess& first = agents_.at(node);
  AgentProcess& second = second_agents_[node];
  second.node = node;
  second.user = OtherUser(first.user);
  second.address = NewAddress();
  second.capacity = first.capacity;
  second.extra_capabilities = first.extra_capabilities;
  second.process = NewProcess();
  second.process->SetSkew(skew);
  StartAgent(second.user);
  At(runtime_.Now() + span, [this, node, second_stays] { EndSecondAgent(node, second_stays); });
}

void World::EndSecondAgent(const std::string& node, bool second_stays) {
  auto second = second_agents_.extract(node);
  if (!second) return;
  if (HolderOfLease(node) == second.mapped().identity) ++take_overs_;
  if (second_stays) std::swap(agents_.at(node), second.mapped());
  StopAgent(second.mapped());
  ended_.push_back(std::move(second.mapped().process));
}

// None: there is no Lease, as just after its Node was deleted.
std::optional<std::string> World::HolderOfLease(const std::string& node) const {
  const auto lease = cluster_->store().Get("leases.coordination.k8s.io", "kube-node-lease", node);
  if (!lease) return std::nullopt;
  return sandbox::Text(*lease, {"spec", "holderIdentity"});
}

std::string World::AgentInCharge(const std::string& node) const {
  constexpr Duration kCatchesUp = std::chrono::seconds(5), kWaitsForTheOneBefore = std::chrono::seconds(16);
  const auto found = agents_.find(node);
  if (found == agents_.end() || !found->second.agent || LongestLag() > Duration(0)) return "";
  const AgentProcess& agent = found->second;
  const std::optional<std::string> holder = HolderOfLease(node);
  // Without a Lease, one that has just come may rightly wait for the one before it, whose Lease it has seen.
  if (holder ? *holder != agent.identity : runtime_.Now() < agent.started + kWaitsForTheOneBefore) return "";
  const bool is_disturbed = std::any_of(disturbances_.begin(), disturbances_.end(), [&](const Disturbance& storm) {
    const bool concerns = storm.process.empty() || storm.process == agent.user;
    return concerns && runtime_.Now() < storm.until + kCatchesUp;
  });
  return is_disturbed ? "" : agent.identity;
}

}  // namespace spillway::simulation
