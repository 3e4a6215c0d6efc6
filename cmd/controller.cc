#include "controller/controller.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/log.h"
#include "base/real_runtime.h"
#include "base/scope.h"
#include "cmd/explain/endpoint.h"
#include "cmd/flags/kube_flags.h"
#include "cmd/flags/kubeconfig_flags.h"
#include "cmd/flags/policy_flags.h"
#include "cmd/flags/serving_flags.h"
#include "cmd/flags/simulation_flags.h"
#include "cmd/flags/together_flags.h"
#include "cmd/servers.h"
#include "cmd/subcommands.h"
#include "metrics/build_info.h"
#include "metrics/heartbeat.h"

DEFINE_duration(pending_grace, "2s", "How long it must have stood that a Pod fits on no real node.");
DEFINE_duration(node_return_grace, "60s",
                "How long Pods wait for a real node that would take them, if only it were ready: since it became not "
                "ready, or came. Then it is lost to them.");
DEFINE_duration(
    virtual_grace, "0s",
    "A Pod that its virtual node has not been able to run for so long is evicted, in namespaces that allow it "
    "(spillway.io/fail-over), so that its owner makes another; 0: none is.");
DEFINE_duration(batch_idle, "100ms", "A decision round starts when nothing has changed for so long.");
DEFINE_duration(batch_max, "1s", "A decision round starts so long after the first change at the latest.");
DEFINE_double(max_binds_per_second, 0, "At most so many binds a second; 0: bounded by --kube-api-qps only.");
DEFINE_duration(gate_deadline, "30s",
                "Scheduling gates of Pods with local replicas that are as old as this are lifted plainly, by whichever "
                "controller lives.");
DEFINE_double(gate_qps, 150, "Gates lifted a second at most; they share no limit with anything else.");
DEFINE_string(
    accept_scheduler_version, "",
    "Act in a cluster with this kube-scheduler although it cannot be simulated, as 1.37: the nearest that can "
    "is taken for it. Without, nothing is moved there but in --dry-run.");
DEFINE_bool(dry_run, false, "Decide and report everything, and write nothing but events: no lease either.");
DEFINE_bool(explain, true,
            "Answer `spillway explain` at --metrics-bind-address: who reaches that port can ask about any Pod.");
DEFINE_bool(leader_elect, true, "Act only while holding the lease, so that several replicas may run.");
DEFINE_duration(leader_elect_lease_duration, "15s", "Others wait so long after the last renewal before taking over.");
DEFINE_duration(leader_elect_renew_deadline, "10s", "The leader gives up when it could not renew for so long.");
DEFINE_duration(leader_elect_retry_period, "2s", "Between two tries to take or renew the lease.");

namespace spillway::cmd {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown-host";
}

Status ReadPolicy(controller::ControllerOptions& options) {
  auto virtual_nodes = VirtualNodeSelector();
  if (!virtual_nodes) return Fail(std::move(virtual_nodes.error()));
  auto scheduler = SchedulerProfiles();
  if (!scheduler) return Fail(std::move(scheduler.error()));
  auto policy = PolicyFromFlags(*virtual_nodes, *scheduler);
  if (!policy) return Fail(std::move(policy.error()));
  options.policy = std::move(*policy);
  options.policy.pending_grace = DurationOf(FLAGS_pending_grace);
  options.policy.virtual_grace = DurationOf(FLAGS_virtual_grace);
  options.virtual_nodes = std::move(virtual_nodes->selector);
  options.foreign_capabilities = std::move(virtual_nodes->foreign_capabilities);
  options.scheduler = std::move(*scheduler);
  options.policy.node_return_grace = DurationOf(FLAGS_node_return_grace);
  if (options.policy.node_return_grace > controller::NodeReturns::kLongest) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--node-return-grace={}: want at most 1h", FLAGS_node_return_grace));
  }
  return {};
}

Status ReadBatching(controller::ControllerOptions& options) {
  options.overflow.batch_idle = DurationOf(FLAGS_batch_idle);
  options.overflow.batch_max = DurationOf(FLAGS_batch_max);
  if (options.overflow.batch_max < options.overflow.batch_idle) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--batch-max={} is below --batch-idle={}", FLAGS_batch_max, FLAGS_batch_idle));
  }
  if (!std::isfinite(FLAGS_max_binds_per_second) || FLAGS_max_binds_per_second < 0) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--max-binds-per-second={} is negative", FLAGS_max_binds_per_second));
  }
  options.overflow.max_binds_per_second = FLAGS_max_binds_per_second;
  auto cost = PodDeletionCost();
  if (!cost) return Fail(std::move(cost.error()));
  options.overflow.pod_deletion_cost = *std::move(cost);
  if (FLAGS_gate_qps <= 0) return Fail(Code::kInvalidArgument, fmt::format("--gate-qps={}: want more", FLAGS_gate_qps));
  options.gates.deadline = DurationOf(FLAGS_gate_deadline);
  options.gates.qps = FLAGS_gate_qps;
  options.gates.lifts = !FLAGS_dry_run;
  if (FLAGS_dry_run) options.policy.mode = controller::Mode::kDryRun;
  return {};
}

Status ReadConfigurationFlag(controller::ControllerOptions& options) {
  options.configuration = ConfigurationOfFlags();
  options.fail_over.record = LeaseNamespace() + "/spillway-evictions";
  return {};
}

Status ReadLeaderElection(controller::ControllerOptions& options) {
  if (!FLAGS_leader_elect || FLAGS_dry_run) return {};
  kube::LeaderElectionOptions election;
  election.lease_duration = DurationOf(FLAGS_leader_elect_lease_duration);
  election.renew_deadline = DurationOf(FLAGS_leader_elect_renew_deadline);
  election.retry_period = DurationOf(FLAGS_leader_elect_retry_period);
  election.name = LeaseName();
  election.ns = LeaseNamespace();
  election.identity = options.identity;
  if (election.retry_period <= Duration(0)) {
    return Fail(Code::kInvalidArgument, "--leader-elect-retry-period must be above 0");
  }
  if (election.lease_duration <= election.renew_deadline) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--leader-elect-lease-duration={} must be above --leader-elect-renew-deadline={}",
                            FLAGS_leader_elect_lease_duration, FLAGS_leader_elect_renew_deadline));
  }
  if (election.renew_deadline * 5 <= election.retry_period * 6) {  // 1.2, the jitter of client-go
    return Fail(Code::kInvalidArgument,
                fmt::format("--leader-elect-renew-deadline={} must be above 1.2 x --leader-elect-retry-period={}",
                            FLAGS_leader_elect_renew_deadline, FLAGS_leader_elect_retry_period));
  }
  if (election.name.empty()) return Fail(Code::kInvalidArgument, "--leader-elect-resource-name is empty");
  options.leader_election = std::move(election);
  return {};
}

// The minor version; 0 for none.
Result<int> AcceptedSchedulerVersion() {
  const std::string& text = FLAGS_accept_scheduler_version;
  if (text.empty()) return 0;
  int minor = 0;
  const char* const end = text.data() + text.size();
  if (text.starts_with("1.")) {
    const auto [stop, error] = std::from_chars(text.data() + 2, end, minor);
    if (error == std::errc() && stop == end && minor > 0) return minor;
  }
  return Fail(Code::kInvalidArgument, fmt::format("--accept-scheduler-version={}: want a version as 1.37", text));
}

Result<controller::ControllerOptions> ReadOptions(Runtime& runtime) {
  controller::ControllerOptions options;
  options.identity = fmt::format("{}_{:08x}", HostName(), runtime.random().Next() >> 32);
  auto minor = SchedulerMinorVersion();
  if (!minor) return Fail(std::move(minor.error()));
  options.scheduler_minor_version = *minor;
  const auto accepted = AcceptedSchedulerVersion();
  if (!accepted) return Fail(accepted.error());
  options.accepted_scheduler_minor_version = *accepted;
  if (auto read = CheckKubeFlags(); !read) return Fail(std::move(read.error()));
  options.kube_api_qps = KubeApiQps();
  options.kube_api_burst = KubeApiBurst();
  for (const auto read : {ReadPolicy, ReadBatching, ReadConfigurationFlag, ReadLeaderElection}) {
    if (auto status = read(options); !status) return Fail(std::move(status.error()));
  }
  for (const auto& bind : {MetricsBindAddress(), HealthProbeBindAddress()}) {
    if (!bind) return Fail(bind.error());
  }
  return options;
}

// Runs until a signal or the loss of the lease; returns the exit code.
class ControllerProcess {
 public:
  ControllerProcess(RealRuntime& runtime, kube::Transport& transport, controller::ControllerOptions options)
      : runtime_(runtime),
        registry_(metrics::Component::kController),
        process_metrics_(metrics::ExportProcessMetrics(registry_)),
        heartbeat_(runtime),
        controller_(runtime, transport, std::move(options), registry_),
        flows_(runtime) {
    health_.AddLivez("loop", [this] { return heartbeat_.Check(); });
    controller_.AddChecks(health_);
  }

  Status Serve() {
    net::Handler at_metrics = metrics::MetricsHandler(registry_);
    if (FLAGS_explain) at_metrics = ExplainHandler(controller_, std::move(at_metrics));
    auto servers = ServeObservability(runtime_, std::move(at_metrics), health_);
    if (!servers) return Fail(std::move(servers.error()));
    servers_ = std::move(*servers);
    return {};
  }

  int Run() {
    controller_.OnOutdated([this](const std::string& why) {
      log::Warning("stopping, to be started anew", {{"why", why}});
      flows_.Spawn(Stop());
    });
    controller_.Start([this](std::string why) {
      log::Error("the lease is lost: another replica may be acting", {{"why", why}});
      End(1);
    });
    runtime_.Run([this](int signals) {
      if (signals > 1) std::_Exit(1);  // asked twice: nothing is worth waiting for
      log::Info("stopping; a second signal ends it at once");
      flows_.Spawn(Stop());
    });
    return exit_code_;
  }

 private:
  Task<void> Stop() {
    co_await controller_.Shutdown(kShutdownGrace);
    End(0);
  }

  void End(int code) {
    exit_code_ = std::max(exit_code_, code);
    runtime_.Stop();
  }

  RealRuntime& runtime_;
  metrics::Registry registry_;
  metrics::ScrapeHook process_metrics_;
  metrics::Heartbeat heartbeat_;
  metrics::Health health_;
  controller::Controller controller_;
  ObservabilityServers servers_;
  int exit_code_ = 0;
  TaskScope flows_;
};

}  // namespace

FlagSet ControllerFlags() {
  return {.subcommand = "controller",
          .summary = "Finds Pods that no real node can take and binds them to virtual nodes.",
          .groups = {{"Controller", "cmd/controller.cc"},
                     kTogetherFlags,
                     kPolicyFlags,
                     kSimulationFlags,
                     kKubeconfigFlags,
                     kKubeFlags,
                     kServingFlags},
          .defaults = {},
          .arguments = ""};
}

int RunController(std::vector<std::string> args) {
  const auto flags = ParseFlags(ControllerFlags(), std::move(args));
  if (!flags) return flags.error();
  InitProcess(*flags);
  RealRuntime runtime;
  auto options = ReadOptions(runtime);
  if (!options) return UsageError("controller", options.error().message);

  auto api = NewTransportFromFlags(runtime);
  if (!api) {
    fmt::print(stderr, "spillway controller: {}\n", api.error().message);
    return 1;
  }
  options->api_host = api->host;
  log::Info("starting", {{"version", metrics::VersionLine()}, {"server", api->host}});
  ControllerProcess process(runtime, *api->transport, std::move(*options));
  if (auto served = process.Serve(); !served) {
    fmt::print(stderr, "spillway controller: {}\n", served.error().message);
    return 1;
  }
  return process.Run();
}

}  // namespace spillway::cmd
