#include "metrics/names.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <initializer_list>

namespace spillway::metrics {
namespace {

std::vector<LabelValues> Each(std::initializer_list<const char*> values) {
  std::vector<LabelValues> known;
  for (const char* value : values) known.push_back({value});
  return known;
}

// `first` with each of `seconds`: {"a", "x"}, {"a", "y"}.
void Pair(std::vector<LabelValues>& known, const char* first, std::initializer_list<const char*> seconds) {
  for (const char* second : seconds) known.push_back({first, second});
}

std::vector<LabelValues> KnownDecisions() {
  std::vector<LabelValues> known;
  Pair(known, "overflow", {"short_of_resources", "nodes_lost", "other", "beyond_local_replicas"});
  Pair(known, "would_overflow", {"short_of_resources", "nodes_lost", "other", "beyond_local_replicas"});
  Pair(known, "fits_real_node", {"simulation"});
  Pair(known, "undecidable", {"simulation"});
  Pair(known, "deferred", {"grace", "condition", "backoff", "autoscaler", "group", "limit", "turn", "node_return"});
  Pair(known, "no_virtual_node", {"none_exists", "none_can_run", "none_fits"});
  Pair(known, "not_eligible",
       {"scheduling_gated", "terminating", "other_scheduler", "nominated", "scheduler_error", "daemon_set",
        "mirror_pod", "namespace_excluded", "opted_out", "switched_off", "restricted", "trigger"});
  return known;
}

std::vector<LabelValues> KnownOperations() {
  std::vector<LabelValues> known;
  for (const char* operation : {"create", "delete", "describe", "list", "poll", "ping", "market"}) {
    known.push_back({operation, "ok", "none"});
    for (const char* reason : {"quota", "stock", "auth", "throttled", "token", "image", "timeout", "other"}) {
      known.push_back({operation, "error", reason});
    }
  }
  return known;
}

std::vector<double> Exponential(double start, double factor, int count) {
  std::vector<double> bounds;
  for (double bound = start; count > 0; --count, bound *= factor) bounds.push_back(bound);
  return bounds;
}

const std::vector<double> kWaitBuckets = {0.1, 0.25, 0.5, 1,  2,  3,   5,   7.5, 10,  15,
                                          20,  30,   45,  60, 90, 120, 180, 300, 600, 1800};

void AddController(std::vector<Metric>& all) {
  const auto add = [&all](Id id, Type type, const char* name, const char* help, std::vector<std::string> labels = {},
                          std::vector<LabelValues> known = {}, std::vector<double> buckets = {}) {
    all.push_back(
        {id, Component::kController, type, name, help, std::move(labels), std::move(known), std::move(buckets)});
  };
  add(Id::kPodsPending, Type::kGauge, "spillway_pods_pending", "Pods without a node, by what Spillway makes of them.",
      {"state"},
      Each({"undecided", "fits_real_node", "waiting", "binding", "backoff", "no_virtual_node", "undecidable",
            "not_eligible", "would_overflow"}));
  add(Id::kPodsUnschedulable, Type::kGauge, "spillway_pods_unschedulable",
      "Pods that fit on no real node, by the reason that rules out most nodes.", {"reason"},
      Each({"insufficient_cpu", "insufficient_memory", "insufficient_ephemeral_storage", "too_many_pods",
            "insufficient_extended", "affinity", "taint", "volume", "topology", "other"}));
  add(Id::kPodOldestPendingTimestamp, Type::kGauge, "spillway_pod_oldest_pending_timestamp_seconds",
      "Creation of the oldest Pod that fits on no real node and is still waiting; 0 when there is none.");
  add(Id::kDecisions, Type::kCounter, "spillway_decisions_total",
      "What was decided for Pods. A decision that stands is counted once per Pod.", {"decision", "reason"},
      KnownDecisions());
  add(Id::kDecisionDuration, Type::kHistogram, "spillway_decision_duration_seconds",
      "Time of one decision round over all pending Pods.", {}, {{}}, Exponential(0.001, 2, 15));
  add(Id::kSimulationDuration, Type::kHistogram, "spillway_simulation_duration_seconds",
      "Time of the packing simulation within a decision round.", {}, {{}}, Exponential(0.001, 2, 15));
  add(Id::kPodPendingToBound, Type::kHistogram, "spillway_pod_pending_to_bound_seconds",
      "How long Pods had been pending when they were bound to a virtual node.", {}, {{}}, kWaitBuckets);
  add(Id::kBinds, Type::kCounter, "spillway_binds_total",
      "Bindings sent: bound, conflict (the Pod had changed), gone, forbidden, error (retried).",
      {"result", "virtual_node"});
  add(Id::kGatesLifted, Type::kCounter, "spillway_gates_lifted_total",
      "Scheduling gates of Pods with local replicas: lifted plainly, lifted to virtual_nodes, or error (tried again).",
      {"result"}, Each({"plainly", "virtual_nodes", "error"}));
  add(Id::kEvictions, Type::kCounter, "spillway_evictions_total",
      "Pods that their virtual node cannot run: evicted, or held by a budget, forbidden, conflict (the Pod had "
      "changed, or "
      "is gone), error (tried again).",
      {"result"}, Each({"evicted", "budget", "forbidden", "conflict", "error"}));
  add(Id::kVirtualNodeReady, Type::kGauge, "spillway_virtual_node_ready",
      "1 if the virtual node is Ready and not cordoned.", {"virtual_node"});
  add(Id::kVirtualNodeCapacityCpu, Type::kGauge, "spillway_virtual_node_capacity_cpu_cores",
      "Allocatable CPU of the virtual node.", {"virtual_node"});
  add(Id::kVirtualNodeCapacityMemory, Type::kGauge, "spillway_virtual_node_capacity_memory_bytes",
      "Allocatable memory of the virtual node.", {"virtual_node"});
  add(Id::kVirtualNodeCapacityPods, Type::kGauge, "spillway_virtual_node_capacity_pods",
      "Allocatable Pods of the virtual node.", {"virtual_node"});
  add(Id::kVirtualNodeRequestedCpu, Type::kGauge, "spillway_virtual_node_requested_cpu_cores",
      "CPU requested by the virtual node's Pods, binds in flight included.", {"virtual_node"});
  add(Id::kVirtualNodeRequestedMemory, Type::kGauge, "spillway_virtual_node_requested_memory_bytes",
      "Memory requested by the virtual node's Pods, binds in flight included.", {"virtual_node"});
  add(Id::kVirtualNodeRequestedPods, Type::kGauge, "spillway_virtual_node_requested_pods",
      "Pods on the virtual node, binds in flight included.", {"virtual_node"});
  add(Id::kLoopLastSuccessTimestamp, Type::kGauge, "spillway_loop_last_success_timestamp_seconds",
      "End of the last decision round; 0 before the first. Rounds happen only while Pods are pending.", {"loop"},
      Each({"overflow"}));
  add(Id::kLeaderElectionMasterStatus, Type::kGauge, "leader_election_master_status",
      "1 if this process holds the lease.", {"name"});
  add(Id::kSchedulerAgreement, Type::kCounter, "spillway_scheduler_agreement_total",
      "Messages that kube-scheduler wrote on Pods it could not place, compared with the simulation's, at once and 2 s "
      "later: agree (equal, but for what it adds about preemption), differ (not equal, and nothing that bears on "
      "verdicts had changed since the Pod came, or for 2 min), stale (not equal, but something had changed or the Pod "
      "was gone), undecided (the simulation says nothing of the Pod). Each kind of Pod that differs is logged once.",
      {"result"}, Each({"agree", "differ", "stale", "undecided"}));
  add(Id::kSchedulerInfo, Type::kGauge, "spillway_kube_scheduler_info",
      "1: the version of kube-scheduler that was found, or given, and the one that is simulated; none while it is not "
      "known and nothing is moved.",
      {"version", "simulated"});
  add(Id::kPodsFitButUnscheduled, Type::kGauge, "spillway_pods_fit_but_unscheduled",
      "Pods that a real node could take by the simulation for 30 s, while kube-scheduler's last word is that they are "
      "Unschedulable. They are never moved.");
  add(Id::kConfigurationRejected, Type::kGauge, "spillway_configuration_rejected",
      "1 while the SpillwayConfiguration cannot be read and another is in effect: the event on its ConfigMap says "
      "why.");
  add(Id::kMode, Type::kGauge, "spillway_mode", "1 for the mode that is in effect: Enforce, DryRun or Off.", {"mode"},
      Each({"Enforce", "DryRun", "Off"}));
}

void AddAgent(std::vector<Metric>& all) {
  const auto add = [&all](Id id, Type type, const char* name, const char* help, std::vector<std::string> labels = {},
                          std::vector<LabelValues> known = {}, std::vector<double> buckets = {}) {
    all.push_back({id, Component::kAgent, type, name, help, std::move(labels), std::move(known), std::move(buckets)});
  };
  add(Id::kInstances, Type::kGauge, "spillway_instances", "Instances of this virtual node.", {"state"},
      Each({"creating", "running", "terminating", "failed"}));
  add(Id::kInstanceOperations, Type::kCounter, "spillway_instance_operations_total",
      "Calls to the provider that ended. reason is none for result=ok.", {"operation", "result", "reason"},
      KnownOperations());
  add(Id::kInstanceOperationDuration, Type::kHistogram, "spillway_instance_operation_duration_seconds",
      "Time of calls to the provider.", {"operation"}, Each({"create", "delete", "describe", "list", "ping", "market"}),
      Exponential(0.01, 2, 15));
  add(Id::kInstanceCostPerHour, Type::kGauge, "spillway_instance_cost_per_hour",
      "What the living instances of this virtual node's Pods cost an hour, as their Pods' annotations say or else at "
      "today's prices; in the currency of the prices. Those that have ended cost nothing.",
      {"provider"});
  add(Id::kInstanceCost, Type::kCounter, "spillway_instance_cost_total",
      "What living instances of this virtual node's Pods have cost since the agent began, counted by itself: no bill.",
      {"provider"});
  add(Id::kInstancesWithoutPrice, Type::kGauge, "spillway_instances_without_price",
      "Living instances of Pods whose price nobody knows: they are not in the cost.", {"provider"});
  add(Id::kInstancesOrphaned, Type::kGauge, "spillway_instances_orphaned",
      "Instances whose Pod is gone and which are not deleted yet: paid for, used by nobody.", {}, {{}});
  add(Id::kOrphansDeleted, Type::kCounter, "spillway_orphans_deleted_total",
      "Instances deleted because no Pod stood behind them.");
  add(Id::kInstancesLost, Type::kCounter, "spillway_instances_lost_total",
      "Instances that the cloud no longer had while their Pod ran: the Pod fails with InstanceLost.");
  add(Id::kListingsSuspect, Type::kCounter, "spillway_listings_suspect_total",
      "Listings that lacked all, or most, of the instances that must be there, as for lost permissions: nothing is "
      "concluded from them.");
  add(Id::kCloudReachable, Type::kGauge, "spillway_cloud_reachable",
      "1 while the cloud answers and knows us; 0: the Node's condition CloudReachable is False.");
  add(Id::kLeaseRenewals, Type::kCounter, "spillway_lease_renewals_total",
      "Renewals of the Node's Lease; late: more than 5 s after they were due.", {"result"}, Each({"on_time", "late"}));
  add(Id::kLeaseLastRenewalTimestamp, Type::kGauge, "spillway_lease_last_renewal_timestamp_seconds",
      "Last renewal of the Node's Lease; 0 before the first.");
  add(Id::kServingCertificateExpirationTimestamp, Type::kGauge,
      "spillway_serving_certificate_expiration_timestamp_seconds",
      "When the kubelet API's own certificate expires; 0 while that is not known.");
  add(Id::kPodsWithoutInstance, Type::kGauge, "spillway_pods_without_instance",
      "Pods bound to this virtual node whose instance does not exist yet or was lost.", {}, {{}});
}

std::vector<LabelValues> KnownReviews() {
  std::vector<LabelValues> known;
  Pair(known, "inject", {"patched", "unchanged", "dry_run", "malformed"});
  Pair(known, "adopt", {"patched", "unchanged", "dry_run", "malformed"});
  return known;
}

void AddWebhook(std::vector<Metric>& all) {
  const auto add = [&all](Id id, Type type, const char* name, const char* help, std::vector<std::string> labels = {},
                          std::vector<LabelValues> known = {}, std::vector<double> buckets = {}) {
    all.push_back({id, Component::kWebhook, type, name, help, std::move(labels), std::move(known), std::move(buckets)});
  };
  add(Id::kAdmissionReviews, Type::kCounter, "spillway_admission_reviews_total",
      "AdmissionReviews answered: those of namespaces that inject, and those that adopt schedulers and set gates.",
      {"duty", "result"}, KnownReviews());
  add(Id::kAdmissionReviewDuration, Type::kHistogram, "spillway_admission_review_duration_seconds",
      "From an AdmissionReview that was read to its answer.", {"duty"}, Each({"inject", "adopt"}),
      Exponential(0.0001, 2, 15));
  add(Id::kWebhookGates, Type::kGauge, "spillway_webhook_gates",
      "1: Pods with local replicas get the gate; 0: nobody would lift it, since no controller leads or the mode is not "
      "Enforce.");
  add(Id::kWebhookCertificateExpirationTimestamp, Type::kGauge,
      "spillway_webhook_certificate_expiration_timestamp_seconds",
      "When the webhook's serving certificate expires; 0 while there is none.");
  add(Id::kWebhookCaPublished, Type::kGauge, "spillway_webhook_ca_published",
      "1: the MutatingWebhookConfiguration has the webhook's CA, or somebody else looks after it.");
}

void AddAll(std::vector<Metric>& all) {
  const auto add = [&all](Id id, Type type, const char* name, const char* help, std::vector<std::string> labels = {},
                          std::vector<LabelValues> known = {}, std::vector<double> buckets = {}) {
    all.push_back({id, Component::kAll, type, name, help, std::move(labels), std::move(known), std::move(buckets)});
  };
  add(Id::kWatchLastEventTimestamp, Type::kGauge, "spillway_watch_last_event_timestamp_seconds",
      "Last object or bookmark that a watch delivered; 0 before the first.", {"resource"});
  add(Id::kCacheSynced, Type::kGauge, "spillway_cache_synced",
      "1 if the resource was listed completely and its watch is being answered.", {"resource"});
  add(Id::kCacheObjects, Type::kGauge, "spillway_cache_objects", "Objects held in memory.", {"resource"});
  add(Id::kWatchRestarts, Type::kCounter, "spillway_watch_restarts_total", "Watches that ended with an error.",
      {"resource"});
  add(Id::kObjectsMalformed, Type::kCounter, "spillway_objects_malformed_total",
      "Objects from the API server that could not be decoded.", {"resource"});
  add(Id::kEventsEmitted, Type::kCounter, "spillway_events_emitted_total", "Kubernetes Events written.");
  add(Id::kEventsDropped, Type::kCounter, "spillway_events_dropped_total",
      "Kubernetes Events dropped: the rate limit was exceeded (limited) or the API server refused them (failed).",
      {"reason"}, Each({"limited", "failed"}));
  add(Id::kRestClientRequests, Type::kCounter, "rest_client_requests_total",
      "Requests to the API server, by status code; <error> when no response came.", {"code", "method", "host"});
  add(Id::kRestClientRateLimiterDuration, Type::kHistogram, "rest_client_rate_limiter_duration_seconds",
      "How long requests waited for --kube-api-qps.", {}, {{}}, Exponential(0.001, 2, 15));
  add(Id::kBuildInfo, Type::kGauge, "spillway_build_info", "1, labelled with what was built.",
      {"version", "revision", "compiler"});
  add(Id::kProcessCpu, Type::kCounter, "process_cpu_seconds_total", "CPU time of this process, user and system.");
  add(Id::kProcessResidentMemory, Type::kGauge, "process_resident_memory_bytes", "Resident memory of this process.");
  add(Id::kProcessOpenFds, Type::kGauge, "process_open_fds", "Open file descriptors of this process.");
  add(Id::kProcessStartTime, Type::kGauge, "process_start_time_seconds", "Start of this process.");
}

std::string Table(Component component) {
  std::string page = "\n| metric | type | labels | what it says |\n|---|---|---|---|\n";
  for (const Metric& metric : AllMetrics()) {
    if (metric.component != component) continue;
    std::string labels;
    for (const std::string& label : metric.labels) labels += fmt::format("{}`{}`", labels.empty() ? "" : ", ", label);
    page += fmt::format("| `{}` | {} | {} | {} |\n", metric.name, ToString(metric.type), labels, metric.help);
  }
  return page;
}

std::string KnownValues() {
  std::string page;
  for (const Metric& metric : AllMetrics()) {
    if (metric.known.empty() || metric.labels.empty()) continue;
    page += fmt::format("\n`{}` ({})\n\n", metric.name, fmt::join(metric.labels, ", "));
    for (const LabelValues& values : metric.known) page += fmt::format("- {}\n", fmt::join(values, ", "));
  }
  return page;
}

}  // namespace

const std::vector<Metric>& AllMetrics() {
  static const std::vector<Metric> all = [] {
    std::vector<Metric> metrics;
    AddController(metrics);
    AddAgent(metrics);
    AddWebhook(metrics);
    AddAll(metrics);
    for (Metric& metric : metrics) {
      if (metric.labels.empty()) metric.known = {{}};  // a metric without labels is known from the start
    }
    return metrics;
  }();
  return all;
}

const Metric& Describe(Id id) { return AllMetrics()[static_cast<std::size_t>(id)]; }

std::string_view ToString(Type type) {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
  }
  return "unknown";
}

std::string MetricsPage() {
  return "# Metrics\n\n"
         "Served as Prometheus text at `/metrics` of `--metrics-bind-address`. Known label values are exported as 0 "
         "from\n"
         "the start, so that a rate never misses its first increase.\n"
         "\n## spillway controller\n" +
         Table(Component::kController) + "\n## spillway agent\n" + Table(Component::kAgent) +
         "\n## spillway webhook\n" + Table(Component::kWebhook) + "\n## All\n" + Table(Component::kAll) +
         "\n## Label values\n" + KnownValues();
}

}  // namespace spillway::metrics
