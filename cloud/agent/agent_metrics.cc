#include "cloud/agent/agent_metrics.h"

namespace spillway::cloud {
namespace {

using metrics::Id;

constexpr Duration kLateLease = 5s;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string ReasonLabel(Refusal refusal) {
  switch (refusal) {
    case Refusal::kThrottled:
    case Refusal::kStock:
    case Refusal::kQuota:
    case Refusal::kAuth:
    case Refusal::kTokenMismatch:
      return std::string(ToString(refusal));
    case Refusal::kTransient:
    case Refusal::kInvalid:
      break;
  }
  return "other";
}

void ReadGauges(metrics::Registry& registry, const Agent& agent) {
  const AgentCounts counts = agent.counts();
  const auto set = [&registry](Id id, const metrics::LabelValues& labels, std::size_t value) {
    registry.Set(id, labels, static_cast<double>(value));
  };
  set(Id::kInstances, {"creating"}, counts.creating);
  set(Id::kInstances, {"running"}, counts.running);
  set(Id::kInstances, {"terminating"}, counts.terminating);
  set(Id::kInstances, {"failed"}, counts.failed);
  set(Id::kInstancesOrphaned, {}, counts.orphans);
  set(Id::kPodsWithoutInstance, {}, counts.pods_without_instance);
  const std::string provider(agent.provider_name());
  registry.Set(Id::kInstanceCostPerHour, {provider}, agent.costs().per_hour());
  registry.SetTotal(Id::kInstanceCost, {provider}, agent.costs().total());
  set(Id::kInstancesWithoutPrice, {provider}, agent.costs().without_price());
  set(Id::kCacheObjects, {"pods"}, counts.pods);
  registry.Set(Id::kCloudReachable, {}, counts.is_cloud_reachable ? 1 : 0);
  registry.Set(Id::kLeaseLastRenewalTimestamp, {}, Seconds(counts.lease_renewed_at.time_since_epoch()));

  const kube::ReflectorCounts& watch = agent.pod_watch();
  registry.Set(Id::kCacheSynced, {"pods"}, watch.synced && !watch.stale ? 1 : 0);
  registry.Set(Id::kWatchLastEventTimestamp, {"pods"}, Seconds(watch.last_event.time_since_epoch()));
  registry.SetTotal(Id::kWatchRestarts, {"pods"}, static_cast<double>(watch.watch_errors));
  registry.SetTotal(Id::kObjectsMalformed, {"pods"}, static_cast<double>(watch.malformed));
  const kube::EventCounts& events = agent.event_counts();
  registry.SetTotal(Id::kEventsEmitted, {}, static_cast<double>(events.emitted));
  registry.SetTotal(Id::kEventsDropped, {"limited"}, static_cast<double>(events.dropped));
  registry.SetTotal(Id::kEventsDropped, {"failed"}, static_cast<double>(events.failed));
}

}  // namespace

AgentMetrics::AgentMetrics(metrics::Registry& registry, std::string host)
    : registry_(registry), host_(std::move(host)) {}

metrics::ScrapeHook AgentMetrics::Watch(const Agent& agent) {
  return registry_.OnScrape([this, &agent] { ReadGauges(registry_, agent); });
}

void AgentMetrics::OnOperation(std::string_view operation, std::optional<Refusal> refusal, Duration took) {
  const std::string name(operation);
  registry_.Add(Id::kInstanceOperations, {name, refusal ? "error" : "ok", refusal ? ReasonLabel(*refusal) : "none"});
  // A poll waits for something to happen.
  if (operation != "poll") registry_.Observe(Id::kInstanceOperationDuration, {name}, Seconds(took));
}

void AgentMetrics::OnInstanceLost() { registry_.Add(Id::kInstancesLost, {}); }
void AgentMetrics::OnSuspiciousListing() { registry_.Add(Id::kListingsSuspect, {}); }
void AgentMetrics::OnOrphanDeleted() { registry_.Add(Id::kOrphansDeleted, {}); }
void AgentMetrics::OnLeaseRenewed(Duration late) {
  registry_.Add(Id::kLeaseRenewals, {late > kLateLease ? "late" : "on_time"});
}

void AgentMetrics::OnRequest(std::string_view verb, int status, Duration /*took*/) {
  registry_.Add(Id::kRestClientRequests, {status == 0 ? "<error>" : std::to_string(status), std::string(verb), host_});
}

void AgentMetrics::OnRateLimited(Duration waited) {
  registry_.Observe(Id::kRestClientRateLimiterDuration, {}, Seconds(waited));
}

}  // namespace spillway::cloud
