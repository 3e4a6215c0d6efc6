#include "cloud/providers/process/provider.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"

namespace spillway::cloud {

ProcessProvider::ProcessProvider(Runtime& runtime, ProcessProviderOptions options, UniqueFd lock)
    : runtime_(runtime), options_(std::move(options)), lock_(std::move(lock)) {}

ProcessProvider::~ProcessProvider() {
  if (timer_) runtime_.CancelTimer(*timer_);
}

Result<std::unique_ptr<ProcessProvider>> ProcessProvider::Open(Runtime& runtime, ProcessProviderOptions options) {
  if (auto made = MakePrivateDirectory(options.state_dir); !made) return Fail(std::move(made).error());
  Result<UniqueFd> lock = LockFile(options.state_dir + "/agent.lock");
  if (!lock) {
    return Fail(lock.error().code, fmt::format("{}: another agent runs its processes there", options.state_dir));
  }
  std::unique_ptr<ProcessProvider> provider(new ProcessProvider(runtime, std::move(options), *std::move(lock)));
  provider->RecoverAll();
  return provider;
}

void ProcessProvider::RecoverAll() {
  for (const std::string& id : ListDirectory(options_.state_dir)) {
    if (!id.starts_with("proc-")) continue;
    const std::string directory = options_.state_dir + "/" + id;
    auto found = ProcessInstance::Recover(directory, id, options_.instance);
    if (found) {
      instances_[id] = *std::move(found);
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
  bool go_on = false;
  std::vector<std::string> changed;
  for (auto at = instances_.begin(); at != instances_.end();) {
    ProcessInstance& instance = *at->second;
    if (instance.Advance(runtime_.WallNow())) changed.push_back(at->first);
    if (instance.is_gone()) {
      RemoveTree(options_.state_dir + "/" + at->first);
      changed.push_back(at->first);
      at = instances_.erase(at);
      continue;
    }
    go_on = go_on || !instance.is_at_rest();
    ++at;
  }
  if (go_on) KeepLooking();
  for (const std::string& id : changed) {
    if (on_change_) on_change_(id);
  }
}

std::vector<std::string> ProcessProvider::unsupported_features() const {
  return {"awsElasticBlockStore",
          "configMap",
          "csi",
          "downwardAPI",
          "emptyDir",
          "ephemeral",
          "gcePersistentDisk",
          "hostIPC",
          "hostNetwork",
          "hostPID",
          "hostPath",
          "hostPort",
          "image",
          "iscsi",
          "nfs",
          "persistentVolumeClaim",
          "privileged",
          "resourceClaims",
          "secret"};
}

Task<tl::expected<Instance, CreateFailure>> ProcessProvider::Create(CreateRequest request) {
  // The client token makes the id, so the same token finds the same instance.
  const std::string id = "proc-" + request.client_token.substr(0, 20);
  if (const auto known = instances_.find(id); known != instances_.end()) co_return known->second->Describe();
  auto made = ProcessInstance::Make(options_.state_dir + "/" + id, id, request, options_.instance, runtime_.WallNow());
  if (!made) {
    RemoveTree(options_.state_dir + "/" + id);
    const bool is_invalid = made.error().code == Code::kInvalidArgument;
    Error error = std::move(made).error();
    if (!is_invalid) error.code = Code::kInternal;  // certain all the same: nothing was started
    co_return tl::unexpected(CreateFailure{is_invalid ? Refusal::kInvalid : Refusal::kTransient, std::move(error), ""});
  }
  Instance instance = (*made)->Describe();
  instances_[id] = *std::move(made);
  KeepLooking();
  co_return instance;
}

Task<Result<Instance>> ProcessProvider::Describe(std::string instance_id) {
  const auto found = instances_.find(instance_id);
  if (found == instances_.end()) co_return Fail(Code::kNotFound, "no instance " + instance_id);
  co_return found->second->Describe();
}

Task<Result<std::vector<Instance>>> ProcessProvider::List(std::string cluster_id, std::string node_name) {
  std::vector<Instance> found;
  for (const auto& [id, instance] : instances_) {
    if (instance->identity().cluster_id != cluster_id || instance->identity().node_name != node_name) continue;
    found.push_back(instance->Describe());
  }
  co_return found;
}

Task<Status> ProcessProvider::Delete(std::string instance_id, Duration grace) {
  const auto found = instances_.find(instance_id);
  if (found == instances_.end()) co_return Fail(Code::kNotFound, "no instance " + instance_id);
  found->second->Delete(grace, runtime_.WallNow());
  KeepLooking();
  co_return Status();
}

Task<Result<std::string>> ProcessProvider::Logs(std::string instance_id, LogOptions options) {
  const auto found = instances_.find(instance_id);
  if (found == instances_.end()) co_return Fail(Code::kNotFound, "no instance " + instance_id);
  Result<std::string> text = found->second->Logs(options, runtime_.WallNow());
  co_return text;
}

}  // namespace spillway::cloud
