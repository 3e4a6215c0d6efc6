#include "tests/simulation/fault_injector.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tests/simulation/world.h"

namespace spillway::simulation {
namespace {

constexpr Duration kLongestLag = std::chrono::seconds(5);  // what every invariant about the present allows for
constexpr Duration kOutageFelt = std::chrono::seconds(3);  // after it, until all is moving again
constexpr Duration kUntilTheEnd = std::chrono::hours(1);

}  // namespace

void FaultInjector::Strike(const Line& fault) {
  if (world_.faults_ended_) return;
  const bool known = StrikeApi(fault) || StrikeWatch(fault) || StrikeHttp(fault) || StrikeScheduler(fault) ||
                     StrikeProcess(fault) || StrikeNode(fault) || StrikePod(fault) || StrikeCloud(fault);
  if (!known)
    world_.step_failures_.push_back(fmt::format("line {}: unknown fault \"{}\"", fault.number, fault.Word(0)));
}

// From now on, for as long as the line says.
void FaultInjector::Add(sandbox::FaultRule rule, const Line& fault) {
  rule.from = world_.runtime().Now();
  if (fault.options.contains("for")) rule.until = rule.from + fault.Time("for", 0s);
  world_.cluster().api().faults().Add(std::move(rule));
}

bool FaultInjector::StrikeApi(const Line& fault) {
  const std::string verb = fault.Word(0);
  if (verb == "api.down") {
    world_.cluster().api().faults().Down(fault.Time("for", 4s));
    world_.Disturb("", fault.Time("for", 4s), "", kOutageFelt);
    ++struck_[verb];
  } else if (verb == "lease") {
    ++struck_["lease.delete"];
    world_.deeds_.lease_deleted = world_.runtime().Now();
    world_.deeds_.holder.reset();
    (void)world_.cluster().store().Delete("leases", "kube-system", "spillway-controller");
  } else if (verb == "rare") {
    world_.Disturb("", kUntilTheEnd);
    for (auto& process : world_.controllers_) process.process->ForceRareBranches(fault.Share("share", 0.1));
    for (auto& [node, agent] : world_.agents_) agent.process->ForceRareBranches(fault.Share("share", 0.1));
  } else {
    return false;
  }
  return true;
}

bool FaultInjector::StrikeWatch(const Line& fault) {
  sandbox::Faults& faults = world_.cluster().api().faults();
  const std::string verb = fault.Word(0);
  if (verb == "watch.drop") {
    faults.CutWatches(fault.Text("resource"));
    ++struck_[verb];
  } else if (verb == "watch.gone") {
    faults.ExpireWatches(fault.Text("resource"));
    ++struck_[verb];
  } else if (verb == "watch.compact") {
    world_.cluster().store().etcd().Compact();
    ++struck_[verb];
  } else if (verb == "watch.lag") {
    Add({.watch_lag = std::min(kLongestLag, fault.Time("within", kLongestLag))}, fault);
  } else if (verb == "list.pages") {
    Add({.page_limit = fault.Number("limit", 3)}, fault);
  } else {
    return false;
  }
  return true;
}

bool FaultInjector::StrikeHttp(const Line& fault) {
  if (fault.Word(0) != "http") return false;
  sandbox::FaultRule rule{.verb = fault.Text("method"), .resource = fault.Text("resource")};
  const double share = fault.Share("share", 0.1);
  const std::map<std::int64_t, double sandbox::FaultRule::*> statuses = {
      {403, &sandbox::FaultRule::forbidden},      {409, &sandbox::FaultRule::conflict},
      {410, &sandbox::FaultRule::gone},           {429, &sandbox::FaultRule::throttle},
      {500, &sandbox::FaultRule::internal_error}, {503, &sandbox::FaultRule::unavailable}};
  if (const auto status = statuses.find(fault.Number("status", 0)); status != statuses.end())
    rule.*status->second = share;
  if (fault.options.contains("retry-after")) ProxySays(fault);
  rule.lost_reply = fault.Share("lost", 0);
  rule.cut_answer = fault.Share("cut", 0);
  if (fault.Word(1) == "delay") {
    rule.delay = share;
    rule.delay_max = fault.Time("within", 200ms);
  }
  const std::string resource = rule.resource;
  Add(std::move(rule), fault);
  world_.Disturb("", fault.Time("for", kUntilTheEnd), resource);
  return true;
}

// Something between the controllers and the API server puts that into every refusal for now.
void FaultInjector::ProxySays(const Line& fault) {
  world_.deeds_.retry_after = fault.Time("retry-after", 1s);
  if (fault.options.contains("for"))
    world_.At(world_.runtime().Now() + fault.Time("for", 0s), [this] { world_.deeds_.retry_after = Duration(0); });
}

bool FaultInjector::StrikeScheduler(const Line& fault) {
  if (fault.Word(0) != "scheduler" || fault.Word(1) != "still") return false;
  world_.cluster().scheduler().StandStill(fault.Time("for", 1min));
  ++struck_["scheduler.still"];
  return true;
}

// With several, the leader: to strike a standby proves nothing.
std::size_t FaultInjector::Leader() const {
  std::size_t leader = 0;
  for (std::size_t i = 0; i < world_.controllers_.size(); ++i) {
    if (world_.controllers_[i].controller && world_.controllers_[i].controller->is_leading()) leader = i;
  }
  return leader;
}

std::string FaultInjector::AgentNode(const Line& fault) {
  const auto named = world_.agents_.find(fault.Text("node"));
  if (named != world_.agents_.end()) return named->first;
  return std::next(world_.agents_.begin(), static_cast<long>(world_.random_.Below(world_.agents_.size())))->first;
}

FaultInjector::Victim FaultInjector::Find(const Line& fault) {
  if (fault.Word(1) == "controller") {
    auto& leader = world_.controllers_[Leader()];
    return {leader.name, leader.process.get()};
  }
  if (fault.Word(1) != "agent" || world_.agents_.empty()) return {};
  const World::AgentProcess& agent = world_.agents_.at(AgentNode(fault));
  return {agent.user, agent.process.get()};
}

bool FaultInjector::StrikeProcess(const Line& fault) {
  return Kill(fault) || Move(fault) || StartSecond(fault) || Stop(fault) || Pause(fault) || Partition(fault) ||
         SetClock(fault);
}

bool FaultInjector::Kill(const Line& fault) {
  if (fault.Word(0) != "kill") return false;
  const Duration downtime =
      fault.options.contains("for") ? fault.Time("for", 1s) : world_.random_.Between(Duration(50ms), Duration(3s));
  if (fault.Word(1) == "controller") {
    world_.KillController(Leader(), downtime);
  } else if (fault.Word(1) == "agent" && !world_.agents_.empty()) {
    world_.KillAgent(world_.agents_.at(AgentNode(fault)).user, downtime);
  } else {
    return false;
  }
  ++struck_["kill." + fault.Word(1)];
  return true;
}

bool FaultInjector::Move(const Line& fault) {
  if (fault.Word(0) != "move" || fault.Word(1) != "agent" || world_.agents_.empty()) return false;
  world_.MoveAgent(AgentNode(fault), fault.Time("for", 1s));
  ++struck_["move.agent"];
  return true;
}

bool FaultInjector::StartSecond(const Line& fault) {
  if (fault.Word(0) != "second" || fault.Word(1) != "agent" || world_.agents_.empty()) return false;
  const Duration by = fault.Time("by", Duration(0));
  world_.StartSecondAgent(AgentNode(fault), fault.Time("for", 30s), fault.Word(2) == "stays",
                          fault.Word(3) == "back" ? -by : by);
  ++struck_["second.agent"];
  return true;
}

bool FaultInjector::Stop(const Line& fault) {
  if (fault.Word(0) != "stop" || fault.Word(1) != "controller") return false;
  world_.StopController(Leader(), fault.Time("for", 1s));
  ++struck_["stop.controller"];
  return true;
}

void FaultInjector::WhenBinding(std::function<void(const Victim&)> strike) {
  world_.deeds_.on_bind = [this, strike = std::move(strike)](std::size_t life) {
    for (auto& process : world_.controllers_) {
      if (process.life == life && !world_.faults_ended_) strike({process.name, process.process.get()});
    }
  };
}

bool FaultInjector::Pause(const Line& fault) {
  if (fault.Word(0) != "pause") return false;
  if (fault.Word(2) == "binding") {
    WhenBinding([this, fault](const Victim& victim) { Hold(victim, fault); });
    return true;
  }
  const Victim victim = Find(fault);
  if (victim.process == nullptr) return false;
  Hold(victim, fault);
  return true;
}

void FaultInjector::Hold(const Victim& victim, const Line& fault) {
  if (victim.process->is_paused()) return;
  const Duration span = fault.Time("for", 20s);
  victim.process->Pause();
  world_.Disturb(victim.name, span);
  world_.At(world_.runtime().Now() + span, [process = victim.process] { process->Resume(); });
  ++struck_["pause." + fault.Word(1)];
}

bool FaultInjector::Partition(const Line& fault) {
  if (fault.Word(0) != "partition") return false;
  if (fault.Word(2) == "binding") {
    WhenBinding([this, fault](const Victim& victim) { CutOff(victim, fault); });
    return true;
  }
  const Victim victim = Find(fault);
  if (victim.process == nullptr) return false;
  CutOff(victim, fault);
  return true;
}

void FaultInjector::CutOff(const Victim& victim, const Line& fault) {
  const Duration span = fault.Time("for", 8s);
  sandbox::Faults& faults = world_.cluster().api().faults();
  if (fault.Word(2) == "silently" || fault.Word(3) == "silently") {
    faults.PartitionSilently(victim.name, span);
  } else {
    faults.Partition(victim.name, span);
  }
  world_.Disturb(victim.name, span);
  ++struck_["partition." + fault.Word(1)];
}

bool FaultInjector::SetClock(const Line& fault) {
  if (fault.Word(0) != "clock") return false;
  const Victim victim = Find(fault);
  if (victim.process == nullptr) return false;
  const Duration by = fault.Time("by", 40s);
  victim.process->SetSkew(victim.process->skew() + (fault.Word(2) == "back" ? -by : by));
  ++struck_["clock"];
  return true;
}

bool FaultInjector::StrikeNode(const Line& fault) {
  if (fault.Word(0) != "node") return false;
  sandbox::SandboxCluster& cluster = world_.cluster();
  const std::string verb = fault.Word(1), name = fault.Word(2);
  if (verb == "add") {
    world_.AddRealNode(fault, 2);
  } else if (verb == "remove") {
    cluster.RemoveRealNode(name);
    ++struck_[world_.agents_.contains(name) ? "node.remove.virtual" : "node.remove"];
    return true;
  } else if (verb == "cordon") {
    cluster.Cordon(name);
  } else if (verb == "uncordon") {
    cluster.Uncordon(name);
  } else if (verb == "garble") {
    if (!Garble(name)) return true;
  } else if (verb == "mend") {
    Mend(name);
  } else if (verb == "silence") {
    cluster.kubelets().Silence(name);
  } else if (verb == "resume") {
    cluster.kubelets().Resume(name);
  } else {
    return false;
  }
  ++struck_["node." + verb];
  return true;
}

bool FaultInjector::Garble(const std::string& node) {
  const auto garbled =
      world_.cluster().store().Modify("nodes", "", node, sandbox::Part::kStatus, [](sandbox::Json& object) {
        object["status"][kGarbledField] = false;
        return true;
      });
  return garbled && garbled_.insert(node).second;
}

void FaultInjector::Mend(const std::string& node) {
  garbled_.erase(node);
  (void)world_.cluster().store().Modify("nodes", "", node, sandbox::Part::kStatus, [](sandbox::Json& object) {
    return object["status"].erase(kGarbledField) != 0;
  });
}

bool FaultInjector::StrikeCloud(const Line& fault) {
  if (fault.Word(0) != "cloud") return false;
  cloud::SimulatedFaults& faults = world_.cloud().faults();
  const std::string verb = fault.Word(1);
  if (verb == "down") faults.down = true;
  if (verb == "auth_lost") faults.auth_lost = true;
  if (verb == "forget") world_.desk_.forgets = true;
  if (verb == "unlist") Unlist(fault.Share("share", 0.3));
  if (!verb.empty()) ++struck_["cloud." + verb];
  if (verb == "reclaim" || verb == "lose") {
    const std::vector<cloud::Instance> instances = world_.cloud().Instances();
    if (instances.empty()) return true;
    const std::string& victim = instances[world_.random_.Below(instances.size())].id;
    (void)(verb == "lose" ? world_.cloud().Lose(victim) : world_.cloud().Reclaim(victim));
  }
  faults.no_stock = fault.Share("no_stock", faults.no_stock);
  faults.late_no_stock = fault.Share("late_no_stock", faults.late_no_stock);
  faults.lost_reply = fault.Share("lost_reply", faults.lost_reply);
  faults.throttled = fault.Share("throttled", faults.throttled);
  if (fault.options.contains("for"))
    world_.At(world_.runtime().Now() + fault.Time("for", 0s), [this] {
      world_.cloud().faults() = world_.CloudOptions().faults;
      world_.desk_.unlisted.clear();
      world_.desk_.forgets = false;
    });
  return true;
}

void FaultInjector::Unlist(double share) {
  for (const cloud::Instance& instance : world_.cloud().Instances()) {
    if (world_.random_.Chance(share)) world_.desk_.unlisted.insert(instance.id);
  }
}

void FaultInjector::EndAll() {
  world_.deeds_.on_bind = nullptr;
  world_.deeds_.retry_after = Duration(0);
  world_.cluster().api().faults().Clear();
  world_.cloud().faults() = cloud::SimulatedFaults();
  world_.desk_.unlisted.clear();
  world_.desk_.forgets = false;
  while (!garbled_.empty()) Mend(std::string(*garbled_.begin()));
  for (auto& process : world_.controllers_) {
    process.process->Resume();
    process.process->ForceRareBranches(0);
  }
  for (auto& [node, agent] : world_.agents_) {
    agent.process->Resume();
    agent.process->ForceRareBranches(0);
  }
}

std::map<std::string, std::uint64_t> FaultInjector::Fired() const {
  std::map<std::string, std::uint64_t> fired = struck_;
  const sandbox::Faults::Counts& counts = world_.cluster().api().faults().counts();
  const auto note = [&](const char* kind, std::uint64_t count) {
    if (count > 0) fired[kind] += count;
  };
  note("http.unavailable", counts.unavailable);
  note("http.internal_error", counts.internal_errors);
  note("http.throttle", counts.throttled);
  note("http.conflict", counts.conflicts);
  note("http.forbidden", counts.forbidden);
  note("http.gone", counts.gone);
  note("http.lost", counts.lost_replies);
  note("http.cut", counts.cut_answers);
  note("http.delay", counts.delays);
  note("watch.lag", counts.late_events);
  note("list.gone", counts.gone_in_lists);
  note("second.agent.takes_over", world_.take_overs_);
  const cloud::SimulatedCloudCounts& cloud = world_.cloud().counts();
  note("cloud.refused", cloud.refused_creates);
  note("cloud.no_stock", cloud.stock_outs);
  note("cloud.late_no_stock", cloud.late_stock_outs);
  note("cloud.throttled", cloud.throttled_calls);
  note("cloud.lost_reply", cloud.lost_replies);
  for (const auto& process : world_.controllers_) note("rare", process.process->rare_branches());
  for (const auto& [node, agent] : world_.agents_) note("rare", agent.process->rare_branches());
  return fired;
}

}  // namespace spillway::simulation
