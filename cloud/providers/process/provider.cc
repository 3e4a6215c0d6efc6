#include "cloud/providers/process/provider.h"

#include <fmt/core.h>

#include <charconv>
#include <utility>

#include "base/log.h"

namespace spillway::cloud {
namespace {
constexpr std::size_t kMostGone = 1000;  // whoever asks later than that finds out by looking
}  // namespace

ProcessProvider::ProcessProvider(Runtime& runtime, ProcessProviderOptions options, UniqueFd lock)
    : runtime_(runtime),
      options_(std::move(options)),
      lock_(std::move(lock)),
      watcher_(runtime),
      reaper_(runtime, watcher_),
      actions_(runtime, watcher_, reaper_),
      streams_(runtime, instances_, watcher_, reaper_),
      changed_(runtime) {}

ProcessProvider::~ProcessProvider() {
  if (timer_) runtime_.CancelTimer(*timer_);
}

Result<std::unique_ptr<ProcessProvider>> ProcessProvider::Open(Runtime& runtime, ProcessProviderOptions options) {
  if (auto made = MakePrivateDirectory(options.state_dir); !made) return Fail(std::move(made).error());
  Result<UniqueFd> lock = LockFile(options.state_dir + "/agent.lock");
  if (!lock) {
    return Fail(lock.error().code, fmt::format("{}: another agent runs its processes there", options.state_dir));
  }
  options.instance.is_isolated = options.may_mount && CanIsolate();
  if (!options.instance.is_isolated) {
    log::Warning(
        "containers get no mounts, not even of their token, and Pods with other volumes are not taken: that takes "
        "root");
  }
  std::unique_ptr<ProcessProvider> provider(new ProcessProvider(runtime, std::move(options), *std::move(lock)));
  provider->RecoverAll();
  return provider;
}

void ProcessProvider::RecoverAll() {
  for (const std::string& id : ListDirectory(options_.state_dir)) {
    if (!id.starts_with("proc-")) continue;
    const std::string directory = options_.state_dir + "/" + id;
    auto found = ProcessInstance::Recover(directory, id, options_.instance, actions_, runtime_.WallNow());
    if (found) {
      instances_[id] = *std::move(found);
      Note(id);
    } else {
      // Nothing runs without a whole instance.json.
      log::Warning("removing an unfinished instance", {{"directory", directory}, {"why", found.error().message}});
      RemoveTree(directory);
    }
  }
  if (!instances_.empty()) KeepLooking();
}

void ProcessProvider::KeepLooking() {
  if (timer_) return;
  timer_ = runtime_.PostAt(runtime_.Now() + options_.poll_interval, [this] {
    timer_.reset();
    Look();
  });
}

void ProcessProvider::Look() {
  bool go_on = false, has_lost_some = false;
  std::vector<std::string> changed;
  for (auto at = instances_.begin(); at != instances_.end();) {
    ProcessInstance& instance = *at->second;
    if (instance.Advance(runtime_.WallNow())) changed.push_back(at->first);
    if (instance.is_gone()) {
      RemoveTree(options_.state_dir + "/" + at->first);
      change_of_.erase(at->first);
      gone_.push_back({++last_change_, instance.Describe()});
      at = instances_.erase(at);
      has_lost_some = true;
      continue;
    }
    go_on = go_on || !instance.is_at_rest();
    ++at;
  }
  if (go_on) KeepLooking();
  while (gone_.size() > kMostGone) gone_.pop_front();
  if (has_lost_some) changed_.Notify();
  for (const std::string& id : changed) {
    if (instances_.contains(id)) Note(id);
  }
}

// Limits and sizes are not enforced, of whatever kind.
ProviderCapabilities ProcessCapabilities(ContainerView view) {
  std::vector<std::string> names = {"handlerHeaders",
                                    "handlerHost",
                                    "hookExec",
                                    "hookHTTP",
                                    "hookSleep",
                                    "imagePullSecrets",  // there are no images
                                    "initContainers",
                                    "livenessProbe",
                                    "podResources",
                                    "postStart",
                                    "preStop",
                                    "probeExec",
                                    "probeHTTP",
                                    "probeTCP",
                                    "probeTerminationGracePeriod",
                                    "projected",
                                    "readinessProbe",
                                    "serviceAccountToken",
                                    "sidecarHooks",
                                    "sidecarProbes",
                                    "sidecars",
                                    "startupProbe",
                                    "stdin",
                                    "terminationGracePeriod",
                                    "terminationMessageFromLogs"};
  if (view == ContainerView::kOwn) {
    for (const char* more :
         {"configMap", "dnsConfig", "downwardAPI", "emptyDir", "emptyDirMemory", "emptyDirSizeLimit", "hostAliases",
          "hostname", "hostnameAsFQDN", "secret", "subPath", "subPathExpr", "subdomain", "terminationMessagePath"}) {
      names.emplace_back(more);
    }
  }
  return {.features = kube::Capabilities(std::move(names)), .largest = {}};
}

ProviderCapabilities ProcessProvider::capabilities() const {
  return ProcessCapabilities(options_.instance.is_isolated ? ContainerView::kOwn : ContainerView::kMachine);
}

Task<CloudResult<Instance>> ProcessProvider::Create(CreateRequest request) {
  // The client token makes the id, so the same token finds the same instance.
  const std::string id = "proc-" + request.client_token.substr(0, 20);
  if (const auto known = instances_.find(id); known != instances_.end()) {
    if (known->second->IsFor(request)) co_return known->second->Describe();
    CloudError failure;
    failure.refusal = Refusal::kTokenMismatch;
    failure.error = Error{Code::kInvalidArgument, "the client token was used for another Pod specification"};
    co_return tl::unexpected(std::move(failure));
  }
  auto made = ProcessInstance::Make(options_.state_dir + "/" + id, id, request, options_.instance, actions_,
                                    runtime_.WallNow());
  if (!made) {
    RemoveTree(options_.state_dir + "/" + id);
    CloudError failure;
    failure.error = std::move(made).error();
    failure.refusal = failure.error.code == Code::kInvalidArgument ? Refusal::kInvalid : Refusal::kTransient;
    // Certain all the same: nothing was started.
    if (failure.refusal != Refusal::kInvalid) failure.error.code = Code::kInternal;
    co_return tl::unexpected(std::move(failure));
  }
  Instance instance = (*made)->Describe();
  instances_[id] = *std::move(made);
  Note(id);
  KeepLooking();
  co_return instance;
}

void ProcessProvider::Note(const std::string& id) {
  change_of_[id] = ++last_change_;
  changed_.Notify();
}

Changes ProcessProvider::ChangesSince(const InstanceScope& scope, std::uint64_t since) const {
  Changes changes;
  const auto is_meant = [&scope](const InstanceIdentity& identity) {
    return identity.cluster_id == scope.cluster_id && identity.node_name == scope.node_name;
  };
  for (const auto& [id, change] : change_of_) {
    const ProcessInstance& instance = *instances_.at(id);
    if (change > since && is_meant(instance.identity())) changes.instances.push_back(instance.Describe());
  }
  for (const Gone& each : gone_) {
    if (each.change <= since || !is_meant(each.last.identity)) continue;
    changes.instances.push_back(each.last);
    changes.gone.push_back(each.last.id);
  }
  changes.cursor = fmt::format("{}", last_change_);
  return changes;
}

Task<CloudResult<Changes>> ProcessProvider::Poll(InstanceScope scope, std::string cursor) {
  const Instant until = runtime_.Now() + kLongestPoll;
  std::uint64_t since = 0;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), since);
  if (error != std::errc() || since > last_change_) since = 0;
  for (;;) {
    Changes changes = ChangesSince(scope, since);
    if (!changes.instances.empty() || !changes.gone.empty() || runtime_.Now() >= until) co_return changes;
    since = last_change_;
    co_await changed_.WaitUntil(until);
  }
}

Task<CloudResult<std::vector<Instance>>> ProcessProvider::List(std::string cluster_id) {
  std::vector<Instance> found;
  for (const auto& [id, instance] : instances_) {
    if (instance->identity().cluster_id == cluster_id) found.push_back(instance->Describe());
  }
  co_return found;
}

Task<CloudResult<std::vector<Instance>>> ProcessProvider::Describe(std::vector<std::string> ids) {
  std::vector<Instance> found;
  for (const std::string& id : ids) {
    if (const auto known = instances_.find(id); known != instances_.end()) found.push_back(known->second->Describe());
  }
  co_return found;
}

namespace {
CloudError NoInstance(const std::string& id) {
  CloudError failure;
  failure.refusal = Refusal::kInvalid;
  failure.error = Error{Code::kNotFound, "no instance " + id};
  return failure;
}
}  // namespace

Task<CloudStatus> ProcessProvider::UpdateVolumes(std::string instance_id, std::vector<PodVolume> volumes) {
  const auto found = instances_.find(instance_id);
  if (found == instances_.end()) co_return tl::unexpected(NoInstance(instance_id));
  const Status written = found->second->UpdateVolumes(volumes);
  if (written) co_return CloudStatus();
  CloudError failure;
  failure.error = written.error();
  co_return tl::unexpected(std::move(failure));
}

Task<CloudStatus> ProcessProvider::Delete(std::string instance_id, Duration grace) {
  const auto found = instances_.find(instance_id);
  if (found == instances_.end()) co_return tl::unexpected(NoInstance(instance_id));
  found->second->Delete(grace, runtime_.WallNow());
  KeepLooking();
  co_return CloudStatus();
}

Task<CloudStatus> ProcessProvider::Ping() { co_return CloudStatus(); }

}  // namespace spillway::cloud
