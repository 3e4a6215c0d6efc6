#include "tests/simulation/fault_injector.h"

#include <fmt/core.h>

#include "tests/simulation/world.h"

namespace spillway::simulation {

void FaultInjector::Strike(const Line& fault) {
  if (world_.faults_ended_) return;
  const bool known = StrikeApi(fault) || StrikeHttp(fault) || StrikeScheduler(fault) || StrikeProcess(fault) ||
                     StrikeNode(fault) || StrikeCloud(fault);
  if (!known)
    world_.step_failures_.push_back(fmt::format("line {}: unknown fault \"{}\"", fault.number, fault.Word(0)));
}

bool FaultInjector::StrikeApi(const Line& fault) {
  sandbox::Faults& faults = world_.cluster().api().faults();
  const std::string verb = fault.Word(0);
  if (verb == "api.down") {
    faults.Down(fault.Time("for", 4s));
  } else if (verb == "watch.drop") {
    faults.CutWatches(fault.Text("resource"));
  } else if (verb == "watch.gone") {
    faults.ExpireWatches(fault.Text("resource"));
  } else if (verb == "watch.compact") {
    world_.cluster().store().etcd().Compact();
  } else {
    return false;
  }
  return true;
}

bool FaultInjector::StrikeHttp(const Line& fault) {
  if (fault.Word(0) != "http") return false;
  sandbox::FaultRule rule;
  rule.verb = fault.Text("method");
  rule.resource = fault.Text("resource");
  rule.from = world_.runtime().Now();
  if (fault.options.contains("for")) rule.until = rule.from + fault.Time("for", 0s);
  const double share = fault.Share("share", 0.1);
  switch (fault.Number("status", 0)) {
    case 409:
      rule.conflict = share;
      break;
    case 410:
      rule.gone = share;
      break;
    case 429:
      rule.throttle = share;
      break;
    case 500:
      rule.internal_error = share;
      break;
    case 503:
      rule.unavailable = share;
      break;
    default:
      break;
  }
  rule.lost_reply = fault.Share("lost", 0);
  if (fault.Word(1) == "delay") {
    rule.delay = share;
    rule.delay_max = fault.Time("within", 200ms);
  }
  rules_.push_back(world_.cluster().api().faults().Add(rule));
  return true;
}

bool FaultInjector::StrikeScheduler(const Line& fault) {
  if (fault.Word(0) != "scheduler" || fault.Word(1) != "still") return false;
  world_.cluster().scheduler().StandStill(fault.Time("for", 1min));
  return true;
}

bool FaultInjector::StrikeProcess(const Line& fault) {
  if (fault.Word(0) != "kill") return false;
  const Duration downtime =
      fault.options.contains("for") ? fault.Time("for", 1s) : world_.random_.Between(Duration(50ms), Duration(3s));
  if (fault.Word(1) == "controller") {
    // With several, the leader: killing a standby proves nothing.
    std::size_t victim = 0;
    for (std::size_t i = 0; i < world_.controllers_.size(); ++i) {
      if (world_.controllers_[i].controller && world_.controllers_[i].controller->is_leading()) victim = i;
    }
    world_.KillController(victim, downtime);
    return true;
  }
  if (fault.Word(1) != "agent" || world_.agents_.empty()) return false;
  auto victim = world_.agents_.find(fault.Text("node"));
  if (victim == world_.agents_.end())
    victim = std::next(world_.agents_.begin(), static_cast<long>(world_.random_.Below(world_.agents_.size())));
  world_.KillAgent(victim->first, downtime);
  return true;
}

bool FaultInjector::StrikeNode(const Line& fault) {
  if (fault.Word(0) != "node") return false;
  sandbox::SandboxCluster& cluster = world_.cluster();
  const std::string verb = fault.Word(1), name = fault.Word(2);
  if (verb == "add") {
    cluster.AddRealNode(name, fault.Text("cpu", "4"), fault.Text("memory", "8Gi"), fault.Number("pods", 110));
  } else if (verb == "remove") {
    cluster.RemoveRealNode(name);
  } else if (verb == "cordon") {
    cluster.Cordon(name);
  } else if (verb == "uncordon") {
    cluster.Uncordon(name);
  } else if (verb == "silence") {
    cluster.kubelets().Silence(name);
  } else if (verb == "resume") {
    cluster.kubelets().Resume(name);
  } else {
    return false;
  }
  return true;
}

bool FaultInjector::StrikeCloud(const Line& fault) {
  if (fault.Word(0) != "cloud") return false;
  cloud::SimulatedFaults& faults = world_.cloud().faults();
  const std::string verb = fault.Word(1);
  if (verb == "down") faults.down = true;
  if (verb == "auth_lost") faults.auth_lost = true;
  if (verb == "reclaim" || verb == "lose") {
    const std::vector<cloud::Instance> instances = world_.cloud().Instances();
    if (instances.empty()) return true;
    const std::string& victim = instances[world_.random_.Below(instances.size())].id;
    (void)(verb == "lose" ? world_.cloud().Lose(victim) : world_.cloud().Reclaim(victim));
  }
  faults.no_stock = fault.Share("no_stock", faults.no_stock);
  faults.lost_reply = fault.Share("lost_reply", faults.lost_reply);
  faults.throttled = fault.Share("throttled", faults.throttled);
  if (fault.options.contains("for"))
    world_.At(world_.runtime().Now() + fault.Time("for", 0s),
              [this] { world_.cloud().faults() = world_.CloudOptions().faults; });
  return true;
}

void FaultInjector::EndAll() {
  for (const sandbox::Faults::RuleId rule : rules_) world_.cluster().api().faults().Remove(rule);
  rules_.clear();
  world_.cloud().faults() = cloud::SimulatedFaults();
}

}  // namespace spillway::simulation
