#include "controller/controller.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/scope.h"
#include "controller/agreement.h"
#include "controller/explainer.h"
#include "controller/request_metrics.h"
#include "controller/scheduler_version.h"
#include "controller/scrape.h"
#include "kube/event_recorder.h"
#include "kube/paths.h"
#include "scheduler_sim/semantics.h"
#include "scheduler_sim/spread_balancer.h"

namespace spillway::controller {
namespace {

constexpr Duration kStatusLogPeriod = std::chrono::seconds(1);
constexpr Duration kBindsPatience = std::chrono::seconds(5);  // at the end, for binds in flight
constexpr double kExplainQps = 5;                             // Pods that explain reads from the API server
constexpr int kExplainBurst = 10;

}  // namespace

ControllerOptions::ControllerOptions() {
  policy.overflow_taints = sim::SpreadOptions().overflow_taints;
  virtual_nodes.match_labels = {{"type", "virtual-kubelet"}};
  foreign_capabilities = kube::Capabilities::Parse(kube::kForeignNodeCapabilities);
}

struct Controller::Impl {
  Impl(Runtime& runtime, kube::Transport& transport, ControllerOptions given, metrics::Registry& metrics);

  void Start(std::function<void(std::string)> on_lost);
  Task<void> Run();
  // What of the API server the simulation depends on.
  struct Server {
    SchedulerVersion scheduler;
    bool has_device_classes = false;
  };
  Task<Result<Server>> AskServer();
  Task<Result<bool>> ServesDeviceClasses();
  void BuildPipeline(const Server& server);
  GateOptions Gates() const;
  Task<void> LogReadiness();
  Task<void> Shutdown(Duration grace);
  Status Ready() const;
  Task<Result<std::string>> Explain(std::string ns, std::string name, ExplainDetail detail);
  bool Leads() const { return !stopping && (elector == nullptr || elector->is_leader()); }
  bool IsDryRun() const { return options.policy.mode == Mode::kDryRun; }
  void PolicyChanged();
  void Scrape();

  Runtime& runtime;
  kube::Transport& transport;
  ControllerOptions options;
  metrics::Registry& metrics;

  // Binds and reads share --kube-api-qps. Events and the lease have limits of their own: neither may starve the other.
  RequestMetrics observer;
  kube::RateLimiter api_limiter, unlimited, event_limiter, lease_limiter, explain_limiter;
  kube::Client api, binder, gate_writer, event_writer, lease_writer, explain_reader;
  kube::EventRecorder events;
  DecisionLog decisions;
  std::unique_ptr<kube::LeaderElector> elector;
  SchedulerVersionWatch versions;
  SchedulerVersion scheduler;  // once there is a state
  Configuration configuration;
  std::function<void(std::string)> on_outdated;

  Reporter reporter;
  Explainer explainer;
  std::unique_ptr<ClusterState> state;  // once the version is known
  std::unique_ptr<Overflow> overflow;
  std::unique_ptr<GateKeeper> gates;
  std::unique_ptr<FailOver> fail_over;
  std::unique_ptr<AgreementMonitor> agreement;
  std::string starting = "asking the API server for its version";  // why there is no state yet
  bool stopping = false;
  metrics::ScrapeHook scrape_hook;
  TaskScope flows;  // last: dies before what its flows use
};

namespace {

// Each bind is told of, and who crashes tells no more.
kube::EventRecorderOptions AsFastAsBinds(const ControllerOptions& options) {
  kube::EventRecorderOptions as_fast;
  as_fast.per_second = options.kube_api_qps == 0 ? 0 : std::max(as_fast.per_second, options.kube_api_qps);
  as_fast.burst = std::max(as_fast.burst, options.kube_api_burst);
  return as_fast;
}

}  // namespace

Controller::Impl::Impl(Runtime& runtime_in, kube::Transport& transport_in, ControllerOptions given,
                       metrics::Registry& metrics_in)
    : runtime(runtime_in),
      transport(transport_in),
      options(std::move(given)),
      metrics(metrics_in),
      observer(metrics_in, options.api_host),
      api_limiter(runtime, options.kube_api_qps, options.kube_api_burst),
      unlimited(runtime, 0, 1),
      event_limiter(runtime, options.kube_api_qps, options.kube_api_burst),
      lease_limiter(runtime, 0, 1),
      explain_limiter(runtime, kExplainQps, kExplainBurst),
      api(runtime, transport, api_limiter, &observer),
      binder(runtime, transport, unlimited, &observer),
      gate_writer(runtime, transport, unlimited, &observer),
      event_writer(runtime, transport, event_limiter, &observer),
      lease_writer(runtime, transport, lease_limiter, &observer),
      explain_reader(runtime, transport, explain_limiter, &observer),
      events(runtime, event_writer, "spillway.io/controller", "spillway.io/" + options.identity,
             AsFastAsBinds(options)),
      decisions(options.decisions_kept),
      versions(runtime, api, metrics_in,
               {.given = options.scheduler_minor_version,
                .accepted = options.accepted_scheduler_minor_version,
                .dry_run = IsDryRun()}),
      configuration(runtime, transport, api, events, metrics, options.configuration, options.policy,
                    [this] { return Leads(); }),
      reporter(runtime, events, metrics, decisions, options.policy),
      explainer(runtime, explain_reader, decisions, options.policy),
      flows(runtime) {
  if (options.leader_election && !IsDryRun()) {
    elector = std::make_unique<kube::LeaderElector>(runtime, lease_writer, *options.leader_election);
  }
  scrape_hook = metrics.OnScrape([this] { Scrape(); });
}

void Controller::Impl::Start(std::function<void(std::string)> on_lost) {
  configuration.Start([this] { PolicyChanged(); });
  flows.Spawn(Run());
  flows.Spawn(LogReadiness());
  if (elector == nullptr) return;
  elector->Start(
      [this] {
        if (state) state->changes().Notify();
        configuration.Keep();
      },
      [this, on_lost = std::move(on_lost)](std::string why) {
        stopping = true;
        if (overflow) overflow->Stop();
        if (gates) gates->Stop();
        if (fail_over) fail_over->Stop();
        if (on_lost) on_lost(std::move(why));
      });
}

void Controller::Impl::PolicyChanged() {
  if (overflow) overflow->PolicyChanged();
}

Task<void> Controller::Impl::Run() {
  while (state == nullptr) {
    const Result<Server> server = co_await AskServer();
    if (server) {
      scheduler = server->scheduler;
      BuildPipeline(*server);
      continue;
    }
    starting = server.error().message;
    const Duration wait = runtime.random().Between(std::chrono::milliseconds(800), std::chrono::seconds(2));
    co_await runtime.SleepFor(std::max(server.error().retry_after, wait));
  }
  if (options.scheduler_minor_version != 0) co_return;
  const SchedulerVersion now = co_await versions.UntilItChanges(scheduler);
  if (!on_outdated) co_return;
  on_outdated(fmt::format("the cluster has kube-scheduler {} now, and {} is simulated", VersionName(now.found),
                          VersionName(scheduler.simulated)));
}

Task<Result<Controller::Impl::Server>> Controller::Impl::AskServer() {
  const Result<SchedulerVersion> version = co_await versions.Ask();
  if (!version) co_return Fail(version.error());
  Server server{.scheduler = *version};
  if (!sim::Semantics::Of(version->simulated).device_classes) co_return server;
  Result<bool> has_device_classes = co_await ServesDeviceClasses();
  if (!has_device_classes) co_return Fail(std::move(has_device_classes.error()));
  server.has_device_classes = *has_device_classes;
  co_return server;
}

// Dynamic resource allocation may be switched off; then there is nothing to watch.
Task<Result<bool>> Controller::Impl::ServesDeviceClasses() {
  Result<nlohmann::json> group = co_await api.Get(std::string(kube::kResourceGroupPath));
  if (!group) {
    if (group.error().code == Code::kNotFound) co_return false;
    co_return Fail(std::move(group.error()));
  }
  const auto resources = group->is_object() ? group->find("resources") : group->end();
  if (resources == group->end() || !resources->is_array()) {
    co_return Fail(Code::kMalformed, fmt::format("{} is not a list of resources", kube::kResourceGroupPath));
  }
  co_return std::any_of(resources->begin(), resources->end(), [](const nlohmann::json& resource) {
    return resource.is_object() && resource.contains("name") && resource["name"] == "deviceclasses";
  });
}

void Controller::Impl::BuildPipeline(const Server& server) {
  const std::string version = server.scheduler.Text();
  if (server.scheduler.is_known()) {
    log::Info("simulating kube-scheduler", {{"version", version}});
  } else {
    log::Warning("not sure of kube-scheduler", {{"version", version}});
  }
  sim::ClusterOptions cluster;
  cluster.minor_version = server.scheduler.simulated;
  cluster.virtual_nodes = options.virtual_nodes;
  cluster.foreign_capabilities = options.foreign_capabilities;
  cluster.scheduler = options.scheduler;
  state = std::make_unique<ClusterState>(runtime, transport, cluster, options.policy);
  if (server.has_device_classes) state->WatchDeviceClasses();
  overflow = std::make_unique<Overflow>(runtime, *state, BindChannel{binder, api_limiter, &observer}, reporter, metrics,
                                        options.policy, options.overflow,
                                        [this] { return Leads() && configuration.Known().has_value(); });
  gates = std::make_unique<GateKeeper>(runtime, *state, gate_writer, reporter, metrics, options.policy, Gates(),
                                       [this] { return Leads() && configuration.Known().has_value(); });
  fail_over = std::make_unique<FailOver>(runtime, *state, api, reporter, metrics, options.policy, options.fail_over,
                                         [this] { return Leads() && configuration.Known().has_value(); });
  agreement = std::make_unique<AgreementMonitor>(runtime, *state, options.policy, metrics);
  state->OnMarked([this](const PendingPod& pod) { agreement->Heard(pod); });
  agreement->Start();
  overflow->Start();
  gates->Start();
  fail_over->Start();
  state->Start();
}

GateOptions Controller::Impl::Gates() const {
  GateOptions gates_options = options.gates;
  gates_options.pod_deletion_cost = options.overflow.pod_deletion_cost;
  // A nodeSelector cannot say more.
  if (options.virtual_nodes.match_expressions.empty())
    gates_options.virtual_node_labels = options.virtual_nodes.match_labels;
  return gates_options;
}

Status Controller::Impl::Ready() const {
  if (stopping) return Fail(Code::kUnavailable, "shutting down");
  if (state == nullptr) return Fail(Code::kUnavailable, starting);
  if (Status known = configuration.Known(); !known) return known;
  return state->Usable();
}

// One line per change that lasts. An API server that does not answer is told by kube::ServerHealth.
Task<void> Controller::Impl::LogReadiness() {
  std::optional<std::string> told, before;  // why not ready, empty: ready; as the log has it, and a period ago
  for (;;) {
    const Status ready = Ready();
    const std::string now = ready ? "" : ready.error().message;
    const bool worth_telling = told != now && (ready || (before == now && !stopping && !transport.health().is_out()));
    if (worth_telling && ready) log::Info("ready: every watch is in step with the API server");
    if (worth_telling && !ready) log::Warning("not ready; nothing is decided meanwhile", {{"why", now}});
    if (worth_telling) told = now;
    before = now;
    co_await runtime.SleepFor(kStatusLogPeriod);
  }
}

Task<void> Controller::Impl::Shutdown(Duration grace) {
  const Instant deadline = runtime.Now() + grace;
  stopping = true;
  if (overflow) {
    overflow->Stop();
    gates->Stop();
    fail_over->Stop();
    // A bind that hangs does not keep the successor waiting: when it arrives late, its preconditions make it harmless.
    co_await overflow->WaitUntilIdle(std::min(deadline, runtime.Now() + kBindsPatience));
  }
  if (elector) co_await elector->Release(deadline);  // before all that can take time: somebody waits for it
  if (overflow) co_await overflow->WaitUntilIdle(deadline);
  co_await reporter.Flush(deadline);
}

Task<Result<std::string>> Controller::Impl::Explain(std::string ns, std::string name, ExplainDetail detail) {
  if (state == nullptr) co_return Fail(Code::kUnavailable, "not started yet: " + starting);
  ExplainerIdentity who;
  who.identity = options.identity;
  who.leads = Leads();
  who.dry_run = IsDryRun();
  who.scheduler = scheduler;
  if (elector) who.leader = elector->holder();
  Result<std::string> answer =
      co_await explainer.Explain(*state, std::move(who), std::move(ns), std::move(name), detail);
  co_return answer;
}

void Controller::Impl::Scrape() {
  ScrapeEvents(events.counts(), metrics);
  if (elector) {
    metrics.Set(metrics::Id::kLeaderElectionMasterStatus, {options.leader_election->name},
                elector->is_leader() ? 1 : 0);
  }
  if (state == nullptr) return;
  ScrapePending(*state, runtime, IsDryRun(), metrics);
  ScrapeVirtualNodes(state->cluster(), metrics);
  ScrapeWatches(*state, metrics);
}

Controller::Controller(Runtime& runtime, kube::Transport& transport, ControllerOptions options,
                       metrics::Registry& metrics)
    : impl_(std::make_unique<Impl>(runtime, transport, std::move(options), metrics)) {}

Controller::~Controller() = default;

void Controller::OnOutdated(std::function<void(std::string)> on_outdated) {
  impl_->on_outdated = std::move(on_outdated);
}
void Controller::Start(std::function<void(std::string)> on_lost) { impl_->Start(std::move(on_lost)); }
Task<void> Controller::Shutdown(Duration grace) { return impl_->Shutdown(grace); }
Status Controller::Ready() const { return impl_->Ready(); }
bool Controller::is_leading() const { return impl_->Leads(); }
const DecisionLog& Controller::decisions() const { return impl_->decisions; }

Task<Result<std::string>> Controller::Explain(std::string ns, std::string name, ExplainDetail detail) {
  return impl_->Explain(std::move(ns), std::move(name), detail);
}

void Controller::AddChecks(metrics::Health& health) const {
  const Impl* impl = impl_.get();
  health.AddReadyz("shutdown",
                   [impl] { return impl->stopping ? Status(Fail(Code::kUnavailable, "shutting down")) : Status(); });
  health.AddReadyz("caches", [impl]() -> Status {
    if (impl->state == nullptr) return Fail(Code::kUnavailable, impl->starting);
    return impl->state->Usable();
  });
  health.AddReadyz(
      "configuration", [impl] { return impl->configuration.Known(); },
      [impl] { return impl->configuration.rejected(); });
}

}  // namespace spillway::controller
