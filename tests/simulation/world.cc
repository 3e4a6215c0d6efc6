#include "tests/simulation/world.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cmd/configuration/configuration.h"
#include "tests/simulation/fault_injector.h"
#include "tests/simulation/load.h"
#include "tests/simulation/naive_judge.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;

constexpr Duration kRandomStepSpan = std::chrono::seconds(20);  // after the last load, unless until= says otherwise

constexpr Duration kPrompt = std::chrono::seconds(5);  // from when a Pod may be moved to its bind

bool IsYes(const Line& line, const std::string& option) { return line.Text(option) == "yes"; }

cloud::Latency LatencyOf(const Line& line, const std::string& option, cloud::Latency fallback) {
  if (!line.options.contains(option)) return fallback;
  return cloud::Latency::Parse(line.Text(option)).value_or(fallback);
}

}  // namespace

World::World(const Scenario& scenario, std::string folder, std::uint64_t seed)
    : scenario_(scenario),
      folder_(std::move(folder)),
      runtime_(seed),
      random_(runtime_.random().Fork()),
      promptness_(scenario_.controller.Time("grace", 2s) + kPrompt) {
  sandbox::SandboxOptions options;
  options.api.seed = runtime_.random().Next();
  options.api.latency = 2ms;
  options.judge = [this](const std::string& scheduler) { return NewNaiveJudge(runtime_, scheduler); };
  cluster_ = std::make_unique<sandbox::SandboxCluster>(runtime_, options);
  // A cache knows what has happened since it was opened: these are read at the end.
  for (const char* resource : {"pods", "nodes", "events", "deployments.apps", "statefulsets.apps", "jobs.batch"})
    cluster_->caches().Of(resource);
  history_ = std::make_unique<History>(
      runtime_, cluster_->store(), [this](const BindRecord& bind) { return LagOf(bind); },
      [this](Instant since) { return deeds_.WasRefusedSince(since); });
  cloud_ = std::make_unique<cloud::SimulatedCloud>(runtime_, CloudOptions());
  hosting_ = std::make_unique<Hosting>(runtime_, cluster_->store(), *cloud_,
                                       [this](const std::string& node) { return !AgentInCharge(node).empty(); });
  registration_ = std::make_unique<Registration>(runtime_, cluster_->store(), LongestStaleness(),
                                                 [this](const std::string& node) { return AgentInCharge(node); });
  desk_.on_create = [this](const cloud::CreateRequest& request) { hosting_->OnCreate(request); };
  desk_.on_delete = [this](const std::string& instance) { hosting_->OnDelete(instance); };
  injector_ = std::make_unique<FaultInjector>(*this);
}

World::~World() {
  agents_.clear();
  second_agents_.clear();
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
  options.faults.late_no_stock = call->Share("late_no_stock", 0);
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
  if (auto profile = controller::RestrictionsOf(line.Text("restrictions", "none"))) {
    options.policy.restrictions = std::move(*profile);
  }
  if (line.Text("autoscaler") == "defer") options.policy.node_autoscaler = controller::NodeAutoscaler::kDefer;
  options.policy.node_autoscaler_deadline = line.Time("deadline", options.policy.node_autoscaler_deadline);
  options.configuration.config_map = "kube-system/spillway-configuration";
  options.configuration.read = [](std::string_view yaml, const controller::Policy& flags, const std::string& set_in) {
    return cmd::ReadConfiguration(yaml, flags, set_in);
  };
  options.overflow.batch_idle = line.Time("batch-idle", options.overflow.batch_idle);
  options.overflow.batch_max = line.Time("batch-max", options.overflow.batch_max);
  if (IsYes(line, "dry-run")) options.policy.mode = controller::Mode::kDryRun;
  options.gates.lifts = !IsYes(line, "dry-run");
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

// "key" or "key:value" of an option.
static std::pair<std::string, std::string> PairOf(const Line& line, const std::string& option) {
  const std::string text = line.Text(option);
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

void World::AddRealNode(const Line& node, std::size_t name_word) {
  const std::string name = node.Word(name_word);
  cluster_->AddRealNode(name, node.Text("cpu", "4"), node.Text("memory", "8Gi"), node.Number("pods", 110));
  (void)cluster_->store().Modify("nodes", "", name, sandbox::Part::kObject, [&](Json& object) {
    if (node.options.contains("label")) {
      const auto [key, value] = PairOf(node, "label");
      object["metadata"]["labels"][key] = value;
    }
    if (node.options.contains("taint")) {
      const auto [key, value] = PairOf(node, "taint");
      object["spec"]["taints"].push_back({{"key", key}, {"value", value}, {"effect", "NoSchedule"}});
    }
    return true;
  });
}

void World::AddNodes() {
  const Line& line = scenario_.cluster;
  for (std::int64_t i = 0; i < line.Number("real", 0); ++i)
    cluster_->AddRealNode(fmt::format("node-{}", i), line.Text("cpu", "4"), line.Text("memory", "8Gi"),
                          line.Number("pods", 110));
  for (const Line& node : scenario_.nodes) AddRealNode(node, 0);

  const auto add_virtual = [this](const std::string& name, const std::string& cpu, const std::string& memory,
                                  std::int64_t pods) {
    agents_[name].capacity = {{"cpu", cpu}, {"memory", memory}, {"pods", fmt::format("{}", pods)}};
  };
  for (std::int64_t i = 0; i < line.Number("virtual", 0); ++i)
    add_virtual(fmt::format("vnode-{}", i), line.Text("vcpu", "1000"), line.Text("vmemory", "4Ti"),
                line.Number("vpods", 3000));
  for (const Line& node : scenario_.virtual_nodes) {
    add_virtual(node.Word(0), node.Text("cpu", "1000"), node.Text("memory", "4Ti"), node.Number("pods", 3000));
    AgentProcess& agent = agents_[node.Word(0)];
    if (node.options.contains("gpu")) agent.capacity["nvidia.com/gpu"] = node.Text("gpu");
    if (node.options.contains("scratch")) agent.capacity["ephemeral-storage"] = node.Text("scratch");
    if (node.options.contains("can")) agent.extra_capabilities = {node.Text("can")};
  }
}

void World::StartAll() {
  AddNodes();
  for (auto& [name, agent] : agents_) {
    agent.node = name;
    agent.user = AgentUser(name);
    agent.address = NewAddress();
    agent.process = NewProcess();
    StartAgent(agent.user);
  }
  controllers_.resize(static_cast<std::size_t>(scenario_.controller.Number("replicas", 1)));
  for (std::size_t i = 0; i < controllers_.size(); ++i) {
    controllers_[i].name = fmt::format("spillway-controller-{}", i);
    controllers_[i].process = NewProcess();
    StartController(i);
  }
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

// A message is compared when it is heard, and once more a while later.
void World::Observe() {
  if (began_ != Instant() && ++observed_ % 5 == 0) {
    if (MayBePrompt()) {
      promptness_.Look(history_->truth().objects(), runtime_.Now(),
                       [this](const std::string& uid) { return deeds_.tried.contains(uid); });
    } else {
      promptness_.Excuse();
    }
  }
  constexpr Duration kCatchUp = std::chrono::seconds(2);
  const std::int64_t differences = Agreements("differ");
  if (differences == std::exchange(differences_, differences)) return;
  if (!history_->StandsSince(runtime_.Now() - LongestStaleness() - kCatchUp - 2 * kStep)) return;
  unexplained_differences_.push_back(fmt::format("at {} a message of kube-scheduler differed from ours",
                                                 base::FormatRfc3339Micro(runtime_.WallNow())));
}

Duration World::LongestLag() const {
  static const std::set<std::string> kinds = {"watch.lag", "partition", "list.pages"};
  const bool lags = std::any_of(scenario_.faults.begin(), scenario_.faults.end(), [](const Step& fault) {
    const bool delays =
        fault.what.Word(0) == "http" && fault.what.Word(1) == "delay" && fault.what.Text("resource") != "leases";
    return kinds.contains(fault.what.Word(0)) || delays;
  });
  return lags ? Duration(5s) : Duration(0);
}

Duration World::LongestStaleness() const {
  const bool breaks = std::any_of(scenario_.faults.begin(), scenario_.faults.end(),
                                  [](const Step& fault) { return fault.what.Word(0).starts_with("watch."); });
  return breaks ? Duration(5s) : LongestLag();
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

// Of a file nothing is noted: its story says what it expects.
void World::NoteConfiguration(const Line& load) {
  Policies::Rules rules;
  rules.enforces = load.Text("mode", "Enforce") == "Enforce";
  if (load.options.contains("most")) rules.most = load.Number("most", 0);
  policies_.Change(runtime_.Now(), rules);
}

bool World::has_policies() const {
  static const std::set<std::string> kinds = {"configuration", "configmap", "namespace"};
  return scenario_.controller.options.contains("restrictions") || scenario_.controller.options.contains("autoscaler") ||
         std::any_of(scenario_.loads.begin(), scenario_.loads.end(),
                     [](const Step& load) { return kinds.contains(load.what.Word(0)); });
}

void World::ScheduleSteps() {
  const Instant start = runtime_.Now();
  began_ = last_load_ = start;
  for (const Step& load : scenario_.loads) {
    last_load_ = std::max(last_load_, start + load.when.at);
    At(start + load.when.at, [this, line = load.what] {
      if (line.Word(0) == "configuration") NoteConfiguration(line);
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

std::map<std::string, std::uint64_t> World::FaultsFired() const { return injector_->Fired(); }

void World::EndFaults() {
  faults_ended_ = true;
  injector_->EndAll();
  for (Disturbance& disturbance : disturbances_) disturbance.until = std::min(disturbance.until, runtime_.Now());
  for (std::size_t i = 0; i < controllers_.size(); ++i) StartController(i);
  while (!second_agents_.empty()) EndSecondAgent(second_agents_.begin()->first, false);
  for (const auto& [name, agent] : agents_) StartAgent(agent.user);
}

std::int64_t World::ExpectedPending() const {
  for (const Line& line : scenario_.expectations) {
    if (line.Word(0) == "pending") return line.Number("count", 0);
  }
  return 0;
}

bool World::AreBoundPodsReady() const {
  const auto& pods = cluster_->caches().Of("pods").all();
  return std::all_of(pods.begin(), pods.end(), [](const auto& entry) {
    const auto& pod = entry.second;
    return sandbox::IsPodTerminal(pod) || sandbox::NodeOf(pod).empty() || sandbox::IsPodReady(pod);
  });
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
