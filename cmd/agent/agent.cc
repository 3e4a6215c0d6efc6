#include "cloud/agent/agent.h"

#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <map>

#include "base/files.h"
#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cloud/agent/agent_metrics.h"
#include "cloud/agent/node_capabilities.h"
#include "cloud/pod_network.h"
#include "cmd/agent/agent_provider.h"
#include "cmd/agent/alibaba_provider.h"
#include "cmd/agent/cluster_id.h"
#include "cmd/agent/kubelet_server.h"
#include "cmd/agent/tencent_provider.h"
#include "cmd/flags/kube_flags.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/flags/serving_flags.h"
#include "cmd/flags/tls_flags.h"
#include "cmd/servers.h"
#include "cmd/subcommands.h"
#include "kube/api/labels.h"
#include "metrics/build_info.h"
#include "metrics/heartbeat.h"

DEFINE_string(nodename, "", "Name of the virtual node. Required, unless the environment sets DEFAULT_NODE_NAME.");
DEFINE_string(internal_ip, "",
              "Address of the node and hostIP of its Pods, where kube-apiserver reaches the kubelet API. Environment: "
              "VKUBELET_POD_IP.");
DEFINE_string(node_labels, "", "Further labels of the node: key=value,key=value.");
DEFINE_string(quota_cpu, "100", "CPU that the node offers: a budget. Environment: ECI_QUOTA_CPU.");
DEFINE_string(quota_memory, "400Gi", "Memory that the node offers. Environment: ECI_QUOTA_MEMORY.");
DEFINE_string(quota_pods, "500", "Pods that the node takes. Environment: ECI_QUOTA_POD.");
DEFINE_string(quota_ephemeral_storage, "10Ti", "Ephemeral storage that the node offers.");
DEFINE_string(
    quota_resources, "",
    "Further resources that the node offers, where the provider has them: nvidia.com/gpu=8,example.com/fpga=2.");
DEFINE_string(price_per_cpu_hour, "",
              "What a vCPU costs an hour, such as 0.05, for clouds that have no call for it, or instead of what the "
              "cloud says; with --price-per-gib-hour. Published on the node, and what the cost of instances is "
              "counted by.");
DEFINE_string(price_per_gib_hour, "", "What a GiB of memory costs an hour.");
DEFINE_string(largest_instances, "",
              "The largest instances that Pods may ask for, where that is not what the provider says: "
              "cpu=64,memory=512Gi;cpu=52,memory=192Gi,nvidia.com/gpu=8. What one does not name it has none of.");
DEFINE_string(extra_capabilities, "",
              "What the node can run besides what the provider says: names of docs/capabilities.md, "
              "persistentVolumeClaim/<StorageClass> or what a newer Kubernetes asks for, such as spec.newField.");
DEFINE_bool(omit_api_token, false,
            "Leave out the volume with the API server's token, which admission adds to nearly every Pod: for providers "
            "that have no such volumes. An event on the Pod says so.");
DEFINE_string(taint_key, "virtual-kubelet.io/provider",
              "Key of the taint that fences the node off; empty: none. Environment: VKUBELET_TAINT_KEY.");
DEFINE_string(taint_value, "", "Its value; empty: the provider's name. Environment: VKUBELET_TAINT_VALUE.");
DEFINE_string(taint_effect, "NoSchedule",
              "NoSchedule, NoExecute or PreferNoSchedule. Environment: VKUBELET_TAINT_EFFECT.");

DEFINE_string(
    cluster_dns, "",
    "Addresses of the cluster's DNS servers, for Pods with dnsPolicy ClusterFirst: address,address. Empty: such "
    "Pods get the resolver that instances have by themselves.");
DEFINE_string(cluster_domain, "cluster.local", "The domain that --cluster-dns serves.");
DEFINE_string(pod_kube_apiserver_host, "",
              "Where Pods of this node find the API server: KUBERNETES_SERVICE_HOST. Empty: the address of the Service "
              "kubernetes, which instances outside the cluster's network may not reach.");
DEFINE_int32(pod_kube_apiserver_port, 443, "The port there: KUBERNETES_SERVICE_PORT.");

DECLARE_int32(kubelet_port);

namespace spillway::cmd {
namespace {

constexpr Duration kFirstRetry = std::chrono::seconds(1);
constexpr Duration kTrimInterval = std::chrono::seconds(30);

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

// Source: core/v1 helper IsExtendedResourceName, and hugepages-*.
bool IsFurtherResource(const std::string& name) {
  if (name.starts_with("hugepages-")) return true;
  return name.find('/') != std::string::npos && name.find("kubernetes.io/") == std::string::npos &&
         kube::IsLabelKey(name);
}

// What kube-apiserver takes as an amount of that resource: some can only be had whole.
// Source: pkg/apis/core/validation ValidateResourceQuantityValue.
bool IsAmount(const std::string& resource, const std::optional<kube::Quantity>& amount) {
  constexpr kube::Quantity::Nano kOne = 1'000'000'000, kMost = std::numeric_limits<std::int64_t>::max();
  if (!amount || *amount < kube::Quantity() || amount->nano() / kOne >= kMost) return false;
  const bool is_whole = resource == "pods" || IsFurtherResource(resource);
  return !is_whole || amount->nano() % kOne == 0;
}

Status ReadFurtherResources(cloud::AgentOptions& options) {
  for (const std::string& pair : ListOf(FLAGS_quota_resources)) {
    const std::string name = pair.substr(0, pair.find('='));
    const auto amount = name.size() == pair.size() ? std::nullopt : kube::Quantity::Parse(pair.substr(name.size() + 1));
    if (!IsFurtherResource(name) || !IsAmount(name, amount)) {
      return Fail(
          Code::kInvalidArgument,
          fmt::format("--quota-resources: \"{}\" is not resource=whole number, such as nvidia.com/gpu=8", pair));
    }
    options.capacity[name] = pair.substr(name.size() + 1);
  }
  return {};
}

Status ReadCapacity(cloud::AgentOptions& options) {
  options.capacity = {{"cpu", FLAGS_quota_cpu},
                      {"memory", FLAGS_quota_memory},
                      {"pods", FLAGS_quota_pods},
                      {"ephemeral-storage", FLAGS_quota_ephemeral_storage}};
  for (const auto& [name, text] : options.capacity) {
    if (IsAmount(name, kube::Quantity::Parse(text))) continue;
    return Fail(Code::kInvalidArgument,
                fmt::format("--quota-{}={}: want {}", name, text,
                            name == "pods" ? "a whole number" : "a quantity such as 20, 500m or 64Gi"));
  }
  return ReadFurtherResources(options);
}

Status ReadPrices(cloud::AgentOptions& options) {
  const std::string &cpu = FLAGS_price_per_cpu_hour, &gib = FLAGS_price_per_gib_hour;
  if (cpu.empty() && gib.empty()) return {};
  for (const auto& [flag, text] : {std::pair{"price-per-cpu-hour", cpu}, std::pair{"price-per-gib-hour", gib}}) {
    if (kube::ParseMoney(text)) continue;
    return Fail(Code::kInvalidArgument,
                fmt::format("--{}={}: want a number such as 0.05, with at most 6 digits behind the point; both prices "
                            "or none",
                            flag, text));
  }
  options.price = kube::Price{*kube::ParseMoney(cpu), *kube::ParseMoney(gib)};
  return {};
}

Status ReadCapabilities(cloud::AgentOptions& options) {
  auto largest = kube::ParseLargestInstances(FLAGS_largest_instances);
  if (!largest) return Fail(std::move(largest.error()).Annotated("--largest-instances"));
  options.largest_instances = *std::move(largest);
  options.extra_capabilities = ListOf(FLAGS_extra_capabilities);
  options.omit_api_token = FLAGS_omit_api_token;
  for (const std::string& name : options.extra_capabilities) {
    if (name == "*" || kube::IsFeatureName(name)) continue;
    return Fail(Code::kInvalidArgument,
                fmt::format("--extra-capabilities: there is no feature \"{}\"; docs/capabilities.md lists them", name));
  }
  return {};
}

// Host, boot and process: a holder of the Lease that was a process of this host and is no more need not be waited for.
// The boot, because a Pod of a StatefulSet has one name and process 1 on every machine that it comes to, and the one
// before it may be alive where nobody sees it.
std::string ThisHost() {
  std::array<char, 256> name{};
  const std::string host = ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
  const auto boot = base::ReadFile("/proc/sys/kernel/random/boot_id");
  return boot ? host + "_" + boot->substr(0, 8) : host;
}

std::string NewIdentity(Runtime& runtime) {
  return fmt::format("{}_{}_{:016x}", ThisHost(), ::getpid(), runtime.random().Next());
}

bool IsDeadHere(const std::string& identity) {
  const std::string host = ThisHost() + "_";
  if (!identity.starts_with(host)) return false;
  const int pid = std::atoi(identity.c_str() + host.size());
  return pid > 0 && (pid == ::getpid() || (::kill(pid, 0) != 0 && errno == ESRCH));
}

Status ReadLabels(cloud::AgentOptions& options) {
  for (const std::string& pair : ListOf(FLAGS_node_labels)) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Fail(Code::kInvalidArgument, fmt::format("--node-labels: \"{}\" is not key=value", pair));
    }
    const std::string key = pair.substr(0, equals), value = pair.substr(equals + 1);
    if (!kube::IsLabelKey(key) || !kube::IsLabelValue(value)) {
      return Fail(Code::kInvalidArgument, fmt::format("--node-labels: \"{}\" is no label that Kubernetes takes", pair));
    }
    if (key == "kubernetes.io/hostname" && value != options.node_name) {
      return Fail(Code::kInvalidArgument, fmt::format("--node-labels: \"{}\": that label is the node's name", pair));
    }
    options.extra_labels[key] = value;
  }
  return {};
}

Status ReadNetwork(cloud::AgentOptions& options) {
  options.cluster_dns = ListOf(FLAGS_cluster_dns);
  options.cluster_domain = FLAGS_cluster_domain;
  for (const std::string& server : options.cluster_dns) {
    if (!cloud::IsIpAddress(server)) {
      return Fail(Code::kInvalidArgument, fmt::format("--cluster-dns: \"{}\" is no IP address", server));
    }
  }
  if (FLAGS_pod_kube_apiserver_port < 1 || FLAGS_pod_kube_apiserver_port > 65535) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--pod-kube-apiserver-port={}: want 1 to 65535", FLAGS_pod_kube_apiserver_port));
  }
  if (FLAGS_pod_kube_apiserver_host.empty()) return {};
  options.pod_api_server = {
      "default", "kubernetes", FLAGS_pod_kube_apiserver_host, {{"https", "TCP", FLAGS_pod_kube_apiserver_port}}};
  return {};
}

Result<cloud::AgentOptions> ReadOptions(const ParsedFlags& flags) {
  ApplyEnvironment(flags);
  cloud::AgentOptions options;
  if (FLAGS_nodename.empty()) return Fail(Code::kInvalidArgument, "--nodename is required");
  if (!kube::IsDnsSubdomain(FLAGS_nodename)) {
    return Fail(
        Code::kInvalidArgument,
        fmt::format("--nodename={}: want lower-case letters, digits, '-' and '.', at most 253", FLAGS_nodename));
  }
  options.node_name = FLAGS_nodename;
  options.is_dead = IsDeadHere;
  options.version = metrics::GetBuildInfo().version;
  options.internal_ip = FLAGS_internal_ip;
  if (options.internal_ip == "0.0.0.0" || options.internal_ip == "::") {
    return Fail(Code::kInvalidArgument,
                fmt::format("--internal-ip={}: want the address at which kube-apiserver reaches this agent",
                            options.internal_ip));
  }
  options.taint_key = FLAGS_taint_key;
  options.taint_value = FLAGS_taint_value;
  const bool has_taint = !options.taint_key.empty();
  if (has_taint && (!kube::IsLabelKey(options.taint_key) || !kube::IsLabelValue(options.taint_value))) {
    return Fail(Code::kInvalidArgument, fmt::format("--taint-key={}, --taint-value={}: no taint that Kubernetes takes",
                                                    options.taint_key, options.taint_value));
  }
  options.taint_effect = FLAGS_taint_effect;
  if (options.taint_effect != "NoSchedule" && options.taint_effect != "NoExecute" &&
      options.taint_effect != "PreferNoSchedule") {
    return Fail(Code::kInvalidArgument,
                fmt::format("--taint-effect={}: want NoSchedule, NoExecute or PreferNoSchedule", options.taint_effect));
  }
  for (const auto read : {ReadCapacity, ReadPrices, ReadCapabilities, ReadLabels, ReadNetwork}) {
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
    options_.identity = NewIdentity(runtime);
    health_.AddLivez("loop", [this] { return heartbeat_.Check(); });
    health_.AddReadyz("node", [this] { return Ready(agent_ && agent_->counts().is_registered, "not registered yet"); });
    health_.AddReadyz("pods", [this] { return Ready(agent_ && agent_->counts().is_synced, "not listed yet"); });
  }

  int Run() {
    auto servers = ServeObservability(runtime_, metrics::MetricsHandler(registry_), health_);
    if (!servers) return Failed(servers.error());
    servers_ = std::move(*servers);
    flows_.Spawn(Begin());
    flows_.Spawn(KeepTrimming(runtime_));
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
      auto cluster = co_await ReadClusterId(client);
      if (cluster || !base::IsTransient(cluster.error())) co_return cluster;
      log::Warning("cannot reach the API server", {{"why", cluster.error().message}});
      co_await runtime_.SleepFor(kFirstRetry);
    }
  }

  Task<void> Begin() {
    auto cluster = co_await ClusterId();
    if (!cluster) {
      End(Failed(cluster.error()));
      co_return;
    }
    options_.cluster_id = *std::move(cluster);
    auto provider = NewProviderFromFlags(runtime_, options_.cluster_id, options_.node_name, options_.internal_ip);
    if (!provider) {
      End(Failed(provider.error()));
      co_return;
    }
    provider_ = std::move(*provider);
    const auto capabilities = cloud::NodeCapabilities(provider_->provider(), options_);
    if (auto offer = cloud::CheckOffer(capabilities, options_); !offer) {
      End(Failed(offer.error()));
      co_return;
    }
    agent_ = std::make_unique<cloud::Agent>(runtime_, *api_.transport, provider_->provider(), options_, &metrics_,
                                            &metrics_);
    gauges_ = metrics_.Watch(*agent_);
    kubelet_ = std::make_unique<KubeletServer>(runtime_, *api_.transport, *agent_, &metrics_);
    certificate_gauge_ = registry_.OnScrape([this] {
      const Duration expires = kubelet_->expires_at().time_since_epoch();
      registry_.Set(metrics::Id::kServingCertificateExpirationTimestamp, {},
                    std::chrono::duration<double>(expires).count());
    });
    if (auto started = kubelet_->Start(); !started) {
      End(Failed(started.error()));
      co_return;
    }
    agent_->Start([this](const std::string& holder) {
      End(Failed(Error{Code::kConflict,
                       fmt::format("another agent of node {} has taken over: {}", options_.node_name, holder)}));
    });
  }

  // A burst of Pods leaves holes behind that the allocator would keep for good.
  static Task<void> KeepTrimming(Runtime& runtime) {
    for (;;) {
      co_await runtime.SleepFor(kTrimInterval);
      ::malloc_trim(0);
    }
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
  std::unique_ptr<KubeletServer> kubelet_;
  metrics::ScrapeHook certificate_gauge_;
  int exit_code_ = 0;
  TaskScope flows_;
};

}  // namespace

FlagSet AgentFlags() {
  return {.subcommand = "agent",
          .summary = "Runs one virtual node: a kubelet to the cluster, whose Pods run as instances of a cloud.",
          .groups = {{"Virtual node", "cmd/agent/agent.cc"},
                     kClusterIdFlags,
                     kProviderFlags,
                     kAlibabaFlags,
                     kTencentFlags,
                     kKubeletServerFlags,
                     kTlsFlags,
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
