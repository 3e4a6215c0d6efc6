#include "cloud/providers/simulated/cloud.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "cloud/pod_resources.h"
#include "cloud/providers/simulated/provider.h"

namespace spillway::cloud {

SimulatedCloud::SimulatedCloud(Runtime& runtime, SimulatedCloudOptions options)
    : runtime_(runtime), options_(std::move(options)), random_(runtime.random().Fork()) {}

SimulatedCloud::~SimulatedCloud() = default;

std::unique_ptr<Provider> SimulatedCloud::NewProvider() { return std::make_unique<SimulatedProvider>(*this); }

void SimulatedCloud::After(Duration delay, std::function<void()> work) {
  runtime_.PostAt(runtime_.Now() + delay, [alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (!alive.expired()) work();
  });
}

std::vector<Instance> SimulatedCloud::Instances() const {
  std::vector<Instance> all;
  for (const auto& [id, script] : instances_) all.push_back(ViewAt(script, runtime_.WallNow()).instance);
  return all;
}

InstanceScript* SimulatedCloud::FindLive(const std::string& id) {
  const auto found = instances_.find(id);
  return found == instances_.end() ? nullptr : &found->second;
}

SimulatedCloud::CreateResult SimulatedCloud::Refuse(Refusal refusal, Code code, std::string message) {
  ++counts_.refused_creates;
  if (refusal == Refusal::kStock) ++counts_.stock_outs;
  return tl::unexpected(CloudError{.refusal = refusal,
                                   .error = Error{code, std::move(message)},
                                   .cloud_code = "",
                                   .request_id = fmt::format("sim-{:08x}", next_request_++)});
}

std::optional<std::string> SimulatedCloud::ExceededQuota(const InstanceScript& wanted) const {
  if (!options_.quota_pods && !options_.quota_cpu_milli && !options_.quota_memory_bytes) return std::nullopt;
  std::int64_t pods = 1, cpu = wanted.cpu_milli, memory = wanted.memory_bytes;
  for (const auto& [id, script] : instances_) {
    const InstanceState state = ViewAt(script, runtime_.WallNow()).instance.state;
    if (state == InstanceState::kSucceeded || state == InstanceState::kFailed) continue;
    ++pods;
    cpu += script.cpu_milli;
    memory += script.memory_bytes;
  }
  if (options_.quota_pods && pods > *options_.quota_pods) return fmt::format("{} instances", *options_.quota_pods);
  if (options_.quota_cpu_milli && cpu > *options_.quota_cpu_milli) {
    return fmt::format("{} milli-CPU", *options_.quota_cpu_milli);
  }
  if (options_.quota_memory_bytes && memory > *options_.quota_memory_bytes) {
    return fmt::format("{} bytes of memory", *options_.quota_memory_bytes);
  }
  return std::nullopt;
}

std::string SimulatedCloud::NextPodIp() {
  // Addresses follow the instance's number: unique, and a state file needs no pool. Past a /16 they go on into the
  // next.
  std::uint64_t base = 0;
  std::uint64_t value = 0;
  for (const char c : options_.pod_network + ".") {
    if (c == '.') {
      base = base << 8 | (value & 0xff);
      value = 0;
    } else {
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
  }
  const std::uint64_t address = base + next_id_ + 1;  // .0 is the network, .1 its router
  return fmt::format("{}.{}.{}.{}", address >> 24 & 0xff, address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
}

namespace {

std::size_t Asked(const CreateRequest& request) {
  Json spec = At(request.pod, "spec");
  if (spec.is_object()) spec.erase("tolerations");
  return std::hash<std::string>()(spec.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

SimulatedCloud::CreateResult SimulatedCloud::Create(const CreateRequest& request) {
  if (options_.faults.auth_lost) {
    return Refuse(Refusal::kAuth, Code::kPermissionDenied, "the access key is not valid for this account");
  }
  if (const auto known = tokens_.find(request.client_token); known != tokens_.end()) {
    if (const auto asked = asked_.find(request.client_token);
        asked != asked_.end() && asked->second != Asked(request)) {
      return Refuse(Refusal::kTokenMismatch, Code::kInvalidArgument,
                    "IdempotentParameterMismatch: the client token was used with other parameters");
    }
    if (InstanceScript* script = FindLive(known->second)) {
      ++counts_.repeated_creates;
      return ViewAt(*script, runtime_.WallNow()).instance;
    }
    return Refuse(Refusal::kTransient, Code::kAlreadyExists,
                  fmt::format("the client token belongs to instance {}, which is gone", known->second));
  }
  if (random_.Chance(options_.faults.no_stock)) {
    return Refuse(Refusal::kStock, Code::kInvalidArgument, "NoStock: the zone has no capacity of this size left");
  }

  InstanceScript script;
  script.id = fmt::format("sim-{:06}", next_id_);
  script.client_token = request.client_token;
  script.identity = request.identity;
  script.restart_policy = TextAt(request.pod, "spec", "restartPolicy");
  const ResourceAmounts requests = PodRequests(request.pod);
  if (const auto cpu = requests.find("cpu"); cpu != requests.end()) script.cpu_milli = cpu->second.MilliValue();
  if (const auto memory = requests.find("memory"); memory != requests.end())
    script.memory_bytes = memory->second.Value();
  if (const auto limit = ExceededQuota(script)) {
    return Refuse(Refusal::kQuota, Code::kInvalidArgument,
                  fmt::format("QuotaExceeded: the account is limited to {}", *limit));
  }
  script.pod_ip = NextPodIp();
  script.created_at = runtime_.WallNow();
  script.start_after = options_.start.Draw(random_);
  script.late_no_stock = random_.Chance(options_.faults.late_no_stock);
  if (script.late_no_stock) ++counts_.late_stock_outs;
  script.containers = ContainerScriptsOf(request.pod);

  ++next_id_;
  ++counts_.creates;
  CheckOnePerPod(script);
  const std::string id = script.id;
  tokens_[script.client_token] = id;
  asked_[script.client_token] = Asked(request);
  instances_[id] = std::move(script);
  Changed(id);
  Follow(id);
  return ViewAt(instances_[id], runtime_.WallNow()).instance;
}

void SimulatedCloud::CheckOnePerPod(const InstanceScript& made) {
  auto& others = of_pod_[made.identity.pod_uid];
  for (const std::string& id : others) {
    const InstanceScript& other = instances_.at(id);
    // One on its way out does no harm: no container of it runs any more.
    if (other.deleted_at) continue;
    const InstanceView view = ViewAt(other, runtime_.WallNow());
    if (view.instance.state == InstanceState::kFailed && view.instance.refused) continue;
    violations_.push_back(fmt::format("Pod {}/{} ({}) got instance {} while it had {}", made.identity.pod_namespace,
                                      made.identity.pod_name, made.identity.pod_uid, made.id, id));
  }
  others.insert(made.id);
}

namespace {

tl::unexpected<CloudError> NotAuthorized() {
  return tl::unexpected(
      CloudError{.refusal = Refusal::kAuth,
                 .error = Error{Code::kPermissionDenied, "the access key is not valid for this account"},
                 .cloud_code = "InvalidAccessKeyId",
                 .request_id = ""});
}

}  // namespace

CloudResult<Changes> SimulatedCloud::ChangesSince(const InstanceScope& scope, const std::string& cursor) const {
  std::uint64_t since = 0;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), since);
  if (error != std::errc() || since >= next_change_) since = 0;
  Changes changes;
  // Real clouds filter by what the caller may see: without permissions that is an empty, successful answer.
  if (!options_.faults.auth_lost) {
    for (auto at = changes_.upper_bound(since); at != changes_.end(); ++at) {
      const InstanceScript& script = instances_.at(at->second);
      if (script.identity.cluster_id != scope.cluster_id || script.identity.node_name != scope.node_name) continue;
      changes.instances.push_back(ViewAt(script, runtime_.WallNow()).instance);
    }
    since = next_change_ - 1;
  }
  changes.cursor = fmt::format("{}", since);
  return changes;
}

CloudResult<std::vector<Instance>> SimulatedCloud::Describe(const std::vector<std::string>& ids) const {
  std::vector<Instance> found;
  if (options_.faults.auth_lost) return found;
  for (const std::string& id : ids) {
    const auto known = instances_.find(id);
    if (known != instances_.end()) found.push_back(ViewAt(known->second, runtime_.WallNow()).instance);
  }
  return found;
}

CloudResult<std::vector<Instance>> SimulatedCloud::List(const std::string& cluster_id) const {
  std::vector<Instance> found;
  if (options_.faults.auth_lost) return found;
  for (const auto& [id, script] : instances_) {
    if (script.identity.cluster_id == cluster_id) found.push_back(ViewAt(script, runtime_.WallNow()).instance);
  }
  return found;
}

CloudStatus SimulatedCloud::Delete(const std::string& id, Duration grace) {
  if (options_.faults.auth_lost) return NotAuthorized();
  ++counts_.delete_calls;
  if (random_.Chance(options_.faults.ignored_delete)) return {};
  InstanceScript* script = FindLive(id);
  if (!script) {
    return tl::unexpected(CloudError{.refusal = Refusal::kInvalid,
                                     .error = Error{Code::kNotFound, fmt::format("no instance {}", id)},
                                     .cloud_code = "InstanceNotFound",
                                     .request_id = ""});
  }
  if (script->deleted_at) {
    if (grace > Duration(0)) return {};
    const Duration at_once = runtime_.WallNow() - *script->deleted_at + options_.call.Draw(random_);
    script->stop_after = std::min(script->stop_after, at_once);
  } else {
    ++counts_.deletes;
    script->deleted_at = runtime_.WallNow();
    script->stop_after = options_.stop.Draw(random_);
  }
  Changed(id);
  Follow(id);
  return {};
}

CloudStatus SimulatedCloud::Ping() {
  if (options_.faults.auth_lost) return NotAuthorized();
  return {};
}

Result<LogPart> SimulatedCloud::ReadLog(const std::string& id, const LogOptions& options, const std::string& cursor) {
  const InstanceScript* script = FindLive(id);
  if (!script) return Fail(Code::kNotFound, fmt::format("no instance {}", id));
  const auto is_asked = [&](const ContainerScript& c) { return c.name == options.container; };
  if (std::none_of(script->containers.begin(), script->containers.end(), is_asked)) {
    return Fail(Code::kNotFound, fmt::format("instance {} has no container {}", id, options.container));
  }
  const WallTime start = script->created_at + script->start_after;
  if (runtime_.WallNow() < start || script->late_no_stock) return LogPart{"", "0"};
  LogPart part{"", "1"};
  if (cursor == "1" || options.tail_lines == 0 || (options.since && start < *options.since)) return part;
  if (options.timestamps) part.text = base::FormatRfc3339Micro(start) + " ";
  part.text += fmt::format("container {} of instance {} is simulated: nothing runs\n", options.container, id);
  if (options.limit_bytes) part.text.resize(std::min<std::size_t>(part.text.size(), *options.limit_bytes));
  return part;
}

std::vector<InstanceStats> SimulatedCloud::Stats(const std::vector<std::string>& ids) {
  constexpr std::uint64_t kNanocores = 10'000'000, kBytes = 16u << 20;
  const WallTime now = runtime_.WallNow();
  std::vector<InstanceStats> all;
  for (const std::string& id : ids) {
    const InstanceScript* script = FindLive(id);
    if (!script) continue;
    InstanceStats stats{id, now, {}};
    for (const ContainerState& container : ViewAt(*script, now).instance.containers) {
      if (!container.started_at) continue;
      const auto seconds = std::chrono::duration<double>(now - *container.started_at).count();
      stats.containers.push_back({container.name, *container.started_at,
                                  static_cast<std::uint64_t>(seconds * kNanocores), kNanocores, kBytes, kBytes});
    }
    all.push_back(std::move(stats));
  }
  return all;
}

bool SimulatedCloud::Reclaim(const std::string& instance_id) {
  InstanceScript* script = FindLive(instance_id);
  if (!script || script->reclaimed_at || script->deleted_at) return false;
  script->reclaimed_at = runtime_.WallNow();
  Changed(instance_id);
  Follow(instance_id);
  return true;
}

bool SimulatedCloud::Lose(const std::string& instance_id) {
  const auto found = instances_.find(instance_id);
  if (found == instances_.end()) return false;
  of_pod_[found->second.identity.pod_uid].erase(instance_id);
  instances_.erase(found);
  changes_.erase(change_of_[instance_id]);
  change_of_.erase(instance_id);
  if (on_state_change_) on_state_change_();
  return true;
}

void SimulatedCloud::Changed(const std::string& id) {
  std::uint64_t& change = change_of_[id];
  changes_.erase(change);
  change = next_change_++;
  changes_.emplace(change, id);
  for (SimulatedProvider* provider : providers_) provider->OnChanged(instances_.at(id).identity);
  if (on_state_change_) on_state_change_();
}

void SimulatedCloud::Follow(const std::string& id) {
  const InstanceScript* script = FindLive(id);
  if (!script) return;
  const WallTime now = runtime_.WallNow();
  const auto next = ViewAt(*script, now).next_change;
  if (!next) return;
  // Several may be on their way for one instance, after a delete: each only looks, and follows nothing that is gone.
  After(*next - now, [this, id, deleting = script->deleted_at.has_value()] {
    const InstanceScript* followed = FindLive(id);
    if (!followed || followed->deleted_at.has_value() != deleting) return;
    if (followed->is_gone(runtime_.WallNow())) {
      Lose(id);
      return;
    }
    Changed(id);
    Follow(id);
  });
}

Json SimulatedCloud::Save() const {
  Json instances = Json::array();
  for (const auto& [id, script] : instances_) instances.push_back(ToJson(script));
  return {{"version", 1}, {"nextId", next_id_}, {"tokens", tokens_}, {"instances", std::move(instances)}};
}

Status SimulatedCloud::Load(const Json& state) {
  if (Integer(At(state, "version")) != 1)
    return Fail(Code::kMalformed, "not the state of a simulated cloud, version 1");
  std::map<std::string, InstanceScript> instances;
  for (const Json& item : Items(At(state, "instances"))) {
    auto script = InstanceScriptFrom(item);
    if (!script) return Fail(std::move(script).error());
    if (script->is_gone(runtime_.WallNow())) continue;
    std::string id = script->id;
    instances.emplace(std::move(id), *std::move(script));
  }
  instances_ = std::move(instances);
  next_id_ = static_cast<std::uint64_t>(std::max<std::int64_t>(1, Integer(At(state, "nextId"))));
  tokens_.clear();
  of_pod_.clear();
  changes_.clear();
  change_of_.clear();
  for (const auto& [token, id] : Members(At(state, "tokens")).items()) tokens_[token] = Text(id);
  for (const auto& [id, script] : instances_) {
    of_pod_[script.identity.pod_uid].insert(id);
    change_of_[id] = next_change_;
    changes_.emplace(next_change_++, id);
    Follow(id);
  }
  return {};
}

}  // namespace spillway::cloud
