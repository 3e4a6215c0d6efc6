#include "cloud/providers/process/instance.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/providers/process/command.h"
#include "cloud/providers/process/container_log.h"

namespace spillway::cloud {
namespace {

constexpr int kStateVersion = 1;

// Names become directories: what the API server would have refused is refused here too.
bool IsPlainName(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

ProcessInstance::ProcessInstance(std::string directory, std::string id, ProcessInstanceOptions options)
    : directory_(std::move(directory)), id_(std::move(id)), options_(std::move(options)) {}

Result<std::unique_ptr<ProcessInstance>> ProcessInstance::Make(std::string directory, std::string id,
                                                               const CreateRequest& request,
                                                               ProcessInstanceOptions options, WallTime now) {
  std::unique_ptr<ProcessInstance> made(new ProcessInstance(std::move(directory), std::move(id), std::move(options)));
  const Json state = {{"version", kStateVersion},
                      {"clientToken", request.client_token},
                      {"cluster", request.identity.cluster_id},
                      {"node", request.identity.node_name},
                      {"podUID", request.identity.pod_uid},
                      {"podNamespace", request.identity.pod_namespace},
                      {"podName", request.identity.pod_name},
                      {"createdAt", now.time_since_epoch().count()},
                      {"pod", request.pod}};
  if (auto filled = made->Fill(state); !filled) return Fail(std::move(filled).error());
  for (const char* sub : {"", "/work", "/tmp"}) {
    if (auto there = MakePrivateDirectory(made->directory_ + sub); !there) return Fail(std::move(there).error());
  }
  const std::string text = state.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (auto kept = WriteFileAtomically(made->directory_ + "/instance.json", text); !kept) {
    return Fail(std::move(kept).error());
  }
  return made;
}

Result<std::unique_ptr<ProcessInstance>> ProcessInstance::Recover(std::string directory, std::string id,
                                                                  ProcessInstanceOptions options) {
  std::unique_ptr<ProcessInstance> found(new ProcessInstance(std::move(directory), std::move(id), std::move(options)));
  const auto text = ReadFile(found->directory_ + "/instance.json");
  if (!text) return Fail(Code::kNotFound, "no instance.json");
  const Json state = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (auto filled = found->Fill(state); !filled) return Fail(std::move(filled).error());
  if (ReadFile(found->directory_ + "/deleted", 1)) {  // the agent died over it
    found->deleted_ = found->stopping_ = true;
    found->kill_at_ = found->created_at_;
  }
  for (Container& container : found->containers_) {
    if (!container.run.Recover()) continue;
    container.restarts = container.run.attempt();
    if (!container.run.is_running() && container.run.ended()) {
      found->OnEnded(container, container.run.ended()->finished_at.value_or(found->created_at_));
    }
  }
  return found;
}

Status ProcessInstance::Fill(const Json& state) {
  if (Integer(At(state, "version")) != kStateVersion) return Fail(Code::kMalformed, "not an instance of this version");
  client_token_ = TextAt(state, "clientToken");
  identity_ = {TextAt(state, "cluster"), TextAt(state, "node"), TextAt(state, "podUID"), TextAt(state, "podNamespace"),
               TextAt(state, "podName")};
  created_at_ = WallTime(Duration(Integer(At(state, "createdAt"))));
  const Json& spec = At(state, "pod", "spec");
  restart_policy_ = TextAt(spec, "restartPolicy");
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : Items(At(spec, list))) {
      const std::string name = TextAt(container, "name");
      if (!IsPlainName(name)) return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is no container name", name));
      if (!HasCommand(container) && blocked_.empty()) {
        blocked_ = fmt::format("container {}: the process provider cannot run images; set command", name);
      }
      const bool is_init = std::string_view(list) == "initContainers";
      containers_.push_back({container, name, is_init, is_init && TextAt(container, "restartPolicy") == "Always",
                             ContainerRun(directory_ + "/" + (is_init ? "init-" : "c-") + name, options_.log_limit),
                             CrashBackoff(), std::nullopt, std::nullopt, std::nullopt, "", "", false, 0});
    }
  }
  return {};
}

bool ProcessInstance::AnyRunning() const {
  return std::any_of(containers_.begin(), containers_.end(), [](const Container& c) { return c.run.is_running(); });
}

bool ProcessInstance::InitsDone() const {
  return std::all_of(containers_.begin(), containers_.end(), [](const Container& c) {
    if (!c.is_init) return true;
    return c.is_sidecar ? c.run.attempt() >= 0 : c.is_over && c.ended && c.ended->exit_code == 0;
  });
}

bool ProcessInstance::is_at_rest() const {
  if (AnyRunning()) return false;
  if (deleted_) return true;
  return !blocked_.empty() || Describe().state == InstanceState::kSucceeded ||
         Describe().state == InstanceState::kFailed;
}

bool ProcessInstance::Advance(WallTime now) {
  bool changed = Look(now);
  if (kill_at_ && now >= *kill_at_) {
    for (const Container& container : containers_) container.run.Signal(SIGUSR1);
    kill_at_ = now + 1s;  // again, should one not have been heard
  }
  if (!stopping_ && blocked_.empty()) changed = StartDue(now) || changed;
  return changed;
}

bool ProcessInstance::Look(WallTime now) {
  bool changed = false;
  for (Container& container : containers_) {
    if (!container.run.Poll(now)) continue;
    changed = true;
    OnEnded(container, now);
  }
  const auto is_over = [](const Container& c) { return c.is_init || c.is_over; };
  const bool is_done = std::all_of(containers_.begin(), containers_.end(), is_over) && InitsDone();
  if (is_done && !stopping_) StopAll(now, default_grace_);  // sidecars end after everything else
  return changed;
}

void ProcessInstance::OnEnded(Container& container, WallTime now) {
  container.ended = container.run.ended();
  const int code = container.ended->exit_code;
  const bool again = container.is_sidecar ? true
                     : container.is_init  ? InitRestartsAfter(restart_policy_, code)
                                          : RestartsAfter(restart_policy_, code);
  if (!again || stopping_) {
    container.is_over = true;
    return;
  }
  const WallTime finished = container.ended->finished_at.value_or(now);
  const Duration pause = container.backoff.Next(finished - container.run.started_at());
  container.next_start = now + pause;
  container.last = std::exchange(container.ended, std::nullopt);
  container.waiting_reason = "CrashLoopBackOff";
  container.waiting_message =
      fmt::format("back-off {} restarting failed container={} pod={}_{}({})", base::FormatDuration(pause),
                  container.name, identity_.pod_name, identity_.pod_namespace, identity_.pod_uid);
}

bool ProcessInstance::StartDue(WallTime now) {
  const auto due = [&](const Container& c) {
    return !c.is_over && !c.run.is_running() && (!c.next_start || now >= *c.next_start);
  };
  bool changed = false;
  for (Container& container : containers_) {
    if (!container.is_init && !InitsDone()) break;
    if (due(container)) changed = Start(container, now) || changed;
    // Init containers go one after the other; a sidecar only has to have been started.
    const bool is_passed = container.is_sidecar
                               ? container.run.attempt() >= 0
                               : container.is_over && container.ended && container.ended->exit_code == 0;
    if (container.is_init && !is_passed) break;
  }
  return changed;
}

bool ProcessInstance::Start(Container& container, WallTime now) {
  const std::string private_dir = directory_ + "/work";
  const std::string wanted_dir = TextAt(container.spec, "workingDir");
  auto command = CommandOf(container.spec, identity_.pod_name, options_.pod_ip, private_dir, directory_ + "/tmp");
  if (!command) {
    CannotStart(container, "StartError", command.error().message, now);
    return true;
  }
  const Status started = container.run.Start(*command, wanted_dir.empty() ? private_dir : wanted_dir, now);
  if (!started) {
    if (started.error().code == Code::kConflict) return false;  // it is seen to end before it is started again
    container.next_start = now + 10s;
    container.waiting_reason = "CreateContainerError";
    container.waiting_message = started.error().message;
    return true;
  }
  container.restarts = container.run.attempt();
  container.next_start.reset();
  container.ended.reset();
  container.waiting_reason.clear();
  container.waiting_message.clear();
  return true;
}

// As a container runtime reports a command that does not exist: a run that ended at once.
void ProcessInstance::CannotStart(Container& container, std::string reason, std::string message, WallTime now) {
  const Termination ended{128, 0, std::move(reason), std::move(message), now, now};
  const bool again = container.is_init ? InitRestartsAfter(restart_policy_, 128) : RestartsAfter(restart_policy_, 128);
  if (!again) {
    container.ended = ended;
    container.is_over = true;
    return;
  }
  container.last = ended;
  container.next_start = now + std::max<Duration>(container.backoff.Next(Duration(0)), 1s);
  container.waiting_reason = "RunContainerError";
  container.waiting_message = ended.message;
}

void ProcessInstance::StopAll(WallTime now, Duration grace) {
  stopping_ = true;
  for (Container& container : containers_) {
    if (container.run.is_running()) container.run.Signal(grace > Duration(0) ? SIGTERM : SIGUSR1);
  }
  const WallTime at = now + grace;
  kill_at_ = kill_at_ ? std::min(*kill_at_, at) : at;
}

void ProcessInstance::Delete(Duration grace, WallTime now) {
  deleted_ = true;
  const Status noted = WriteFileAtomically(directory_ + "/deleted", "");
  if (!noted)
    log::Warning("cannot note that an instance is deleted", {{"instance", id_}, {"why", noted.error().message}});
  StopAll(now, grace);
}

ContainerState ProcessInstance::StateOf(const Container& container) const {
  ContainerState state;
  state.name = container.name;
  state.image = TextAt(container.spec, "image");
  state.restart_count = container.restarts;
  state.last = container.last;
  if (container.run.attempt() >= 0) {
    state.container_id = fmt::format("process://{}/{}/{}", id_, container.name, container.run.attempt());
  }
  if (container.run.is_running()) {
    state.kind = ContainerState::Kind::kRunning;
    state.started = state.ready = true;
    state.started_at = container.run.started_at();
  } else if (container.ended) {
    state.kind = ContainerState::Kind::kTerminated;
    state.ended = container.ended;
    state.ready = container.is_init && !container.is_sidecar && container.ended->exit_code == 0;
  } else if (!blocked_.empty()) {
    state.reason = "ImageWithoutCommand";
    state.message = blocked_;
  } else if (!container.waiting_reason.empty()) {
    state.reason = container.waiting_reason;
    state.message = container.waiting_message;
  } else {
    state.reason = InitsDone() ? "ContainerCreating" : "PodInitializing";
  }
  return state;
}

Instance ProcessInstance::Describe() const {
  Instance instance;
  instance.id = id_;
  instance.identity = identity_;
  instance.created_at = created_at_;
  bool any_run = false, all_over = true, any_failed = false;
  for (const Container& container : containers_) {
    (container.is_init ? instance.init_containers : instance.containers).push_back(StateOf(container));
    any_run = any_run || container.run.attempt() >= 0;
    const bool failed =
        container.is_over && container.ended && container.ended->exit_code != 0 && !container.is_sidecar;
    any_failed = any_failed || failed;
    if (!container.is_init) all_over = all_over && container.is_over;
    if (container.is_init && failed && !container.is_sidecar)
      instance.state = InstanceState::kFailed;  // Never: the end
  }
  if (any_run) instance.pod_ip = options_.pod_ip;
  if (instance.state == InstanceState::kFailed) return instance;
  if (all_over && !containers_.empty()) {
    instance.state = any_failed ? InstanceState::kFailed : InstanceState::kSucceeded;
  } else if (deleted_) {
    instance.state = InstanceState::kTerminating;
  } else if (any_run) {
    instance.state = InstanceState::kRunning;
  }
  return instance;
}

Result<std::string> ProcessInstance::Logs(const LogOptions& options, WallTime now) const {
  for (const Container& container : containers_) {
    if (container.name != options.container) continue;
    const auto raw = container.run.RawLog(options.previous);
    if (!raw && options.previous) {
      return Fail(Code::kNotFound, fmt::format("previous terminated container \"{}\" not found", container.name));
    }
    return raw ? RenderLog(*raw, options, now) : std::string();
  }
  return Fail(Code::kNotFound, fmt::format("instance {} has no container {}", id_, options.container));
}

}  // namespace spillway::cloud
