#include "cmd/webhook/webhook.h"

#include <algorithm>

#include "controller/webhook/admission_handler.h"

namespace spillway::cmd {
namespace {

// Reads and writes of a few objects; watches are not counted.
constexpr double kWebhookQps = 10;
constexpr int kWebhookBurst = 20;
constexpr const char* kSchedulerNamespace = "kube-system";

double SecondsSinceEpoch(WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

const char* ResultOf(const webhook::AdmissionAnswer& answer) {
  if (answer.status != 200) return "malformed";
  if (answer.is_dry_run) return "dry_run";
  return answer.patched ? "patched" : "unchanged";
}

}  // namespace

Webhook::Webhook(Runtime& runtime, kube::Transport& transport, WebhookOptions options, metrics::Registry& metrics)
    : runtime_(runtime),
      options_(std::move(options)),
      metrics_(metrics),
      observer_(metrics, options_.api_host),
      limiter_(runtime, kWebhookQps, kWebhookBurst),
      client_(runtime, transport, limiter_, &observer_),
      events_(runtime, client_, "spillway.io/webhook", "spillway.io/webhook"),
      configuration_(runtime, transport, client_, events_, metrics, options_.configuration, options_.policy,
                     [] { return false; }),
      leader_(runtime, transport, options_.ns, options_.lease) {
  for (const std::string& name : options_.adopted_schedulers) {
    schedulers_.emplace_back(name,
                             std::make_unique<webhook::LeaseWatch>(runtime, transport, kSchedulerNamespace, name));
  }
  if (options_.certificates) certificates_.emplace(runtime, transport, client_, *options_.certificates);
  scrape_hook_ = metrics.OnScrape([this] { Scrape(); });
}

void Webhook::Start() {
  configuration_.Start(nullptr);
  leader_.Start();
  for (const auto& [name, lease] : schedulers_) lease->Start();
  if (certificates_) certificates_->Start();
}

Task<void> Webhook::UntilServable() {
  if (certificates_) co_await certificates_->UntilShown();
}

bool Webhook::GatesAreLifted() const {
  return leader_.Now() == webhook::LeaseWatch::Standing::kHeld && configuration_.Known().has_value() &&
         options_.policy.mode == controller::Mode::kEnforce;
}

webhook::AdmissionRules Webhook::Rules() const {
  const controller::Policy& policy = options_.policy;
  webhook::AdmissionRules rules;
  rules.excluded_namespaces = policy.exclude_namespaces;
  rules.excluded_namespaces.insert(rules.excluded_namespaces.end(), {"kube-system", options_.ns});
  // A scheduler that is there keeps its Pods, and of one that may be there nothing is taken.
  rules.adopted_schedulers.clear();
  for (const auto& [name, lease] : schedulers_) {
    if (lease->Now() == webhook::LeaseWatch::Standing::kFree) rules.adopted_schedulers.push_back(name);
  }
  rules.gates = GatesAreLifted();
  rules.virtual_nodes = options_.virtual_nodes;
  rules.overflow_taints = policy.overflow_taints;
  rules.pod_deletion_cost = options_.pod_deletion_cost;
  rules.restrictions = policy.restrictions;
  return rules;
}

net::Handler Webhook::Handler() {
  return webhook::AdmissionHandler(
      runtime_, [this] { return Rules(); },
      [this](webhook::Duty duty, const webhook::AdmissionAnswer& answer, Duration took) { Note(duty, answer, took); });
}

void Webhook::Note(webhook::Duty duty, const webhook::AdmissionAnswer& answer, Duration took) {
  const std::string name(webhook::ToString(duty));
  metrics_.Add(metrics::Id::kAdmissionReviews, {name, ResultOf(answer)});
  metrics_.Observe(metrics::Id::kAdmissionReviewDuration, {name}, std::chrono::duration<double>(took).count());
}

void Webhook::Scrape() {
  metrics_.Set(metrics::Id::kWebhookGates, {}, GatesAreLifted() ? 1 : 0);
  metrics_.Set(metrics::Id::kWebhookCaPublished, {}, !certificates_ || certificates_->is_published() ? 1 : 0);
  if (certificates_) {
    metrics_.Set(metrics::Id::kWebhookCertificateExpirationTimestamp, {},
                 SecondsSinceEpoch(certificates_->expires_at()));
  }
}

void Webhook::AddChecks(metrics::Health& health) const {
  health.AddReadyz("shutdown",
                   [this] { return stopping_ ? Status(Fail(Code::kUnavailable, "shutting down")) : Status(); });
  health.AddReadyz(
      "configuration", [this] { return configuration_.Known(); }, [this] { return configuration_.rejected(); });
  health.AddReadyz("lease", [this] { return leader_.Known(); });
  if (certificates_) health.AddReadyz("certificate", [this] { return certificates_->Ready(); });
}

}  // namespace spillway::cmd
