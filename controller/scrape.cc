#include "controller/scrape.h"

#include <algorithm>
#include <map>

#include "controller/bind_order.h"
#include "controller/event_catalogue.h"

namespace spillway::controller {
namespace {

using metrics::Id;

double Seconds(WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

// Of string literals: there may be 100,000 Pods.
std::string_view StateLabel(const PendingPod& pod, bool dry_run) {
  if (pod.counts_as_placed()) return "binding";
  if (!pod.decision) return "undecided";
  switch (pod.decision->outcome) {
    case Outcome::kFits:
      return "fits_real_node";
    case Outcome::kUndecidable:
      return "undecidable";
    case Outcome::kNotEligible:
      return "not_eligible";
    case Outcome::kWaiting:
      return pod.decision->wait == Wait::kBackoff ? "backoff" : "waiting";
    case Outcome::kNoVirtualNode:
      return "no_virtual_node";
    case Outcome::kOverflow:
      return dry_run ? "would_overflow" : "binding";
  }
  return "undecided";
}

// It fits, yet kube-scheduler does not place it; as the event OverflowNotNeeded says.
bool IsOverlooked(const PendingPod& pod, Instant now) {
  return pod.decision && pod.decision->outcome == Outcome::kFits && IsMarkedUnschedulable(pod.object) &&
         now - pod.decision->since >= std::chrono::seconds(kNotNeededAfterSeconds);
}

bool StartsWith(std::string_view text, std::string_view prefix) { return text.starts_with(prefix); }

std::string Category(std::string_view reason) {
  const auto contains = [reason](std::string_view part) { return reason.find(part) != std::string_view::npos; };
  if (reason == "Insufficient cpu") return "insufficient_cpu";
  if (reason == "Insufficient memory") return "insufficient_memory";
  if (reason == "Insufficient ephemeral-storage") return "insufficient_ephemeral_storage";
  if (reason == "Too many pods") return "too_many_pods";
  if (StartsWith(reason, "Insufficient ")) return "insufficient_extended";
  if (contains("taint") || contains("unschedulable")) return "taint";
  if (contains("topology spread")) return "topology";
  if (contains("affinity") && !contains("PersistentVolume")) return "affinity";
  if (contains("olume") || contains("disk")) return "volume";
  return "other";
}

}  // namespace

std::string UnschedulableLabel(const sim::Explanation& nowhere) {
  const auto most = std::max_element(nowhere.reasons.begin(), nowhere.reasons.end(),
                                     [](const auto& a, const auto& b) { return a.nodes < b.nodes; });
  return Category(most == nowhere.reasons.end() ? nowhere.rejection : most->reason);
}

void ScrapePending(const ClusterState& state, const Runtime& runtime, bool dry_run, metrics::Registry& metrics) {
  std::map<std::string_view, double> states;
  std::map<const sim::Explanation*, double> reasons;  // shared by the Pods of a class
  std::optional<Duration> oldest;
  double overlooked = 0;
  for (const auto& [uid, pod] : state.pending()) {
    ++states[StateLabel(pod, dry_run)];
    overlooked += IsOverlooked(pod, runtime.Now()) ? 1 : 0;
    if (!pod.decision || !pod.decision->nowhere) continue;
    ++reasons[pod.decision->nowhere.get()];
    const Duration age = pod.PendingFor(runtime.Now());
    if (pod.decision->outcome != Outcome::kNotEligible && (!oldest || age > *oldest)) oldest = age;
  }
  metrics.Reset(Id::kPodsPending);
  for (const auto& [label, count] : states) metrics.Set(Id::kPodsPending, {std::string(label)}, count);
  metrics.Reset(Id::kPodsUnschedulable);
  std::map<std::string, double> labels;
  for (const auto& [nowhere, count] : reasons) labels[UnschedulableLabel(*nowhere)] += count;
  for (const auto& [label, count] : labels) metrics.Set(Id::kPodsUnschedulable, {label}, count);
  metrics.Set(Id::kPodsFitButUnscheduled, {}, overlooked);
  metrics.Set(Id::kPodOldestPendingTimestamp, {}, oldest ? Seconds(runtime.WallNow() - *oldest) : 0);
}

void ScrapeVirtualNodes(const sim::Cluster& cluster, metrics::Registry& metrics) {
  for (const Id gauge : {Id::kVirtualNodeReady, Id::kVirtualNodeCapacityCpu, Id::kVirtualNodeCapacityMemory,
                         Id::kVirtualNodeCapacityPods, Id::kVirtualNodeRequestedCpu, Id::kVirtualNodeRequestedMemory,
                         Id::kVirtualNodeRequestedPods}) {
    metrics.Reset(gauge);
  }
  metrics.Prune(Id::kBinds, [&cluster](const metrics::LabelValues& labels) {
    const auto node = cluster.FindNode(labels[1]);
    return node && cluster.node(*node).role == sim::NodeRole::kVirtual;
  });
  for (const sim::NodeIndex index : cluster.nodes(sim::NodeRole::kVirtual)) {
    const sim::NodeView node = cluster.node(index);
    const metrics::LabelValues label = {std::string(node.name)};
    const auto number = [](std::int64_t value) { return static_cast<double>(value); };
    metrics.Set(Id::kVirtualNodeReady, label, node.ready && !node.unschedulable ? 1 : 0);
    metrics.Set(Id::kVirtualNodeCapacityCpu, label, number(node.allocatable_milli_cpu) / 1000);
    metrics.Set(Id::kVirtualNodeCapacityMemory, label, number(node.allocatable_memory));
    metrics.Set(Id::kVirtualNodeCapacityPods, label, number(node.allocatable_pods));
    metrics.Set(Id::kVirtualNodeRequestedCpu, label, number(node.requested_milli_cpu) / 1000);
    metrics.Set(Id::kVirtualNodeRequestedMemory, label, number(node.requested_memory));
    metrics.Set(Id::kVirtualNodeRequestedPods, label, number(node.pods));
    for (const BindResult result :
         {BindResult::kBound, BindResult::kConflict, BindResult::kGone, BindResult::kForbidden, BindResult::kUnknown}) {
      metrics.Add(Id::kBinds, {std::string(ToString(result)), label[0]}, 0);  // 0 before the first
    }
  }
}

void ScrapeWatches(const ClusterState& state, metrics::Registry& metrics) {
  for (const Watched& watched : state.Watches()) {
    const metrics::LabelValues label = {std::string(watched.resource)};
    const kube::ReflectorCounts& counts = watched.counts;
    const bool heard = counts.last_event.time_since_epoch().count() > 0;
    metrics.Set(Id::kWatchLastEventTimestamp, label, heard ? Seconds(counts.last_event) : 0);
    metrics.Set(Id::kCacheSynced, label, counts.synced && !counts.stale ? 1 : 0);
    metrics.Set(Id::kCacheObjects, label, static_cast<double>(counts.objects));
    metrics.SetTotal(Id::kWatchRestarts, label, static_cast<double>(counts.watch_errors));
    metrics.SetTotal(Id::kObjectsMalformed, label, static_cast<double>(counts.malformed));
  }
}

void ScrapeEvents(const kube::EventCounts& counts, metrics::Registry& metrics) {
  metrics.SetTotal(Id::kEventsEmitted, {}, static_cast<double>(counts.emitted));
  metrics.SetTotal(Id::kEventsDropped, {"limited"}, static_cast<double>(counts.dropped));
  metrics.SetTotal(Id::kEventsDropped, {"failed"}, static_cast<double>(counts.failed));
}

}  // namespace spillway::controller
