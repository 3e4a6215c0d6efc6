#include "controller/webhook/certificate_keeper.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/log.h"
#include "kube/backoff.h"
#include "kube/paths.h"

namespace spillway::webhook {
namespace {

using kube::Json;

constexpr kube::BackoffOptions kAgain{std::chrono::seconds(1), std::chrono::seconds(30), 0.5};
constexpr Duration kLongestInterval = std::chrono::minutes(10), kShortestInterval = std::chrono::seconds(1);

kube::ReflectorOptions OneObject(std::string path, std::string resource, const std::string& name) {
  kube::ReflectorOptions options;
  options.path = std::move(path);
  options.resource = std::move(resource);
  options.field_selector = "metadata.name=" + name;
  return options;
}

// Another replica was first.
bool IsLost(const Error& error) { return error.code == Code::kConflict || error.code == Code::kAlreadyExists; }

// The operations that make all webhooks of `configuration` trust `ca_bundle`; none: they do.
Json BundlePatch(const Json& configuration, const std::string& ca_bundle) {
  Json operations = Json::array();
  const Json& webhooks = kube::Items(kube::At(configuration, "webhooks"));
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    if (kube::TextAt(webhooks[i], "clientConfig", "caBundle") == ca_bundle) continue;
    operations.push_back(
        {{"op", "add"}, {"path", fmt::format("/webhooks/{}/clientConfig/caBundle", i)}, {"value", ca_bundle}});
  }
  if (operations.empty()) return operations;
  operations.push_back({{"op", "replace"},
                        {"path", "/metadata/resourceVersion"},
                        {"value", kube::TextAt(configuration, "metadata", "resourceVersion")}});
  return operations;
}

}  // namespace

CertificateKeeper::CertificateKeeper(Runtime& runtime, kube::Transport& transport, kube::Client& client,
                                     CertificateKeeperOptions options)
    : runtime_(runtime),
      client_(client),
      options_(std::move(options)),
      wake_(runtime),
      first_shown_(runtime),
      secret_watch_(runtime, transport, OneObject(kube::SecretPath(options_.ns), "secrets", options_.secret),
                    [this](const auto&) { wake_.Notify(); }),
      configuration_watch_(
          runtime, transport,
          OneObject(std::string(kube::kMutatingWebhooksPath), "mutatingwebhookconfigurations", options_.configuration),
          [this](const auto&) { wake_.Notify(); }),
      flows_(runtime) {}

void CertificateKeeper::Start() {
  secret_watch_.Start();
  configuration_watch_.Start();
  flows_.Spawn(Run());
}

Task<void> CertificateKeeper::UntilShown() {
  while (!Shown()) co_await first_shown_.Wait();
}

Status CertificateKeeper::Ready() const {
  if (Shown()) return {};
  return Fail(Code::kUnavailable, trouble_.empty() ? "no certificate yet" : trouble_);
}

// Often enough to see each third of a life begin.
Duration CertificateKeeper::Interval() const {
  return std::clamp<Duration>(options_.terms.lifetime / 12, kShortestInterval, kLongestInterval);
}

Task<void> CertificateKeeper::Run() {
  kube::Backoff backoff(kAgain, runtime_.random().Fork());
  for (;;) {
    const Status done = co_await Round();
    if (done) {
      Tell(done);
      backoff.Reset();
      (void)co_await wake_.WaitUntil(runtime_.Now() + Interval());
    } else {
      if (!IsLost(done.error())) Tell(done);
      co_await runtime_.SleepFor(done.error().retry_after);
      (void)co_await wake_.WaitUntil(runtime_.Now() + backoff.Next());
    }
  }
}

void CertificateKeeper::Tell(const Status& outcome) {
  const std::string trouble = outcome ? "" : outcome.error().message;
  if (std::exchange(trouble_, trouble) == trouble) return;
  if (outcome) return log::Info("the webhook's certificate and CA are as they should be");
  log::Warning("trouble with the webhook's certificate or CA", {{"why", trouble}});
}

// The configuration is read before the Secret and patched as it was read then: what was published meanwhile was
// published by somebody who saw a Secret at least as new, and stays.
Task<Status> CertificateKeeper::Round() {
  std::string path = kube::MutatingWebhookPath(options_.configuration);
  Result<Json> configuration = co_await client_.Get(std::move(path));
  path = kube::SecretPath(options_.ns, options_.secret);
  Result<Json> secret = co_await client_.Get(std::move(path));
  const bool exists = secret.has_value();
  if (!exists && secret.error().code != Code::kNotFound) co_return Fail(std::move(secret.error()));
  Certificates certificates = exists ? FromSecret(*secret) : Certificates();
  auto renewed = Renewed(certificates, options_.terms, runtime_.WallNow());
  if (!renewed) co_return Fail(std::move(renewed.error()));
  if (*renewed) {
    certificates = **renewed;
    Json object = exists ? *std::move(secret) : Json::object();
    Certificates written = certificates;
    Status done = co_await Write(std::move(object), std::move(written), exists);
    if (!done) co_return done;
  }
  Show(certificates);
  if (!configuration) {
    is_published_ = false;
    co_return Fail(std::move(configuration.error()));
  }
  Json object = *std::move(configuration);
  std::string ca_pem = certificates.ca_pem;
  Status published = co_await Publish(std::move(object), std::move(ca_pem));
  co_return published;
}

Task<Status> CertificateKeeper::Write(Json secret, Certificates certificates, bool exists) {
  if (!exists) {
    secret = {{"apiVersion", "v1"}, {"kind", "Secret"}, {"type", "Opaque"}};
    secret["metadata"] = {{"name", options_.secret}, {"namespace", options_.ns}};
    secret["metadata"]["labels"] = {{"app.kubernetes.io/part-of", "spillway"}};
  }
  secret["data"] = ToSecretData(certificates);
  std::string path = kube::SecretPath(options_.ns, exists ? options_.secret : "");
  Result<Json> written;
  if (exists) {
    written = co_await client_.Update(std::move(path), std::move(secret));
  } else {
    written = co_await client_.Create(std::move(path), std::move(secret));
  }
  if (!written) co_return Fail(std::move(written.error()));
  log::Info("renewed the webhook's certificate", {{"secret", options_.ns + "/" + options_.secret},
                                                  {"authorities", net::SplitCertificates(certificates.ca_pem).size()}});
  co_return Status();
}

void CertificateKeeper::Show(const Certificates& certificates) {
  const auto validity = net::ReadValidity(certificates.serving.cert_pem);
  expires_at_ = validity ? validity->not_after : WallTime();
  shown_.store(std::make_shared<const net::CertificateAndKey>(certificates.serving));
  first_shown_.Notify();
}

Task<Status> CertificateKeeper::Publish(Json configuration, std::string ca_pem) {
  Json operations = BundlePatch(configuration, EncodeBase64(ca_pem));
  if (!operations.empty()) {
    is_published_ = false;
    std::string path = kube::MutatingWebhookPath(options_.configuration);
    Result<Json> patched = co_await client_.JsonPatch(std::move(path), std::move(operations));
    if (!patched) co_return Fail(std::move(patched.error()));
    log::Info("told kube-apiserver the webhook's CA", {{"configuration", options_.configuration}});
  }
  is_published_ = true;
  co_return Status();
}

}  // namespace spillway::webhook
