#include "sandbox/standins/kubelets.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "sandbox/standins/pod_status.h"

namespace spillway::sandbox {
namespace {

constexpr const char* kLeaseNamespace = "kube-node-lease";

std::string HostIp(std::int64_t index) { return fmt::format("10.0.{}.{}", index / 250, index % 250 + 1); }
std::string PodIp(std::int64_t index, std::int64_t pod) { return fmt::format("10.244.{}.{}", index, pod); }

std::optional<Duration> RunTime(const Json& pod) {
  const std::string text = Text(pod, {"metadata", "annotations", "spillway.io/simulated-run-seconds"});
  if (text.empty()) return std::nullopt;
  return std::chrono::seconds(std::strtoll(text.c_str(), nullptr, 10));
}

int ExitCode(const Json& pod) {
  return static_cast<int>(
      std::strtol(Text(pod, {"metadata", "annotations", "spillway.io/simulated-exit-code"}).c_str(), nullptr, 10));
}

}  // namespace

Kubelets::Kubelets(StandinContext context, KubeletOptions options)
    : context_(context),
      options_(options),
      random_(context.runtime.random().Fork()),
      events_(context.store, "kubelet", "kubelet") {
  context_.caches.Of("pods").Listen(
      [this](const std::string& key, const Json* before, const Json* now) { OnPod(key, before, now); });
}

Kubelets::~Kubelets() = default;

Json Kubelets::NodeObject(const std::string& name, const Machine& machine) const {
  Json node = {{"apiVersion", "v1"},
               {"kind", "Node"},
               {"metadata",
                {{"name", name},
                 {"labels",
                  {{"kubernetes.io/hostname", name}, {"kubernetes.io/os", "linux"}, {"kubernetes.io/arch", "amd64"}}}}},
               {"spec", Json::object()}};
  Json& status = node["status"];
  status["capacity"] = status["allocatable"] = machine.capacity;
  status["addresses"] = Json::array(
      {{{"type", "InternalIP"}, {"address", HostIp(machine.index)}}, {{"type", "Hostname"}, {"address", name}}});
  status["nodeInfo"] = {{"kubeletVersion", "v1.36.0"}, {"osImage", "Spillway sandbox"},
                        {"kernelVersion", "none"},     {"containerRuntimeVersion", "standin://1"},
                        {"operatingSystem", "linux"},  {"architecture", "amd64"}};
  return node;
}

void Kubelets::AddNode(const std::string& name, const std::string& cpu, const std::string& memory, std::int64_t pods) {
  Machine& machine = machines_[name];
  machine.capacity = {{"cpu", cpu}, {"memory", memory}, {"pods", fmt::format("{}", pods)}};
  machine.index = next_index_++;
  Json node = NodeObject(name, machine);
  const WallTime now = context_.runtime.WallNow();
  Json& status = node["status"];
  for (const auto& [type, reason, message] :
       {std::tuple("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        std::tuple("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        std::tuple("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available")})
    SetCondition(status, type, false, reason, message, now);
  SetCondition(status, "Ready", true, "KubeletReady", "kubelet is posting ready status", now);
  for (Json& condition : status["conditions"]) {
    condition.erase("lastProbeTime");
    condition["lastHeartbeatTime"] = base::FormatRfc3339(now);
  }
  const Json wanted_status = status;
  if (context_.store.Create("nodes", std::move(node))) {
    (void)context_.store.Modify("nodes", "", name, Part::kStatus, [&](Json& object) {
      object["status"] = wanted_status;
      return true;
    });
  }
  RenewLease(name);
  machine.scope = std::make_unique<TaskScope>(context_.runtime);
  machine.scope->Spawn(KeepAlive(name));
  for (const auto& [key, pod] : context_.caches.Of("pods").all()) {
    if (NodeOf(pod) == name) OnPod(key, nullptr, &pod);
  }
}

void Kubelets::RemoveNode(const std::string& name) {
  machines_.erase(name);
  (void)context_.store.Delete("leases.coordination.k8s.io", kLeaseNamespace, name);
  (void)context_.store.Delete("nodes", "", name);
}

void Kubelets::Silence(const std::string& name) {
  if (const auto found = machines_.find(name); found != machines_.end()) found->second.silent = true;
}
void Kubelets::Resume(const std::string& name) {
  if (const auto found = machines_.find(name); found != machines_.end()) found->second.silent = false;
}

Task<void> Kubelets::KeepAlive(std::string name) {
  for (;;) {
    const Duration period = options_.lease_period;
    co_await context_.runtime.SleepFor(random_.Between(period, period + period / 25));
    if (!machines_.at(name).silent) RenewLease(name);
  }
}

void Kubelets::RenewLease(const std::string& name) {
  const std::string now = base::FormatRfc3339Micro(context_.runtime.WallNow());
  const auto renewed =
      context_.store.Modify("leases.coordination.k8s.io", kLeaseNamespace, name, Part::kObject, [&](Json& lease) {
        lease["spec"]["renewTime"] = now;
        return true;
      });
  if (!renewed) {
    (void)context_.store.Create(
        "leases.coordination.k8s.io",
        {{"metadata", {{"name", name}, {"namespace", kLeaseNamespace}}},
         {"spec", {{"holderIdentity", name}, {"leaseDurationSeconds", 40}, {"renewTime", now}}}});
    return;
  }
  // What the node lifecycle controller had to write while we were silent, we take back.
  (void)context_.store.Modify("nodes", "", name, Part::kStatus, [&](Json& node) {
    return SetCondition(node["status"], "Ready", true, "KubeletReady", "kubelet is posting ready status",
                        context_.runtime.WallNow());
  });
}

void Kubelets::OnPod(const std::string& key, const Json* before, const Json* now) {
  const Json& pod = now != nullptr ? *now : *before;
  const auto machine = machines_.find(NodeOf(pod));
  if (machine == machines_.end()) return;
  const std::string uid = UidOf(pod);
  auto& admitted = machine->second.admitted;
  if (now == nullptr || IsPodTerminal(pod)) admitted.erase(uid);
  if (now == nullptr) {
    stopping_.erase(uid);
  } else if (IsTerminating(pod)) {
    if (stopping_.insert(uid).second) machine->second.scope->Spawn(StopPod(machine->first, key, uid));
  } else if (!IsPodTerminal(pod) && !admitted.contains(uid)) {
    Admit(machine->first, machine->second, key, pod);
  }
}

// Empty when the node has room; else the kubelet's message, and `reason` is set.
std::string Kubelets::Rejection(const Machine& machine, const PodRequest& request, std::string& reason) const {
  PodRequest used;
  for (const auto& [uid, running] : machine.admitted) {
    used.milli_cpu += running.request.milli_cpu;
    used.memory += running.request.memory;
  }
  const auto check = [&](const char* resource, std::int64_t wanted, std::int64_t in_use, std::int64_t capacity) {
    if (wanted == 0 || in_use + wanted <= capacity) return std::string();
    reason = std::string("OutOf") + resource;
    return fmt::format("Pod was rejected: Node didn't have enough resource: {}, requested: {}, used: {}, capacity: {}",
                       resource, wanted, in_use, capacity);
  };
  std::string message = check("pods", 1, static_cast<std::int64_t>(machine.admitted.size()),
                              std::strtoll(Text(machine.capacity, {"pods"}).c_str(), nullptr, 10));
  if (message.empty())
    message = check("cpu", request.milli_cpu, used.milli_cpu, MilliCpu(At(machine.capacity, {"cpu"})));
  if (message.empty()) message = check("memory", request.memory, used.memory, Bytes(At(machine.capacity, {"memory"})));
  return message;
}

void Kubelets::Admit(const std::string& name, Machine& machine, const std::string& key, const Json& pod) {
  const PodRequest request = RequestOf(pod);
  std::string reason;
  const std::string message = Rejection(machine, request, reason);
  if (!message.empty()) {
    const auto [ns, pod_name] = SplitKey(key);
    (void)context_.store.Modify("pods", ns, pod_name, Part::kStatus, [&, message = message](Json& object) {
      object["status"]["phase"] = "Failed";
      object["status"]["reason"] = reason;
      object["status"]["message"] = message;
      return true;
    });
    events_.WriteAs(name, pod, "Warning", reason, "Admission",
                    message.substr(std::string("Pod was rejected: ").size()));
    return;
  }
  machine.admitted[UidOf(pod)] = Running{key, request};
  machine.scope->Spawn(RunPod(name, key, UidOf(pod)));
}

Task<void> Kubelets::RunPod(std::string node, std::string key, std::string uid) {
  const auto [ns, name] = SplitKey(key);
  const std::string ns_copy = ns, name_copy = name;
  co_await context_.runtime.SleepFor(random_.Between(std::chrono::milliseconds(5), std::chrono::milliseconds(50)));
  auto pod = context_.store.Get("pods", ns_copy, name_copy);
  if (!pod || UidOf(*pod) != uid || !IsPodActive(*pod)) co_return;
  const std::string ip = PodIp(machines_.at(node).index, machines_.at(node).next_ip++);
  const std::string host_ip = HostIp(machines_.at(node).index);
  const bool was_running = PhaseOf(*pod) == "Running";
  if (!was_running) {
    (void)context_.store.Modify("pods", ns_copy, name_copy, Part::kStatus, [&](Json& object) {
      SetCreating(object, host_ip, context_.runtime.WallNow());
      return true;
    });
    for (const Json& container : At(*pod, {"spec", "containers"})) {
      const std::string image = Text(container, {"image"});
      events_.WriteAs(node, *pod, "Normal", "Pulling", "Pulling", fmt::format("Pulling image \"{}\"", image));
    }
    co_await context_.runtime.SleepFor(random_.Between(options_.start_low, options_.start_high));
    for (const Json& container : At(*pod, {"spec", "containers"})) {
      const std::string container_name = Text(container, {"name"});
      events_.WriteAs(node, *pod, "Normal", "Pulled", "Pulled",
                      fmt::format("Successfully pulled image \"{}\"", Text(container, {"image"})));
      events_.WriteAs(node, *pod, "Normal", "Created", "Created", fmt::format("Container created: {}", container_name));
      events_.WriteAs(node, *pod, "Normal", "Started", "Started", fmt::format("Container started: {}", container_name));
    }
    WriteRunning(key, uid, ip, host_ip);
  }
  const std::optional<Duration> run_time = RunTime(*pod);
  if (!run_time) co_return;
  co_await context_.runtime.SleepFor(*run_time);
  WriteEnded(key, uid);
}

void Kubelets::WriteRunning(const std::string& key, const std::string& uid, const std::string& ip,
                            const std::string& host_ip) {
  const auto [ns, name] = SplitKey(key);
  (void)context_.store.Modify("pods", ns, name, Part::kStatus, [&](Json& pod) {
    if (UidOf(pod) != uid || !IsPodActive(pod)) return false;
    SetRunning(pod, ip, host_ip, context_.runtime.WallNow());
    return true;
  });
}

void Kubelets::WriteEnded(const std::string& key, const std::string& uid) {
  const auto [ns, name] = SplitKey(key);
  (void)context_.store.Modify("pods", ns, name, Part::kStatus, [&](Json& pod) {
    if (UidOf(pod) != uid || !IsPodActive(pod)) return false;
    SetEnded(pod, ExitCode(pod), context_.runtime.WallNow());
    return true;
  });
}

Task<void> Kubelets::StopPod(std::string node, std::string key, std::string uid) {
  co_await context_.runtime.SleepFor(random_.Between(options_.stop_low, options_.stop_high));
  const NamespacedName name = SplitKey(key);
  const auto pod = context_.store.Get("pods", name.ns, name.name);
  if (!pod || UidOf(*pod) != uid) co_return;
  if (!IsPodTerminal(*pod)) {
    for (const Json& container : At(*pod, {"spec", "containers"}))
      events_.WriteAs(node, *pod, "Normal", "Killing", "Killing",
                      fmt::format("Stopping container {}", Text(container, {"name"})));
  }
  DeleteOptions options;
  options.grace_period_seconds = 0;
  options.uid = uid;
  (void)context_.store.Delete("pods", name.ns, name.name, options);
}

}  // namespace spillway::sandbox
