#include "cloud/providers/process/instance.h"

#include <fmt/core.h>
#include <signal.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <utility>

#include "base/log.h"
#include "cloud/providers/process/command.h"
#include "cloud/providers/process/container_log.h"
#include "cloud/providers/process/log_cursor.h"
#include "cloud/providers/process/volume_directory.h"

namespace spillway::cloud {
namespace {

constexpr int kStateVersion = 1;
constexpr std::size_t kDeletedBytes = 32;
constexpr Duration kLongestGrace = 7 * 24h;

// Names become directories: what the API server would have refused is refused here too.
bool IsPlainName(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

ProcessInstance::ProcessInstance(std::string directory, std::string id, ProcessInstanceOptions options,
                                 ActionRunner& runner)
    : directory_(std::move(directory)), id_(std::move(id)), options_(std::move(options)), runner_(runner) {}

Result<std::unique_ptr<ProcessInstance>> ProcessInstance::Make(std::string directory, std::string id,
                                                               const CreateRequest& request,
                                                               ProcessInstanceOptions options, ActionRunner& runner,
                                                               WallTime now) {
  std::unique_ptr<ProcessInstance> made(
      new ProcessInstance(std::move(directory), std::move(id), std::move(options), runner));
  Json read_only = Json::array();
  for (const PodVolume& volume : request.volumes) {
    if (volume.kind == PodVolume::Kind::kFiles) read_only.push_back(volume.name);
  }
  const Json state = {{"version", kStateVersion},
                      {"clientToken", request.client_token},
                      {"cluster", request.identity.cluster_id},
                      {"node", request.identity.node_name},
                      {"podUID", request.identity.pod_uid},
                      {"podNamespace", request.identity.pod_namespace},
                      {"podName", request.identity.pod_name},
                      {"createdAt", now.time_since_epoch().count()},
                      {"hostname", NodenameOf(request.network)},
                      {"readOnlyVolumes", std::move(read_only)},
                      {"pod", request.pod}};
  if (auto filled = made->Fill(state); !filled) return Fail(std::move(filled).error());
  for (const auto& container : made->containers_) {
    if (auto fine = container->Check(); !fine) return Fail(std::move(fine).error());
  }
  if (auto there = made->MakeDirectories(request); !there) return Fail(std::move(there).error());
  if (auto written = made->WriteNetwork(request.network); !written) return Fail(std::move(written).error());
  const std::string text = state.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (auto kept = WriteFileAtomically(made->directory_ + "/instance.json", text); !kept) {
    return Fail(std::move(kept).error());
  }
  return made;
}

Status ProcessInstance::MakeDirectories(const CreateRequest& request) const {
  for (const char* sub : {"", "/work", "/tmp", "/root", "/volumes", "/network"}) {
    if (auto there = MakePrivateDirectory(directory_ + sub); !there) return there;
  }
  for (const PodVolume& volume : request.volumes) {
    if (!IsPlainName(volume.name)) {
      return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is no volume name", volume.name));
    }
    const std::string path = directory_ + "/volumes/" + volume.name;
    if (volume.kind == PodVolume::Kind::kEmptyDir) {
      if (::mkdir(path.c_str(), 0777) != 0) return Fail(Code::kUnavailable, "cannot make " + path);
      ::chmod(path.c_str(), 0777);
    } else if (auto written = WriteVolume(path, volume.files); !written) {
      return written;
    }
  }
  return {};
}

Status ProcessInstance::WriteNetwork(const PodNetwork& network) const {
  ResolvConf conf = network.resolv_conf;
  if (conf.base == ResolvConf::Base::kInstance) {
    std::vector<BadLine> bad;
    std::vector<std::string> cut;
    conf = OnTopOf(ParseResolvConf(ReadPrivateFile("/etc/resolv.conf").value_or(""), bad), conf);
    FitResolvConf(conf, cut);
  }
  const std::string directory = directory_ + "/network/";
  for (const auto& [name, text] :
       {std::pair("resolv.conf", ResolvConfText(conf)), std::pair("hosts", HostsText(network, options_.pod_ip))}) {
    if (auto written = WriteFileAtomically(directory + name, text); !written) return written;
    ::chmod((directory + name).c_str(), 0644);
  }
  return {};
}

Status ProcessInstance::UpdateVolumes(const std::vector<PodVolume>& volumes) const {
  for (const PodVolume& volume : volumes) {
    const std::string path = directory_ + "/volumes/" + volume.name;
    struct stat info{};
    const bool is_ours = volume.kind == PodVolume::Kind::kFiles && IsPlainName(volume.name) &&
                         ::lstat((path + "/..data").c_str(), &info) == 0;
    if (!is_ours) continue;
    if (auto written = WriteVolume(path, volume.files); !written) return written;
  }
  return {};
}

Result<std::unique_ptr<ProcessInstance>> ProcessInstance::Recover(std::string directory, std::string id,
                                                                  ProcessInstanceOptions options, ActionRunner& runner,
                                                                  WallTime now) {
  std::unique_ptr<ProcessInstance> found(
      new ProcessInstance(std::move(directory), std::move(id), std::move(options), runner));
  const auto text = ReadPrivateFile(found->directory_ + "/instance.json");
  if (!text) return Fail(Code::kNotFound, "no instance.json");
  const Json state = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (auto filled = found->Fill(state); !filled) return Fail(std::move(filled).error());
  const auto deleted = ReadPrivateFile(found->directory_ + "/deleted", kDeletedBytes);  // the agent died over it
  for (const auto& container : found->containers_) {
    if (deleted) container->GiveUp();
    container->Recover(found->created_at_);
  }
  if (deleted) {
    found->deleted_ = true;
    const WallTime end{Duration(std::atoll(deleted->c_str()))};
    found->StopAll(std::clamp<Duration>(end - now, 0s, kLongestGrace), now);
  }
  return found;
}

ContainerPlace ProcessInstance::PlaceOf(const Json& state, const std::string& container, bool is_init) const {
  ContainerPlace place;
  place.directory = directory_ + "/" + (is_init ? "init-" : "c-") + container;
  place.work_dir = directory_ + "/work";
  place.temp_dir = directory_ + "/tmp";
  place.pod_name = identity_.pod_name;
  place.pod_ns = identity_.pod_namespace;
  place.pod_uid = identity_.pod_uid;
  place.pod_ip = options_.pod_ip;
  place.hostname = TextAt(state, "hostname");
  if (place.hostname.empty()) place.hostname = identity_.pod_name;
  place.instance_id = id_;
  place.restart_policy = TextAt(state, "pod", "spec", "restartPolicy");
  place.grace = default_grace_;
  place.log_limit = options_.log_limit;
  // An instance of an older agent has no directories for it.
  place.is_isolated = options_.is_isolated && state.contains("readOnlyVolumes");
  place.root = directory_ + "/root";
  place.volumes.directory = directory_ + "/volumes";
  place.volumes.pod_ip = options_.pod_ip;
  for (const Json& name : Items(At(state, "readOnlyVolumes"))) place.volumes.read_only.insert(Text(name));
  place.mounts = {{directory_ + "/network/resolv.conf", "/etc/resolv.conf", false},
                  {directory_ + "/network/hosts", "/etc/hosts", false}};
  return place;
}

std::size_t ProcessInstance::Asked(const Json& pod) {
  Json spec = At(pod, "spec");
  if (spec.is_object()) spec.erase("tolerations");  // the control plane adds some later
  return std::hash<std::string>()(spec.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Status ProcessInstance::Fill(const Json& state) {
  if (Integer(At(state, "version")) != kStateVersion) return Fail(Code::kMalformed, "not an instance of this version");
  asked_ = Asked(At(state, "pod"));
  identity_ = {TextAt(state, "cluster"), TextAt(state, "node"), TextAt(state, "podUID"), TextAt(state, "podNamespace"),
               TextAt(state, "podName")};
  created_at_ = WallTime(Duration(Integer(At(state, "createdAt"))));
  const Json& spec = At(state, "pod", "spec");
  const std::int64_t grace = Integer(At(spec, "terminationGracePeriodSeconds"), default_grace_ / 1s);
  default_grace_ = std::chrono::seconds(std::clamp<std::int64_t>(grace, 0, kLongestGrace / 1s));
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : Items(At(spec, list))) {
      const std::string name = TextAt(container, "name");
      if (!IsPlainName(name)) return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is no container name", name));
      if (!HasCommand(container) && blocked_.empty()) {
        blocked_ = fmt::format("container {}: the process provider cannot run images; set command", name);
      }
      const bool is_init = std::string_view(list) == "initContainers";
      containers_.push_back(
          std::make_unique<ProcessContainer>(container, is_init, PlaceOf(state, name, is_init), runner_, events_));
    }
  }
  return {};
}

bool ProcessInstance::AnyRunning() const {
  return std::any_of(containers_.begin(), containers_.end(), [](const auto& c) { return c->run().is_running(); });
}

bool ProcessInstance::InitsDone() const {
  return std::all_of(containers_.begin(), containers_.end(),
                     [](const auto& c) { return !c->is_init() || c->is_passed(); });
}

bool ProcessInstance::is_at_rest() const {
  if (AnyRunning()) return false;
  return deleted_ || !blocked_.empty() || HasEnded(Describe());
}

// Its containers have all ended for good, or one that comes before them has failed for good.
bool ProcessInstance::IsDone() const {
  const bool has_failed = std::any_of(containers_.begin(), containers_.end(), [](const auto& c) {
    return c->is_init() && !c->is_sidecar() && c->has_failed();
  });
  return has_failed || (InitsDone() && std::all_of(containers_.begin(), containers_.end(),
                                                   [](const auto& c) { return c->is_init() || c->is_over(); }));
}

bool ProcessInstance::Advance(WallTime now) {
  bool changed = false;
  for (const auto& container : containers_) changed = container->Advance(now) || changed;
  if (!stopping_ && IsDone()) StopAll(default_grace_, now);
  if (stopping_) StopSidecars(now);
  if (!stopping_ && blocked_.empty()) changed = StartDue(now) || changed;
  return changed;
}

// Init containers go one after the other, and a sidecar only has to say that it has started; a postStart hook holds up
// what comes after its container.
bool ProcessInstance::StartDue(WallTime now) {
  bool changed = false;
  for (const auto& container : containers_) {
    if (!container->is_init() && !InitsDone()) break;
    if (container->IsDue(now)) changed = container->Start(now) || changed;
    if (container->is_starting() || (container->is_init() && !container->is_passed())) break;
  }
  return changed;
}

void ProcessInstance::StopAll(Duration grace, WallTime now) {
  end_by_ = stopping_ ? std::min(end_by_, now + grace) : now + grace;
  stopping_ = true;
  for (const auto& container : containers_) {
    container->GiveUp();
    if (!container->is_sidecar() || grace == Duration(0)) container->Stop(grace, now);
  }
  StopSidecars(now);
}

void ProcessInstance::StopSidecars(WallTime now) {
  for (auto at = containers_.rbegin(); at != containers_.rend(); ++at) {
    ProcessContainer& container = **at;
    if (!container.run().is_running()) continue;
    if (!container.is_sidecar()) return;
    if (!container.is_stopping()) container.Stop(std::max(end_by_ - now, Duration(0)), now);
    return;
  }
}

void ProcessInstance::Delete(Duration grace, WallTime now) {
  deleted_ = true;
  const WallTime end = stopping_ ? std::min(end_by_, now + grace) : now + grace;
  const Status noted = WriteFileAtomically(directory_ + "/deleted", fmt::format("{}", end.time_since_epoch().count()));
  if (!noted)
    log::Warning("cannot note that an instance is deleted", {{"instance", id_}, {"why", noted.error().message}});
  StopAll(grace, now);
}

Instance ProcessInstance::Describe() const {
  Instance instance;
  instance.id = id_;
  instance.identity = identity_;
  instance.created_at = created_at_;
  instance.events = events_.all();
  bool any_run = false, all_over = true, any_failed = false, init_failed = false;
  for (const auto& container : containers_) {
    ContainerState state = container->State();
    if (state.kind == ContainerState::Kind::kWaiting && !blocked_.empty()) {
      state.reason = "ImageWithoutCommand";
      state.message = blocked_;
    } else if (state.kind == ContainerState::Kind::kWaiting && state.reason.empty()) {
      state.reason = InitsDone() ? "ContainerCreating" : "PodInitializing";
    }
    (container->is_init() ? instance.init_containers : instance.containers).push_back(std::move(state));
    any_run = any_run || container->run().attempt() > 0 || container->is_running() ||
              (container->run().attempt() == 0 && !container->run().is_running());
    const bool failed = container->has_failed() && !container->is_sidecar();
    any_failed = any_failed || failed;
    if (!container->is_init()) all_over = all_over && container->is_over();
    init_failed = init_failed || (container->is_init() && failed);  // Never: the end
  }
  if (any_run) instance.pod_ip = options_.pod_ip;
  // A sidecar that still runs belongs to it: source kubelet_pods.go getPhase.
  if ((all_over || init_failed) && !containers_.empty() && !AnyRunning()) {
    instance.state = any_failed ? InstanceState::kFailed : InstanceState::kSucceeded;
  } else if (deleted_) {
    instance.state = InstanceState::kTerminating;
  } else if (any_run) {
    instance.state = InstanceState::kRunning;
  }
  return instance;
}

ProcessContainer* ProcessInstance::Find(const std::string& name) const {
  for (const auto& container : containers_) {
    if (container->name() == name) return container.get();
  }
  return nullptr;
}

Result<ProcessContainer*> ProcessInstance::FindRunning(const std::string& name) const {
  ProcessContainer* container = Find(name);
  if (!container) return Fail(Code::kNotFound, fmt::format("instance {} has no container {}", id_, name));
  if (container->is_running()) return container;
  return Fail(Code::kInvalidArgument, fmt::format("container {} is not running", name));
}

Result<ExecPlan> ProcessInstance::PlanExec(const ExecRequest& request) const {
  auto container = FindRunning(request.container);
  if (!container) return Fail(std::move(container).error());
  auto plan = (*container)->PlanExec(request.command);
  if (!plan) return plan;
  plan->has_input = request.has_input;
  plan->is_terminal = request.is_terminal;
  return plan;
}

Result<ProcessInstance::Attachment> ProcessInstance::Attach(const std::string& name) {
  auto container = FindRunning(name);
  if (!container) return Fail(std::move(container).error());
  LogOptions nothing;
  nothing.container = name;
  nothing.tail_lines = 0;
  Result<LogPart> end = ReadLog(nothing, "");
  if (!end) return Fail(std::move(end).error());
  return Attachment{std::move(end->cursor), (*container)->run().OpenInput(),
                    IsTrue(At((*container)->spec(), "stdinOnce"))};
}

void ProcessInstance::EndInput(const std::string& name) const {
  if (const ProcessContainer* container = Find(name)) container->run().Signal(SIGUSR2);
}

std::vector<ProcessInstance::RunningShim> ProcessInstance::RunningShims() const {
  std::vector<RunningShim> running;
  for (const auto& container : containers_) {
    const ContainerRun& run = container->run();
    if (const pid_t shim = run.ShimPid()) running.push_back({container->name(), shim, run.started_at()});
  }
  return running;
}

Result<LogPart> ProcessInstance::ReadLog(const LogOptions& options, const std::string& cursor) const {
  const ProcessContainer* container = Find(options.container);
  if (!container) return Fail(Code::kNotFound, fmt::format("instance {} has no container {}", id_, options.container));
  const ContainerRun& run = container->run();
  LogCursor at{std::max(0, options.previous ? run.attempt() - 1 : run.attempt()), std::nullopt};
  if (options.previous && run.attempt() < 1) {
    return Fail(Code::kInvalidArgument, fmt::format("previous terminated container \"{}\" in pod \"{}\" not found",
                                                    container->name(), identity_.pod_name));
  }
  LogOptions cut = options;
  if (!cursor.empty()) {
    const auto parsed = LogCursor::Parse(cursor);
    if (!parsed) return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is no cursor of a log", cursor));
    at = *parsed;
    cut = LogOptions{options.container, false, options.timestamps, {}, {}, {}};
  }
  const bool is_over = run.is_over(at.attempt);  // asked before: what is over has written all it will write
  const RunLog log = run.ReadLog(at.attempt, at.position);
  RenderedLog rendered = RenderLog(log, cut);
  LogPart part;
  part.has_gap = log.has_gap;
  // What was killed in the middle of a line may have left a piece of its time, which is no line.
  part.is_end = is_over && (rendered.next >= log.end || rendered.next == at.position);
  part.cursor = LogCursor{at.attempt, std::max(rendered.next, at.position.value_or(0))}.Text();
  part.text = std::move(rendered.text);
  return part;
}

}  // namespace spillway::cloud
