// The processes of a World: how they start, end and are disturbed.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tests/simulation/world.h"

namespace spillway::simulation {
std::unique_ptr<SimProcess> World::NewProcess() {
  return std::make_unique<SimProcess>(runtime_, runtime_.random().Next());
}

std::string World::AgentUser(const std::string& node) const {
  return (scenario_.cluster.Text("agents") == "kubelets" ? "system:node:" : "agent-") + node;
}

void World::StartController(std::size_t index) {
  ControllerProcess& process = controllers_[index];
  if (process.controller) return;
  const controller::ControllerOptions options = ControllerOptionsFor(process.name);
  std::optional<Duration> renew_deadline;
  if (options.leader_election) renew_deadline = options.leader_election->renew_deadline;
  process.life = deeds_.lives.size();
  deeds_.lives.push_back({.name = process.name, .began = runtime_.Now()});
  process.transport = std::make_unique<ObservedTransport>(*process.process,
                                                          cluster_->api().NewTransport(process.name, *process.process),
                                                          deeds_, process.life, renew_deadline);
  process.metrics = std::make_unique<metrics::Registry>(metrics::Component::kController);
  process.controller =
      std::make_unique<controller::Controller>(*process.process, *process.transport, options, *process.metrics);
  process.controller->Start([this, index](const std::string&) {
    runtime_.Post([this, index] { KillController(index, 1s); });  // as the process manager restarts it
  });
}

void World::KillController(std::size_t index, Duration downtime) {
  ControllerProcess& process = controllers_[index];
  if (!process.controller) return;
  process.stopping.reset();
  Collect(process.controller->decisions());
  for (const char* result : {"agree", "differ", "stale", "undecided"}) {
    agreements_[result] +=
        static_cast<std::int64_t>(process.metrics->Value(metrics::Id::kSchedulerAgreement, {result}));
  }
  process.controller.reset();
  process.process->Resume();
  deeds_.lives[process.life].ended = runtime_.Now();
  process.metrics.reset();
  process.transport.reset();
  runtime_.PostAt(runtime_.Now() + downtime, [this, index] { StartController(index); });
}

void World::StopController(std::size_t index, Duration downtime) {
  constexpr Duration kGrace = std::chrono::seconds(25);  // as the chart gives it
  ControllerProcess& process = controllers_[index];
  if (!process.controller || process.stopping) return;
  ControllerLife& life = deeds_.lives[process.life];
  life.stopped = runtime_.Now();
  life.led_when_stopped = life.leads_until && runtime_.Now() < *life.leads_until;
  process.stopping = std::make_unique<TaskScope>(*process.process);
  process.stopping->Spawn(Stopping(index, kGrace, downtime));
}

Task<void> World::Stopping(std::size_t index, Duration grace, Duration downtime) {
  Task<void> shutdown = controllers_[index].controller->Shutdown(grace);
  co_await shutdown;
  runtime_.Post([this, index, downtime, life = controllers_[index].life] {
    if (controllers_[index].life == life) KillController(index, downtime);
  });
}

void World::Disturb(const std::string& process, Duration span, const std::string& resource, Duration after) {
  disturbances_.push_back({process, runtime_.Now(), runtime_.Now() + span, resource, after});
}

std::optional<std::size_t> World::LeadingLife() const {
  if (deeds_.lives.empty()) return std::nullopt;
  const bool elects = ControllerOptionsFor("").leader_election.has_value();
  const std::size_t life = elects && deeds_.holder ? deeds_.holder->life : controllers_.front().life;
  const ControllerLife& leader = deeds_.lives[life];
  const bool leads = !elects || (deeds_.holder && leader.leads_until && runtime_.Now() < *leader.leads_until);
  return leads && !leader.ended && !leader.stopped ? std::optional(life) : std::nullopt;
}

// A watch that never stands comes back ever more slowly (kube/reflector_core.cc), and until then nobody knows.
bool World::BreaksWatchesAllTheTime() const {
  constexpr Duration kProofOfHealth = std::chrono::seconds(2), kComesBack = std::chrono::seconds(2);
  return std::any_of(scenario_.faults.begin(), scenario_.faults.end(), [&](const Step& fault) {
    return fault.what.Word(0) == "watch.drop" && fault.when.every > Duration(0) &&
           fault.when.every <= kProofOfHealth + kComesBack;
  });
}

bool World::MayBePrompt() {
  constexpr Duration kNodeReturns = std::chrono::seconds(65);
  const auto leader = LeadingLife();
  if (std::exchange(leader_, leader) != leader || !leader) return false;
  const bool is_slow = scenario_.controller.options.contains("qps") || is_dry_run() || has_policies() ||
                       LongestLag() > Duration(0) || BreaksWatchesAllTheTime();
  const Instant now = runtime_.Now(), changed = history_->real_nodes_changed();
  if (is_slow || (changed > began_ && now < changed + kNodeReturns)) return false;
  return std::none_of(disturbances_.begin(), disturbances_.end(), [&](const Disturbance& storm) {
    const bool concerns = storm.process.empty() || storm.process == deeds_.lives[*leader].name;
    return storm.resource.empty() && concerns && now < storm.until + storm.after;
  });
}

std::vector<std::string> World::SlowHandOvers() const {
  constexpr Duration kSoon = std::chrono::seconds(3);
  std::vector<std::string> lines;
  for (const ControllerLife& life : deeds_.lives) {
    if (!life.led_when_stopped) continue;
    const Instant limit = *life.stopped + kSoon;
    if (life.gave_back && *life.gave_back <= limit) continue;
    if (life.ended && *life.ended <= limit) continue;  // killed before
    const bool is_hindered = std::any_of(disturbances_.begin(), disturbances_.end(), [&](const Disturbance& storm) {
      const bool concerns = storm.resource.empty() || storm.resource == "leases" || storm.resource == "pods/binding";
      return concerns && (storm.process.empty() || storm.process == life.name) && storm.from <= limit &&
             storm.until + kLongestRetry >= *life.stopped;
    });
    if (!is_hindered)
      lines.push_back(
          fmt::format("{} was told to end, and gave its lease back {}", life.name,
                      life.gave_back ? "after " + base::FormatDuration(*life.gave_back - *life.stopped) : "never"));
  }
  return lines;
}

Duration World::UndisturbedLife(std::size_t life, Instant since, Instant until) const {
  const ControllerLife& lived = deeds_.lives[life];
  const Instant end = std::min(until, lived.ended.value_or(runtime_.Now()));
  // The longest calm counts, not the sum of short ones.
  std::vector<std::pair<Instant, Instant>> storms;
  for (const Disturbance& disturbance : disturbances_) {
    if (disturbance.process.empty() || disturbance.process == lived.name)
      storms.emplace_back(disturbance.from, disturbance.until);
  }
  std::sort(storms.begin(), storms.end());
  Duration longest{0};
  Instant calm_since = since;
  for (const auto& [from, until] : storms) {
    longest = std::max(longest, std::min(from, end) - calm_since);
    calm_since = std::max(calm_since, until + kLongestRetry);
  }
  return std::max(longest, end - calm_since);
}

// What a process knew before a pause is what it acts on right after it.
Duration World::LagOf(const BindRecord& arrived) const {
  const SentBind* bind = deeds_.Find(arrived.uid, arrived.decision);
  Duration lag = LongestLag();
  if (bind == nullptr) return lag;
  for (const ControllerProcess& process : controllers_) {
    if (process.name != deeds_.lives[bind->life].name) continue;
    if (process.process->resumed_at() + lag + 1s >= bind->sent) lag += process.process->last_pause();
  }
  return lag + (runtime_.Now() - bind->sent);
}

}  // namespace spillway::simulation
