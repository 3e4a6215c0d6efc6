#include <fmt/core.h>

#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/flags/policy_flags.h"
#include "cmd/flags/serving_flags.h"
#include "cmd/flags/simulation_flags.h"
#include "cmd/flags/tls_flags.h"
#include "cmd/flags/together_flags.h"
#include "cmd/servers.h"
#include "cmd/subcommands.h"
#include "cmd/webhook/webhook.h"
#include "controller/webhook/admission_handler.h"
#include "metrics/build_info.h"
#include "metrics/heartbeat.h"

DEFINE_string(webhook_bind_address, ":9443", "Where kube-apiserver asks, over HTTPS, as host:port.");
DEFINE_string(adopt_scheduler_names, "tke-scheduler",
              "Pods that name one of these schedulers are handed to the default scheduler as they are created; not "
              "while a scheduler of that name holds the Lease of that name in kube-system. Empty: none.");
DEFINE_string(webhook_configuration, "spillway-webhook",
              "Name of the MutatingWebhookConfiguration, which is told the CA of the webhook's own certificate.");
DEFINE_string(certificate_secret, "spillway-webhook-ca",
              "Secret in the namespace of the Lease that keeps CA and certificate, shared by all replicas; it is made "
              "where it lacks. Not used with --tls-cert-file.");
DEFINE_string(certificate_names, "",
              "DNS names and addresses in the certificate, by which kube-apiserver calls: name,name. Empty: "
              "spillway-webhook.NAMESPACE.svc.");
DEFINE_duration(certificate_lifetime, "24h",
                "How long a certificate is good. It is renewed in the last third of that.");
DEFINE_duration(ca_lifetime, "2160h",
                "How long its CA is good, at least four times --certificate-lifetime. The next one is made in the last "
                "third, and both are trusted from then on.");

namespace spillway::cmd {
namespace {

// Connections still come while the cluster learns that this replica goes.
constexpr Duration kDrain = std::chrono::seconds(5);
constexpr std::size_t kMaxWebhookConnections = 1024;
constexpr Duration kShortestLifetime = std::chrono::seconds(10);

Result<BindAddress> WebhookBindAddress() {
  const auto bind = ParseBindAddress("webhook-bind-address", FLAGS_webhook_bind_address);
  if (!bind) return Fail(bind.error());
  if (!*bind) return Fail(Code::kInvalidArgument, "--webhook-bind-address: without it there is no webhook");
  return **bind;
}

bool OwnsCertificate() { return TlsCertFile().empty(); }

Status ReadWebhookPolicy(WebhookOptions& options) {
  auto virtual_nodes = VirtualNodeSelector();
  if (!virtual_nodes) return Fail(std::move(virtual_nodes.error()));
  options.virtual_nodes = std::move(virtual_nodes->selector);
  auto policy = PolicyOfFlags();
  if (!policy) return Fail(std::move(policy.error()));
  options.policy = *std::move(policy);
  auto cost = PodDeletionCost();
  if (!cost) return Fail(std::move(cost.error()));
  options.pod_deletion_cost = *std::move(cost);
  options.adopted_schedulers = ListOf(FLAGS_adopt_scheduler_names);
  for (const std::string& name : options.adopted_schedulers) {
    if (name != "default-scheduler") continue;
    return Fail(Code::kInvalidArgument, "--adopt-scheduler-names: default-scheduler is who they are handed to");
  }
  return {};
}

Status ReadCertificates(WebhookOptions& options) {
  if (Status files = CheckTlsFiles(TlsCertFile(), TlsPrivateKeyFile()); !files) return files;
  if (!OwnsCertificate()) return {};
  webhook::CertificateKeeperOptions keeper;
  keeper.ns = options.ns;
  keeper.secret = FLAGS_certificate_secret;
  keeper.configuration = FLAGS_webhook_configuration;
  keeper.terms.names = ListOf(FLAGS_certificate_names);
  if (keeper.terms.names.empty()) keeper.terms.names = {fmt::format("spillway-webhook.{}.svc", options.ns)};
  keeper.terms.lifetime = DurationOf(FLAGS_certificate_lifetime);
  keeper.terms.ca_lifetime = DurationOf(FLAGS_ca_lifetime);
  if (keeper.secret.empty() || keeper.configuration.empty()) {
    return Fail(Code::kInvalidArgument,
                "--certificate-secret and --webhook-configuration are required without --tls-cert-file");
  }
  if (keeper.terms.lifetime < kShortestLifetime) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--certificate-lifetime={}: want at least 10s", FLAGS_certificate_lifetime));
  }
  if (keeper.terms.ca_lifetime < 4 * keeper.terms.lifetime) {
    return Fail(Code::kInvalidArgument, fmt::format("--ca-lifetime={} is below four times --certificate-lifetime={}",
                                                    FLAGS_ca_lifetime, FLAGS_certificate_lifetime));
  }
  options.certificates = std::move(keeper);
  return {};
}

Result<WebhookOptions> ReadWebhookOptions() {
  WebhookOptions options;
  options.ns = LeaseNamespace();
  options.lease = LeaseName();
  options.configuration = ConfigurationOfFlags();
  for (const auto read : {ReadWebhookPolicy, ReadCertificates}) {
    if (auto status = read(options); !status) return Fail(std::move(status.error()));
  }
  for (const auto& bind : {MetricsBindAddress(), HealthProbeBindAddress()}) {
    if (!bind) return Fail(bind.error());
  }
  if (const auto bind = WebhookBindAddress(); !bind) return Fail(bind.error());
  return options;
}

// Runs until a signal; returns the exit code.
class WebhookProcess {
 public:
  WebhookProcess(RealRuntime& runtime, kube::Transport& transport, WebhookOptions options)
      : runtime_(runtime),
        registry_(metrics::Component::kWebhook),
        process_metrics_(metrics::ExportProcessMetrics(registry_)),
        heartbeat_(runtime),
        webhook_(runtime, transport, std::move(options), registry_),
        flows_(runtime) {
    health_.AddLivez("loop", [this] { return heartbeat_.Check(); });
    webhook_.AddChecks(health_);
    health_.AddReadyz("server", [this] {
      return server_ ? Status() : Status(Fail(Code::kUnavailable, "it waits for its certificate"));
    });
  }

  Status Serve() {
    auto servers = ServeObservability(runtime_, metrics::MetricsHandler(registry_), health_);
    if (!servers) return Fail(std::move(servers.error()));
    servers_ = std::move(*servers);
    return {};
  }

  int Run() {
    webhook_.Start();
    flows_.Spawn(ServeWhenThereIsACertificate());
    runtime_.Run([this](int signals) {
      if (signals > 1) std::_Exit(1);  // asked twice: nothing is worth waiting for
      log::Info("stopping; a second signal ends it at once");
      flows_.Spawn(Stop());
    });
    return exit_code_;
  }

 private:
  Task<void> ServeWhenThereIsACertificate() {
    co_await webhook_.UntilServable();
    if (Status served = ServeWebhook(); !served) {
      log::Error("the webhook cannot be served", {{"why", served.error().message}});
      exit_code_ = 1;
      runtime_.Stop();
    }
  }

  Status ServeWebhook() {
    const auto bind = WebhookBindAddress();
    if (!bind) return Fail(bind.error());
    net::HttpServerOptions options;
    options.address = bind->address;
    options.port = bind->port;
    options.max_body = webhook::kMaxReview;
    options.max_connections = kMaxWebhookConnections;
    options.tls = [this] { return Material(); };
    auto server = net::NewHttpServer(runtime_, std::move(options), webhook_.Handler());
    if (!server) return Fail(std::move(server.error()).Annotated("--webhook-bind-address"));
    server_ = std::move(*server);
    log::Info("serving", {{"flag", "webhook-bind-address"}, {"address", bind->address}, {"port", server_->port()}});
    return {};
  }

  // On any thread.
  Result<net::HttpServerOptions::Tls> Material() const {
    net::HttpServerOptions::Tls tls;
    if (const webhook::CertificateKeeper* keeper = webhook_.certificates()) {
      const auto shown = keeper->Shown();
      if (!shown) return Fail(Code::kUnavailable, "no certificate yet");
      tls.cert_pem = shown->cert_pem;
      tls.key_pem = shown->key_pem;
      return tls;
    }
    auto cert = ReadPemFile("tls-cert-file", TlsCertFile());
    if (!cert) return Fail(std::move(cert.error()));
    auto key = ReadPemFile("tls-private-key-file", TlsPrivateKeyFile());
    if (!key) return Fail(std::move(key.error()));
    tls.cert_pem = *std::move(cert);
    tls.key_pem = *std::move(key);
    return tls;
  }

  Task<void> Stop() {
    webhook_.Stop();
    co_await runtime_.SleepFor(kDrain);
    runtime_.Stop();
  }

  RealRuntime& runtime_;
  metrics::Registry registry_;
  metrics::ScrapeHook process_metrics_;
  metrics::Heartbeat heartbeat_;
  metrics::Health health_;
  Webhook webhook_;
  ObservabilityServers servers_;
  std::unique_ptr<net::HttpServer> server_;
  int exit_code_ = 0;
  TaskScope flows_;
};

int FailedWebhook(const Error& error) {
  fmt::print(stderr, "spillway webhook: {}\n", error.message);
  return 1;
}

}  // namespace

FlagSet WebhookFlags() {
  return {.subcommand = "webhook",
          .summary =
              "Answers kube-apiserver as Pods are created: gates those with local replicas, sends those of namespaces "
              "that say so to virtual nodes, and hands those of other schedulers to the default one.",
          .groups = {{"Webhook", "cmd/webhook/webhook_command.cc"},
                     kTlsFlags,
                     kTogetherFlags,
                     kPolicyFlags,
                     kSimulationFlags,
                     kKubeconfigFlags,
                     kServingFlags},
          .defaults = {},
          .arguments = ""};
}

int RunWebhook(std::vector<std::string> args) {
  const auto flags = ParseFlags(WebhookFlags(), std::move(args));
  if (!flags) return flags.error();
  InitProcess(*flags);
  RealRuntime runtime;
  auto options = ReadWebhookOptions();
  if (!options) return UsageError("webhook", options.error().message);
  auto api = NewTransportFromFlags(runtime);
  if (!api) return FailedWebhook(api.error());
  options->api_host = api->host;
  log::Info("starting", {{"version", metrics::VersionLine()}, {"server", api->host}});
  WebhookProcess process(runtime, *api->transport, *std::move(options));
  if (auto served = process.Serve(); !served) return FailedWebhook(served.error());
  return process.Run();
}

}  // namespace spillway::cmd
