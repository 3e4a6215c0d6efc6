#include "cloud/agent/agent.h"

#include <fmt/core.h>

#include <cstdlib>
#include <map>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cloud/agent/agent_metrics.h"
#include "cmd/agent_provider.h"
#include "cmd/kube_flags.h"
#include "cmd/kubeconfig_flags.h"
#include "cmd/kubelet_server.h"
#include "cmd/servers.h"
#include "cmd/serving_flags.h"
#include "cmd/subcommands.h"
#include "kube/paths.h"
#include "metrics/build_info.h"
#include "metrics/heartbeat.h"
#include "net/http_client.h"

DEFINE_string(nodename, "", "Name of the virtual node. Required, unless the environment sets DEFAULT_NODE_NAME.");
DEFINE_string(
    cluster_id, "",
    "Which cluster instances belong to. Empty: the UID of namespace kube-system, which takes the permission to "
    "get it.");
DEFINE_string(internal_ip, "",
              "Address of the node and hostIP of its Pods, where kube-apiserver reaches the kubelet API. Environment: "
              "VKUBELET_POD_IP.");
DEFINE_string(node_labels, "", "Further labels of the node: key=value,key=value.");
DEFINE_string(quota_cpu, "100", "CPU that the node offers: a budget. Environment: ECI_QUOTA_CPU.");
DEFINE_string(quota_memory, "400Gi", "Memory that the node offers. Environment: ECI_QUOTA_MEMORY.");
DEFINE_string(quota_pods, "500", "Pods that the node takes. Environment: ECI_QUOTA_POD.");
DEFINE_string(taint_key, "virtual-kubelet.io/provider",
              "Key of the taint that fences the node off; empty: none. Environment: VKUBELET_TAINT_KEY.");
DEFINE_string(taint_value, "", "Its value; empty: the provider's name. Environment: VKUBELET_TAINT_VALUE.");
DEFINE_string(taint_effect, "NoSchedule",
              "NoSchedule, NoExecute or PreferNoSchedule. Environment: VKUBELET_TAINT_EFFECT.");

DECLARE_int32(kubelet_port);

namespace spillway::cmd {
namespace {

constexpr Duration kShutdownGrace = std::chrono::seconds(20);  // within the 30 s of terminationGracePeriodSeconds
constexpr Duration kFirstRetry = std::chrono::seconds(1);
constexpr int kHttpThreads = 6;  // one watch, and room for requests

// What the environment of virtual-kubelet's deployments says where neither flag nor SPILLWAY_ variable does.
void ApplyEnvironment(const ParsedFlags& flags) {
  const std::map<std::string, std::pair<const char*, std::string*>> variables = {
      {"nodename", {"DEFAULT_NODE_NAME", &FLAGS_nodename}},
      {"internal-ip", {"VKUBELET_POD_IP", &FLAGS_internal_ip}},
      {"quota-cpu", {"ECI_QUOTA_CPU", &FLAGS_quota_cpu}},
      {"quota-memory", {"ECI_QUOTA_MEMORY", &FLAGS_quota_memory}},
      {"quota-pods", {"ECI_QUOTA_POD", &FLAGS_quota_pods}},
      {"taint-key", {"VKUBELET_TAINT_KEY", &FLAGS_taint_key}},
      {"taint-value", {"VKUBELET_TAINT_VALUE", &FLAGS_taint_value}},
      {"taint-effect", {"VKUBELET_TAINT_EFFECT", &FLAGS_taint_effect}},
  };
  for (const auto& [flag, target] : variables) {
    const char* value = std::getenv(target.first);
    if (value && *value && !flags.given.contains(flag)) *target.second = value;
  }
}

Status ApplyPortEnvironment(const ParsedFlags& flags) {
  const char* value = std::getenv("KUBELET_PORT");
  if (!value || !*value || flags.given.contains("kubelet-port")) return {};
  char* end = nullptr;
  const long port = std::strtol(value, &end, 10);
  if (*end != '\0' || port < 1 || port > 65535) {
    return Fail(Code::kInvalidArgument, fmt::format("KUBELET_PORT={}: want 1 to 65535", value));
  }
  FLAGS_kubelet_port = static_cast<std::int32_t>(port);
  return {};
}

Status ReadCapacity(cloud::AgentOptions& options) {
  options.capacity = {{"cpu", FLAGS_quota_cpu}, {"memory", FLAGS_quota_memory}, {"pods", FLAGS_quota_pods}};
  for (const auto& [name, text] : options.capacity) {
    const auto amount = kube::Quantity::Parse(text);
    if (!amount || *amount < kube::Quantity()) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("--quota-{}={}: want a quantity such as 20, 500m or 64Gi", name, text));
    }
  }
  return {};
}

Status ReadLabels(cloud::AgentOptions& options) {
  for (const std::string& pair : ListOf(FLAGS_node_labels)) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Fail(Code::kInvalidArgument, fmt::format("--node-labels: \"{}\" is not key=value", pair));
    }
    options.extra_labels[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return {};
}

Result<cloud::AgentOptions> ReadOptions(const ParsedFlags& flags) {
  ApplyEnvironment(flags);
  cloud::AgentOptions options;
  if (FLAGS_nodename.empty()) return Fail(Code::kInvalidArgument, "--nodename is required");
  options.node_name = FLAGS_nodename;
  options.cluster_id = FLAGS_cluster_id;
  options.version = metrics::GetBuildInfo().version;
  options.internal_ip = FLAGS_internal_ip;
  options.taint_key = FLAGS_taint_key;
  options.taint_value = FLAGS_taint_value;
  options.taint_effect = FLAGS_taint_effect;
  if (options.taint_effect != "NoSchedule" && options.taint_effect != "NoExecute" &&
      options.taint_effect != "PreferNoSchedule") {
    return Fail(Code::kInvalidArgument,
                fmt::format("--taint-effect={}: want NoSchedule, NoExecute or PreferNoSchedule", options.taint_effect));
  }
  for (const auto read : {ReadCapacity, ReadLabels}) {
    if (auto status = read(options); !status) return Fail(std::move(status.error()));
  }
  if (auto port = ApplyPortEnvironment(flags); !port) return Fail(std::move(port.error()));
  for (const auto check : {CheckProviderFlags, CheckKubeletServerFlags, CheckKubeFlags}) {
    if (auto status = check(); !status) return Fail(std::move(status.error()));
  }
  options.qps = KubeApiQps();
  options.burst = KubeApiBurst();
  for (const auto& bind : {MetricsBindAddress(), HealthProbeBindAddress()}) {
    if (!bind) return Fail(bind.error());
  }
  return options;
}

// Runs until a signal; returns the exit code.
class AgentProcess {
 public:
  AgentProcess(RealRuntime& runtime, ApiServer api, cloud::AgentOptions options)
      : runtime_(runtime),
        api_(std::move(api)),
        options_(std::move(options)),
        registry_(metrics::Component::kAgent),
        process_metrics_(metrics::ExportProcessMetrics(registry_)),
        metrics_(registry_, api_.host),
        heartbeat_(runtime),
        flows_(runtime) {
    health_.AddLivez("loop", [this] { return heartbeat_.Check(); });
    health_.AddReadyz("node", [this] { return Ready(agent_ && agent_->counts().is_registered, "not registered yet"); });
    health_.AddReadyz("pods", [this] { return Ready(agent_ && agent_->counts().is_synced, "not listed yet"); });
  }

  int Run() {
    auto servers = ServeObservability(runtime_, metrics::MetricsHandler(registry_), health_);
    if (!servers) return Failed(servers.error());
    servers_ = std::move(*servers);
    flows_.Spawn(Begin());
    runtime_.Run([this](int signals) {
      if (signals > 1) std::_Exit(1);  // asked twice: nothing is worth waiting for
      log::Info("stopping; instances run on; a second signal ends it at once");
      flows_.Spawn(Stop());
    });
    return exit_code_;
  }

 private:
  static Status Ready(bool is_ready, const char* why_not) {
    if (is_ready) return {};
    return Fail(Code::kUnavailable, why_not);
  }
  static int Failed(const Error& error) {
    fmt::print(stderr, "spillway agent: {}\n", error.message);
    return 1;
  }
  void End(int code) {
    exit_code_ = std::max(exit_code_, code);
    runtime_.Stop();
  }

  // Which cluster this is. Waits for an API server that is away; gives up on one that refuses.
  Task<Result<std::string>> ClusterId() {
    kube::RateLimiter limiter(runtime_, KubeApiQps(), KubeApiBurst());
    kube::Client client(runtime_, *api_.transport, limiter, &metrics_);
    for (;;) {
      std::string path = std::string(kube::kNamespacesPath) + "/kube-system";
      auto found = co_await client.Get(std::move(path));
      if (found) co_return cloud::TextAt(*found, "metadata", "uid");
      if (!base::IsTransient(found.error())) {
        co_return Fail(
            found.error().code,
            fmt::format("cannot get namespace kube-system, whose UID names the cluster: {}; grant get on it or "
                        "set --cluster-id",
                        found.error().message));
      }
      log::Warning("cannot reach the API server", {{"why", found.error().message}});
      co_await runtime_.SleepFor(kFirstRetry);
    }
  }

  Task<void> Begin() {
    if (options_.cluster_id.empty()) {
      auto cluster = co_await ClusterId();
      if (!cluster) {
        End(Failed(cluster.error()));
        co_return;
      }
      options_.cluster_id = *std::move(cluster);
    }
    auto provider = NewProviderFromFlags(runtime_, options_.cluster_id, options_.node_name, options_.internal_ip);
    if (!provider) {
      End(Failed(provider.error()));
      co_return;
    }
    provider_ = std::move(*provider);
    agent_ = std::make_unique<cloud::Agent>(runtime_, *api_.transport, provider_->provider(), options_, &metrics_,
                                            &metrics_);
    gauges_ = metrics_.Watch(*agent_);
    auto kubelet = ServeKubeletApi(runtime_, *agent_, options_.node_name, options_.internal_ip);
    if (!kubelet) {
      End(Failed(kubelet.error()));
      co_return;
    }
    kubelet_ = std::move(*kubelet);
    if (kubelet_) agent_->SetKubeletPort(kubelet_->port());
    agent_->Start();
  }

  Task<void> Stop() {
    if (agent_) co_await agent_->Shutdown(runtime_.Now() + kShutdownGrace);
    End(0);
  }

  RealRuntime& runtime_;
  ApiServer api_;
  cloud::AgentOptions options_;
  metrics::Registry registry_;
  metrics::ScrapeHook process_metrics_;
  cloud::AgentMetrics metrics_;
  metrics::Heartbeat heartbeat_;
  metrics::Health health_;
  ObservabilityServers servers_;
  std::unique_ptr<OwnedProvider> provider_;
  std::unique_ptr<cloud::Agent> agent_;
  metrics::ScrapeHook gauges_;
  std::unique_ptr<net::HttpServer> kubelet_;
  int exit_code_ = 0;
  TaskScope flows_;
};

}  // namespace

FlagSet AgentFlags() {
  return {.subcommand = "agent",
          .summary = "Runs one virtual node: a kubelet to the cluster, whose Pods run as instances of a cloud.",
          .groups = {{"Virtual node", "cmd/agent.cc"},
                     kProviderFlags,
                     kKubeletServerFlags,
                     kKubeconfigFlags,
                     kKubeFlags,
                     kServingFlags},
          .defaults = {},
          .arguments = ""};
}

int RunAgent(std::vector<std::string> args) {
  const auto flags = ParseFlags(AgentFlags(), std::move(args));
  if (!flags) return flags.error();
  auto options = ReadOptions(*flags);
  if (!options) return UsageError("agent", options.error().message);
  InitProcess(*flags);
  net::InitHttpClients(kHttpThreads);
  RealRuntime runtime;
  auto api = NewTransportFromFlags(runtime);
  if (!api) {
    fmt::print(stderr, "spillway agent: {}\n", api.error().message);
    return 1;
  }
  log::Info("starting", {{"version", metrics::VersionLine()}, {"node", options->node_name}, {"server", api->host}});
  AgentProcess process(runtime, std::move(*api), std::move(*options));
  return process.Run();
}

}  // namespace spillway::cmd
