#include "tests/simulation/world.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tests/simulation/fault_injector.h"
#include "tests/simulation/load.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;

constexpr Duration kRandomStepSpan = std::chrono::seconds(20);  // after the last load, unless until= says otherwise

bool IsYes(const Line& line, const std::string& option) { return line.Text(option) == "yes"; }

cloud::Latency LatencyOf(const Line& line, const std::string& option, cloud::Latency fallback) {
  if (!line.options.contains(option)) return fallback;
  return cloud::Latency::Parse(line.Text(option)).value_or(fallback);
}

}  // namespace

Task<Result<kube::Response>> WatchedTransport::Send(kube::Request request) {
  const bool harmless = request.method == kube::Method::kGet || request.path.find("/events") != std::string::npos ||
                        request.path.find("/leases") != std::string::npos;
  if (!harmless) writes_.push_back(fmt::format("{} {}", kube::ToString(request.method), request.path));
  return inner_->Send(std::move(request));
}

World::World(const Scenario& scenario, std::string folder, std::uint64_t seed)
    : scenario_(scenario), folder_(std::move(folder)), runtime_(seed), random_(runtime_.random().Fork()) {
  sandbox::SandboxOptions options;
  options.api.seed = runtime_.random().Next();
  options.api.latency = 2ms;
  cluster_ = std::make_unique<sandbox::SandboxCluster>(runtime_, options);
  // A cache knows what has happened since it was opened: these are read at the end.
  for (const char* resource : {"pods", "nodes", "events", "deployments.apps", "statefulsets.apps", "jobs.batch"})
    cluster_->caches().Of(resource);
  history_ = std::make_unique<History>(runtime_, cluster_->store());
  cloud_ = std::make_unique<cloud::SimulatedCloud>(runtime_, CloudOptions());
  injector_ = std::make_unique<FaultInjector>(*this);
}

World::~World() {
  agents_.clear();
  controllers_.clear();
}

cloud::SimulatedCloudOptions World::CloudOptions() const {
  cloud::SimulatedCloudOptions options;
  const auto call = ParseCall(scenario_.cluster.Text("provider", "simulated"));
  if (!call) return options;
  options.start = LatencyOf(*call, "start", options.start);
  options.stop = LatencyOf(*call, "delete", options.stop);
  options.call = LatencyOf(*call, "latency", options.call);
  options.faults.no_stock = call->Share("no_stock", 0);
  options.faults.lost_reply = call->Share("lost_reply", 0);
  options.faults.throttled = call->Share("throttled", 0);
  return options;
}

controller::ControllerOptions World::ControllerOptionsFor(const std::string& name) const {
  const Line& line = scenario_.controller;
  controller::ControllerOptions options;
  options.identity = name;
  options.scheduler_minor_version = 36;
  options.policy.pending_grace = line.Time("grace", options.policy.pending_grace);
  if (line.Text("trigger") == "any") options.policy.trigger = controller::Trigger::kAny;
  options.overflow.batch_idle = line.Time("batch-idle", options.overflow.batch_idle);
  options.overflow.batch_max = line.Time("batch-max", options.overflow.batch_max);
  if (IsYes(line, "dry-run")) options.overflow.mode = controller::Reporter::Mode::kDryRun;
  options.kube_api_qps = static_cast<double>(line.Number("qps", 50));
  options.kube_api_burst = static_cast<int>(line.Number("burst", 100));
  if (IsYes(line, "leader-elect") || line.Number("replicas", 1) > 1) {
    kube::LeaderElectionOptions lease;
    lease.ns = "kube-system";
    lease.name = "spillway-controller";
    lease.identity = name;
    options.leader_election = lease;
  }
  return options;
}

void World::AddNodes() {
  const Line& line = scenario_.cluster;
  for (std::int64_t i = 0; i < line.Number("real", 0); ++i)
    cluster_->AddRealNode(fmt::format("node-{}", i), line.Text("cpu", "4"), line.Text("memory", "8Gi"),
                          line.Number("pods", 110));
  for (const Line& node : scenario_.nodes)
    cluster_->AddRealNode(node.Word(0), node.Text("cpu", "4"), node.Text("memory", "8Gi"), node.Number("pods", 110));

  const auto add_virtual = [this](const std::string& name, const std::string& cpu, const std::string& memory,
                                  std::int64_t pods) {
    agents_[name].capacity = {{"cpu", cpu}, {"memory", memory}, {"pods", fmt::format("{}", pods)}};
  };
  for (std::int64_t i = 0; i < line.Number("virtual", 0); ++i)
    add_virtual(fmt::format("vnode-{}", i), line.Text("vcpu", "1000"), line.Text("vmemory", "4Ti"),
                line.Number("vpods", 3000));
  for (const Line& node : scenario_.virtual_nodes)
    add_virtual(node.Word(0), node.Text("cpu", "1000"), node.Text("memory", "4Ti"), node.Number("pods", 3000));
}

void World::StartAll() {
  AddNodes();
  for (const auto& [name, agent] : agents_) StartAgent(name);
  controllers_.resize(static_cast<std::size_t>(scenario_.controller.Number("replicas", 1)));
  for (std::size_t i = 0; i < controllers_.size(); ++i) {
    controllers_[i].name = fmt::format("spillway-controller-{}", i);
    StartController(i);
  }
}

void World::StartController(std::size_t index) {
  ControllerProcess& process = controllers_[index];
  if (process.controller) return;
  process.transport =
      std::make_unique<WatchedTransport>(cluster_->api().NewTransport(process.name), controller_writes_);
  process.metrics = std::make_unique<metrics::Registry>(metrics::Component::kController);
  process.controller = std::make_unique<controller::Controller>(runtime_, *process.transport,
                                                                ControllerOptionsFor(process.name), *process.metrics);
  process.controller->Start([this, index](const std::string&) {
    runtime_.Post([this, index] { KillController(index, 1s); });  // as the process manager restarts it
  });
}

void World::StartAgent(const std::string& node) {
  AgentProcess& process = agents_.at(node);
  if (process.agent) return;
  cloud::AgentOptions options;
  options.node_name = node;
  options.cluster_id = sandbox::UidOf(*cluster_->store().Get("namespaces", "", "kube-system"));
  options.capacity = process.capacity;
  options.taint_value = "simulated";
  process.transport = cluster_->api().NewTransport("agent-" + node);
  process.provider = cloud_->NewProvider();
  process.agent = std::make_unique<cloud::Agent>(runtime_, *process.transport, *process.provider, options);
  process.agent->Start();
}

void World::Collect(const controller::DecisionLog& log) {
  for (const controller::LoggedDecision& decision : log.all()) {
    if (decision.reason == "OverflowScheduled") decision_ids_[decision.uid].insert(decision.id);
  }
}

std::map<std::string, std::set<std::string>> World::DecisionIds() const {
  auto ids = decision_ids_;
  for (const ControllerProcess& process : controllers_) {
    if (!process.controller) continue;
    for (const controller::LoggedDecision& decision : process.controller->decisions().all()) {
      if (decision.reason == "OverflowScheduled") ids[decision.uid].insert(decision.id);
    }
  }
  return ids;
}

std::int64_t World::Agreements(const std::string& result) const {
  const auto dead = agreements_.find(result);
  std::int64_t sum = dead == agreements_.end() ? 0 : dead->second;
  for (const ControllerProcess& process : controllers_) {
    if (!process.controller) continue;
    sum += static_cast<std::int64_t>(process.metrics->Value(metrics::Id::kSchedulerAgreement, {result}));
  }
  return sum;
}

void World::KillController(std::size_t index, Duration downtime) {
  ControllerProcess& process = controllers_[index];
  if (!process.controller) return;
  Collect(process.controller->decisions());
  for (const char* result : {"agree", "differ", "stale", "undecided"}) {
    agreements_[result] +=
        static_cast<std::int64_t>(process.metrics->Value(metrics::Id::kSchedulerAgreement, {result}));
  }
  process.controller.reset();
  process.metrics.reset();
  process.transport.reset();
  runtime_.PostAt(runtime_.Now() + downtime, [this, index] { StartController(index); });
}

void World::KillAgent(const std::string& node, Duration downtime) {
  AgentProcess& process = agents_.at(node);
  if (!process.agent) return;
  process.agent.reset();
  process.provider.reset();
  process.transport.reset();
  runtime_.PostAt(runtime_.Now() + downtime, [this, node] { StartAgent(node); });
}

bool World::IsNodeReady(const std::string& name) const {
  const Json* node = cluster_->caches().Of("nodes").Find(name);
  return node != nullptr && sandbox::Text(sandbox::FindCondition(*node, "Ready"), {"status"}) == "True";
}

bool World::IsUp() const {
  return std::all_of(agents_.begin(), agents_.end(),
                     [this](const auto& agent) { return agent.second.agent && IsNodeReady(agent.first); }) &&
         std::all_of(controllers_.begin(), controllers_.end(), [](const ControllerProcess& process) {
           return process.controller && process.controller->Ready().has_value();
         });
}

void World::At(Instant when, std::function<void()> work) {
  ++steps_left_;
  runtime_.PostAt(when, [this, work = std::move(work)] {
    --steps_left_;
    work();
  });
}

void World::ScheduleSteps() {
  const Instant start = runtime_.Now();
  last_load_ = start;
  for (const Step& load : scenario_.loads) {
    last_load_ = std::max(last_load_, start + load.when.at);
    At(start + load.when.at, [this, line = load.what] {
      const Status done = ApplyLoad(*cluster_, folder_, line);
      if (!done) step_failures_.push_back(fmt::format("line {}: {}", line.number, done.error().message));
    });
  }
  const Instant default_until = last_load_ + kRandomStepSpan;
  for (const Step& fault : scenario_.faults) {
    const auto strike = [this, line = fault.what] { injector_->Strike(line); };
    const Instant first = start + fault.when.at;
    const Instant until = fault.when.until > Duration(0) ? start + fault.when.until : default_until;
    if (fault.when.kind == Moment::Kind::kRandom) {
      At(first + random_.Between(Duration(0), std::max(Duration(0), until - first)), strike);
    } else if (fault.when.kind == Moment::Kind::kAt) {
      At(first, strike);
    } else {
      for (Instant when = first + fault.when.every; when <= until; when += fault.when.every) At(when, strike);
    }
  }
}

void World::EndFaults() {
  faults_ended_ = true;
  injector_->EndAll();
  for (std::size_t i = 0; i < controllers_.size(); ++i) StartController(i);
  for (const auto& [name, agent] : agents_) StartAgent(name);
}

std::int64_t World::ExpectedPending() const {
  for (const Line& line : scenario_.expectations) {
    if (line.Word(0) == "pending") return line.Number("count", 0);
  }
  return 0;
}

bool World::ArePodsSettled() const {
  std::int64_t pending = 0;
  for (const auto& [key, pod] : cluster_->caches().Of("pods").all()) {
    if (sandbox::IsPodTerminal(pod)) continue;
    if (sandbox::IsTerminating(pod)) return false;
    if (sandbox::NodeOf(pod).empty()) {
      ++pending;
    } else if (!sandbox::IsPodReady(pod)) {
      return false;
    }
  }
  return pending == ExpectedPending();
}

bool World::AreWorkloadsSettled() const {
  for (const char* resource : {"deployments.apps", "statefulsets.apps"}) {
    for (const auto& [key, object] : cluster_->caches().Of(resource).all()) {
      const std::int64_t wanted = sandbox::Number(object, {"spec", "replicas"}, 1);
      if (sandbox::Number(object, {"status", "observedGeneration"}) !=
              sandbox::Number(object, {"metadata", "generation"}) ||
          sandbox::Number(object, {"status", "replicas"}) != wanted)
        return false;
      if (ExpectedPending() == 0 && sandbox::Number(object, {"status", "readyReplicas"}) != wanted) return false;
    }
  }
  if (ExpectedPending() > 0) return true;
  const auto& jobs = cluster_->caches().Of("jobs.batch").all();
  return std::all_of(jobs.begin(), jobs.end(), [](const auto& job) {
    return sandbox::Text(sandbox::FindCondition(job.second, "Complete"), {"status"}) == "True";
  });
}

bool World::IsSettled() const {
  return steps_left_ == 0 && step_failures_.empty() && ArePodsSettled() && AreWorkloadsSettled();
}

std::uint64_t World::StateHash() const {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const sandbox::Kind& kind : sandbox::AllKinds()) {
    if (&sandbox::StorageOf(kind) != &kind) continue;
    cluster_->store().etcd().ForEach(kind, "", "", [&](const sandbox::StoredPtr& object) {
      for (const char c : object->json) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
      return true;
    });
  }
  return hash;
}

}  // namespace spillway::simulation
