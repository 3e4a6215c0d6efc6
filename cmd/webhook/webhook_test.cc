#include "cmd/webhook/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "cmd/configuration/configuration.h"
#include "kube/json.h"
#include "kube/paths.h"
#include "sandbox/rest/api_server.h"

namespace spillway::cmd {
namespace {

using spillway::testing::Await;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kCaSecret = "/api/v1/namespaces/ops/secrets/spillway-webhook-ca";
constexpr const char* kWebhooksPath =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/spillway-webhook";
constexpr const char* kConfigurationMap = "/api/v1/namespaces/ops/configmaps/spillway-configuration";

// Webhooks of one Spillway on an API server in memory.
class WebhookTest : public ::testing::Test {
 protected:
  WebhookTest() {
    log::Quiet();
    kube::Json webhooks = kube::Json::array();
    for (const char* name : {"inject.spillway.io", "adopt.spillway.io"}) {
      webhooks.push_back({{"name", name}, {"clientConfig", {{"url", "https://127.0.0.1:9443/"}}}});
    }
    configuration_ = {{"apiVersion", "admissionregistration.k8s.io/v1"},
                      {"kind", "MutatingWebhookConfiguration"},
                      {"metadata", {{"name", "spillway-webhook"}}},
                      {"webhooks", std::move(webhooks)}};
    Create("/api/v1/namespaces", {{"metadata", {{"name", "ops"}}}});
    Create(std::string(kube::kMutatingWebhooksPath), configuration_);
  }
  ~WebhookTest() override { replicas_.clear(); }

  struct Replica {
    Replica(Runtime& runtime, sandbox::ApiServer& api, WebhookOptions options)
        : transport(api.NewTransport("webhook")), webhook(runtime, *transport, std::move(options), metrics) {
      webhook.AddChecks(health);
      webhook.Start();
    }
    metrics::Registry metrics{metrics::Component::kWebhook};
    metrics::Health health;
    std::unique_ptr<kube::Transport> transport;
    Webhook webhook;
  };
  Replica& Start() {
    WebhookOptions options;
    options.configuration = {.config_map = "ops/spillway-configuration",
                             .read = [](std::string_view yaml, const controller::Policy& flags,
                                        const std::string& set_in) { return ReadConfiguration(yaml, flags, set_in); }};
    options.virtual_nodes.match_labels = {{"type", "virtual-kubelet"}};
    options.pod_deletion_cost = "-1000";
    options.ns = "ops";
    options.lease = "spillway-controller";
    options.adopted_schedulers = {"tke-scheduler"};
    options.certificates = {
        .ns = "ops", .secret = "spillway-webhook-ca", .configuration = "spillway-webhook", .terms = terms_};
    replicas_.push_back(std::make_unique<Replica>(runtime_, api_, std::move(options)));
    Pass(5s);
    return *replicas_.back();
  }
  void Pass(Duration time) { runtime_.RunFor(time); }

  void Create(std::string path, kube::Json object) {
    Ok(Await(runtime_, client_.Create(std::move(path), std::move(object))));
  }
  void Delete(std::string path) { Ok(Await(runtime_, client_.Delete(std::move(path), kube::Json::object()))); }
  void Patch(std::string path, kube::Json patch) {
    Ok(Await(runtime_, client_.MergePatch(std::move(path), std::move(patch))));
  }
  kube::Json Get(std::string path) {
    auto got = Await(runtime_, client_.Get(std::move(path)));
    return got && *got ? **got : kube::Json();
  }
  static void Ok(const std::optional<Result<kube::Json>>& done) {
    ASSERT_TRUE(done);
    ASSERT_TRUE(*done) << done->error().message;
  }

  // What kube-apiserver trusts, of each of the two webhooks.
  std::vector<std::string> Told() {
    std::vector<std::string> bundles;
    const kube::Json configuration = Get(kWebhooksPath);
    for (const kube::Json& each : kube::Items(kube::At(configuration, "webhooks"))) {
      bundles.push_back(DecodeBase64(kube::TextAt(each, "clientConfig", "caBundle")).value_or("garbage"));
    }
    return bundles;
  }
  bool IsTrusted(const Replica& replica) {
    const auto shown = replica.webhook.certificates()->Shown();
    const std::vector<std::string> told = Told();
    if (!shown || told.size() != 2) return false;
    return net::CheckServing(*shown, told[0], terms_.names, runtime_.WallNow()) && told[0] == told[1];
  }
  void HoldLease(const std::string& ns, const std::string& name, const std::string& holder) {
    const kube::Json spec = {{"holderIdentity", holder},
                             {"leaseDurationSeconds", 15},
                             {"renewTime", base::FormatRfc3339Micro(runtime_.WallNow())}};
    if (Get(kube::LeasePath(ns, name)).is_null()) {
      Create(kube::LeasePath(ns), {{"metadata", {{"name", name}, {"namespace", ns}}}, {"spec", spec}});
    } else {
      Patch(kube::LeasePath(ns, name), {{"spec", spec}});
    }
    Pass(1s);
  }
  void Configure(const std::string& yaml) {
    const kube::Json map = {
        {"metadata", {{"name", "spillway-configuration"}, {"namespace", "ops"}}},
        {"data", {{"config.yaml", "apiVersion: spillway.io/v1alpha1\nkind: SpillwayConfiguration\n" + yaml}}}};
    if (Get(kConfigurationMap).is_null()) {
      Create(kube::ConfigMapPath("ops"), map);
    } else {
      Patch(kConfigurationMap, map);
    }
    Pass(1s);
  }
  std::string Readiness(const Replica& replica) {
    net::ServerRequest request;
    request.method = "GET";
    request.path = "/readyz";
    request.query = "verbose";
    return replica.health.Answer(request).body;
  }

  SimRuntime runtime_{11};
  sandbox::ApiServer api_{runtime_, {}};
  std::unique_ptr<kube::Transport> transport_ = api_.NewTransport("admin");
  kube::RateLimiter limiter_{runtime_, 0, 1};
  kube::Client client_{runtime_, *transport_, limiter_};
  kube::Json configuration_;
  webhook::CertificateTerms terms_{.names = {"spillway-webhook.ops.svc"}, .lifetime = 1h, .ca_lifetime = 6h};
  std::vector<std::unique_ptr<Replica>> replicas_;
};

// ---- certificates

TEST_F(WebhookTest, ReplicasShareOneCertificateWhoseCaIsPublished) {
  const Replica& one = Start();
  const Replica& other = Start();
  EXPECT_TRUE(IsTrusted(one));
  EXPECT_EQ(one.webhook.certificates()->Shown()->cert_pem, other.webhook.certificates()->Shown()->cert_pem);
  EXPECT_TRUE(one.webhook.certificates()->is_published() && other.webhook.certificates()->is_published());
  EXPECT_EQ(kube::TextAt(Get(kCaSecret), "type"), "Opaque");
}

TEST_F(WebhookTest, AtEachMomentOfADayWhatIsShownIsTrusted) {
  const Replica& one = Start();
  const Replica& other = Start();
  std::set<std::string> certificates, authorities;
  for (int minute = 0; minute < 24 * 60; minute += 2) {
    Pass(2min);
    ASSERT_TRUE(IsTrusted(one) && IsTrusted(other)) << minute;
    certificates.insert(one.webhook.certificates()->Shown()->cert_pem);
    authorities.insert(net::SplitCertificates(Told()[0]).front());
  }
  EXPECT_GT(certificates.size(), 24u);
  EXPECT_GE(authorities.size(), 5u);
}

TEST_F(WebhookTest, WhatPeopleUndoIsPutRight) {
  const Replica& replica = Start();
  Patch(kWebhooksPath, configuration_);  // as `kubectl apply` of a manifest without a CA might
  Pass(5s);
  EXPECT_TRUE(IsTrusted(replica));
  Delete(kCaSecret);
  Pass(5s);
  EXPECT_TRUE(IsTrusted(replica));
  Patch(kCaSecret, {{"data", {{"tls.key", "Z2FyYmFnZQ=="}}}});
  Pass(5s);
  EXPECT_TRUE(IsTrusted(replica));
  Delete(kWebhooksPath);
  Pass(5s);
  EXPECT_FALSE(replica.webhook.certificates()->is_published());
  EXPECT_THAT(Readiness(replica), HasSubstr("[+]certificate ok"));  // it can answer whoever asks
  Create(std::string(kube::kMutatingWebhooksPath), configuration_);
  Pass(5s);
  EXPECT_TRUE(IsTrusted(replica));
}

TEST_F(WebhookTest, NothingElseOfTheConfigurationIsTouched) {
  Start();
  kube::Json now = Get(kWebhooksPath);
  for (kube::Json& each : now["webhooks"]) each["clientConfig"].erase("caBundle");
  EXPECT_EQ(now["webhooks"].size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(now["webhooks"][i]["clientConfig"], configuration_["webhooks"][i]["clientConfig"]);
    EXPECT_EQ(now["webhooks"][i]["name"], configuration_["webhooks"][i]["name"]);
  }
}

// ---- what follows for Pods

TEST_F(WebhookTest, GatesAreSetWhileSomebodyLeadsWhoMayLiftThem) {
  const Replica& replica = Start();
  EXPECT_FALSE(replica.webhook.Rules().gates);
  HoldLease("ops", "spillway-controller", "a");
  EXPECT_TRUE(replica.webhook.Rules().gates);
  Configure("mode: DryRun\n");
  EXPECT_FALSE(replica.webhook.Rules().gates);
  Configure("mode: Enforce\n");
  EXPECT_TRUE(replica.webhook.Rules().gates);
  Configure("mode: Off\n");
  EXPECT_FALSE(replica.webhook.Rules().gates);
  Delete(kConfigurationMap);
  Pass(1s);
  EXPECT_TRUE(replica.webhook.Rules().gates);
  Pass(15s);
  EXPECT_FALSE(replica.webhook.Rules().gates);
}

TEST_F(WebhookTest, AConfigurationThatCannotBeReadChangesNothingAndSetsNoGateWithoutAGoodOne) {
  const Replica& replica = Start();
  HoldLease("ops", "spillway-controller", "a");
  Configure("restrictions: tke\n");
  EXPECT_THAT(replica.webhook.Rules().restrictions.namespaces, Contains("tke-eni-ip-webhook"));
  Configure("mode: Sometimes\n");
  EXPECT_TRUE(replica.webhook.Rules().gates);
  EXPECT_THAT(Readiness(replica), HasSubstr("rejected"));
  const Replica& late = Start();
  HoldLease("ops", "spillway-controller", "a");
  EXPECT_TRUE(replica.webhook.Rules().gates);
  EXPECT_FALSE(late.webhook.Rules().gates);
}

TEST_F(WebhookTest, ItsOwnNamespaceAndKubeSystemAreAlwaysExcluded) {
  const Replica& replica = Start();
  Configure("excludeNamespaces: [infra]\n");
  const std::vector<std::string> excluded = replica.webhook.Rules().excluded_namespaces;
  EXPECT_THAT(excluded, ::testing::UnorderedElementsAre("infra", "kube-system", "ops"));
}

TEST_F(WebhookTest, ASchedulerThatIsThereKeepsItsPods) {
  const Replica& replica = Start();
  EXPECT_THAT(replica.webhook.Rules().adopted_schedulers, ElementsAre("tke-scheduler"));
  HoldLease("kube-system", "tke-scheduler", "theirs");
  EXPECT_THAT(replica.webhook.Rules().adopted_schedulers, IsEmpty());
  Pass(16s);
  EXPECT_THAT(replica.webhook.Rules().adopted_schedulers, ElementsAre("tke-scheduler"));
}

TEST_F(WebhookTest, UntilAllIsKnownItIsNotReadyAndSetsNothing) {
  api_.faults().Down(6s);
  Replica& replica = Start();
  EXPECT_THAT(Readiness(replica), HasSubstr("[-]certificate failed"));
  EXPECT_THAT(Readiness(replica), HasSubstr("[-]lease failed"));
  EXPECT_FALSE(replica.webhook.Rules().gates);
  EXPECT_THAT(replica.webhook.Rules().adopted_schedulers, IsEmpty());
  Pass(1min);
  EXPECT_THAT(Readiness(replica), HasSubstr("readyz check passed"));
  EXPECT_TRUE(IsTrusted(replica));
  replica.webhook.Stop();
  EXPECT_THAT(Readiness(replica), HasSubstr("[-]shutdown failed"));
}

TEST_F(WebhookTest, WhatItDoesIsCounted) {
  Replica& replica = Start();
  const kube::Json review = {
      {"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"request", {{"uid", "u"}}}};
  for (const std::string& body : {review.dump(), std::string("{")}) {
    net::ServerRequest request;
    request.method = "POST";
    request.path = "/mutate/adopt";
    request.body = body;
    (void)Await(runtime_, replica.webhook.Handler()(std::move(request)));
  }
  EXPECT_EQ(replica.metrics.Value(metrics::Id::kAdmissionReviews, {"adopt", "unchanged"}), 1);
  EXPECT_EQ(replica.metrics.Value(metrics::Id::kAdmissionReviews, {"adopt", "malformed"}), 1);
  EXPECT_EQ(replica.metrics.Value(metrics::Id::kAdmissionReviewDuration, {"adopt"}), 2);
  const std::string text = replica.metrics.Text();
  EXPECT_THAT(text, HasSubstr("spillway_webhook_ca_published 1"));
  EXPECT_THAT(text, HasSubstr("spillway_webhook_gates 0"));
  EXPECT_THAT(text, Not(HasSubstr("spillway_webhook_certificate_expiration_timestamp_seconds 0\n")));
}

}  // namespace
}  // namespace spillway::cmd
