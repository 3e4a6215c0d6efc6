#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "controller/configuration.h"
#include "controller/policy/policy.h"
#include "controller/request_metrics.h"
#include "controller/webhook/admission.h"
#include "controller/webhook/certificate_keeper.h"
#include "controller/webhook/lease_watch.h"
#include "kube/client.h"
#include "kube/event_recorder.h"
#include "kube/transport.h"
#include "metrics/health.h"
#include "metrics/registry.h"
#include "net/http_server.h"

namespace spillway::cmd {

struct WebhookOptions {
  controller::Policy policy;  // of the flags
  controller::ConfigurationOptions configuration;
  kube::LabelSelector virtual_nodes;
  std::string pod_deletion_cost;
  std::string ns;     // Spillway's own, which is never touched, and that of the controllers' Lease
  std::string lease;  // its name
  std::vector<std::string> adopted_schedulers;
  std::optional<webhook::CertificateKeeperOptions> certificates;  // none: somebody else looks after them
  std::string api_host;                                           // label of rest_client_requests_total
};

// All of `spillway webhook` but its server: what it knows of the cluster, and what follows for Pods that are created.
// It writes nothing but its own certificate. Loop thread only.
class Webhook {
 public:
  // All outlive this.
  Webhook(Runtime& runtime, kube::Transport& transport, WebhookOptions options, metrics::Registry& metrics);
  void Start();
  // Not ready any more; requests are still answered.
  void Stop() { stopping_ = true; }

  // Answers AdmissionReviews; this outlives it.
  net::Handler Handler();
  webhook::AdmissionRules Rules() const;
  // Null: certificates are somebody else's.
  const webhook::CertificateKeeper* certificates() const { return certificates_ ? &*certificates_ : nullptr; }
  // Returns when a server can be started. One waiter.
  Task<void> UntilServable();
  void AddChecks(metrics::Health& health) const;  // `health` must not be asked after this is gone

 private:
  bool GatesAreLifted() const;
  void Note(webhook::Duty duty, const webhook::AdmissionAnswer& answer, Duration took);
  void Scrape();

  Runtime& runtime_;
  WebhookOptions options_;  // policy: as the configuration has it now
  metrics::Registry& metrics_;
  controller::RequestMetrics observer_;
  kube::RateLimiter limiter_;
  kube::Client client_;
  kube::EventRecorder events_;  // nothing is told: the leader does
  controller::Configuration configuration_;
  webhook::LeaseWatch leader_;
  // Of real schedulers of the names that are adopted.
  std::vector<std::pair<std::string, std::unique_ptr<webhook::LeaseWatch>>> schedulers_;
  std::optional<webhook::CertificateKeeper> certificates_;
  bool stopping_ = false;
  metrics::ScrapeHook scrape_hook_;
};

}  // namespace spillway::cmd
