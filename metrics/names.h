#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Every metric Spillway exports, once: name, help, labels, buckets, and the label values known from the start, which
// are exported as 0 before the first event. docs/metrics.md is printed from here.
//
// No label is named namespace, pod, node, job, instance, service, container or endpoint: a scrape would rename it.
namespace spillway::metrics {

enum class Id : std::uint8_t {
  // ---- controller
  kPodsPending,
  kPodsUnschedulable,
  kPodOldestPendingTimestamp,
  kDecisions,
  kDecisionDuration,
  kSimulationDuration,
  kPodPendingToBound,
  kBinds,
  kGatesLifted,
  kEvictions,
  kVirtualNodeReady,
  kVirtualNodeCapacityCpu,
  kVirtualNodeCapacityMemory,
  kVirtualNodeCapacityPods,
  kVirtualNodeRequestedCpu,
  kVirtualNodeRequestedMemory,
  kVirtualNodeRequestedPods,
  kLoopLastSuccessTimestamp,
  kLeaderElectionMasterStatus,
  kSchedulerAgreement,
  kSchedulerInfo,
  kPodsFitButUnscheduled,
  kConfigurationRejected,
  kMode,
  // ---- agent
  kInstances,
  kInstanceOperations,
  kInstanceOperationDuration,
  kInstanceCostPerHour,
  kInstanceCost,
  kInstancesWithoutPrice,
  kInstancesOrphaned,
  kOrphansDeleted,
  kInstancesLost,
  kListingsSuspect,
  kCloudReachable,
  kLeaseRenewals,
  kLeaseLastRenewalTimestamp,
  kServingCertificateExpirationTimestamp,
  kPodsWithoutInstance,
  // ---- webhook
  kAdmissionReviews,
  kAdmissionReviewDuration,
  kWebhookGates,
  kWebhookCertificateExpirationTimestamp,
  kWebhookCaPublished,
  // ---- all
  kWatchLastEventTimestamp,
  kCacheSynced,
  kCacheObjects,
  kWatchRestarts,
  kObjectsMalformed,
  kEventsEmitted,
  kEventsDropped,
  kRestClientRequests,
  kRestClientRateLimiterDuration,
  kBuildInfo,
  kProcessCpu,
  kProcessResidentMemory,
  kProcessOpenFds,
  kProcessStartTime,
};

enum class Type : std::uint8_t { kCounter, kGauge, kHistogram };
enum class Component : std::uint8_t { kController, kAgent, kWebhook, kAll };

using LabelValues = std::vector<std::string>;  // in the order of Metric::labels

struct Metric {
  Id id;
  Component component;
  Type type;
  std::string name;
  std::string help;
  std::vector<std::string> labels;
  std::vector<LabelValues> known;  // exported as 0 from the start; empty for open sets
  std::vector<double> buckets;     // histograms, upper bounds
};

// In the order of Id.
const std::vector<Metric>& AllMetrics();
const Metric& Describe(Id id);
std::string_view ToString(Type type);

// A Markdown page with every metric.
std::string MetricsPage();

}  // namespace spillway::metrics
