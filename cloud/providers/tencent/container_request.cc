#include "cloud/providers/tencent/container_request.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "cloud/providers/rest/pod_fields.h"
#include "cloud/providers/tencent/instance_name.h"
#include "cloud/providers/tencent/options.h"

namespace spillway::cloud::tencent {
namespace {

using rest::Inexpressible;
using rest::NeedsPodIp;

void SetUnlessEmpty(Json& into, const char* name, std::string value) {
  if (!value.empty()) into[name] = std::move(value);
}

Status CheckPort(std::int64_t port, const std::string& field) {
  if (port < kFirstReservedPort || port > kLastReservedPort) return {};
  return Inexpressible(fmt::format("{}: {} is one of the ports {} to {}, which Tencent Cloud keeps for itself", field,
                                   port, kFirstReservedPort, kLastReservedPort));
}

Result<Json> Texts(const Json& list, const std::string& field) {
  Json texts = Json::array();
  for (const Json& item : Items(list)) {
    if (NeedsPodIp(Text(item))) return Inexpressible(field + ": EKSCI cannot put the Pod's IP there");
    texts.push_back(Text(item));
  }
  return texts;
}

// ---- resources: the most that a container may have

std::optional<kube::Quantity> LimitOf(const Json& container, const char* resource) {
  const auto limit = kube::Quantity::Parse(TextAt(container, "resources", "limits", resource));
  return limit && !limit->is_zero() ? limit : std::nullopt;
}

void WriteResources(Json& into, const Json& container, const rest::InstanceSize& size) {
  if (const auto cpu = LimitOf(container, "cpu")) {
    into["Cpu"] = static_cast<double>(std::min(cpu->MilliValue(), size.cpu_milli)) / 1000;
  }
  if (const auto memory = LimitOf(container, "memory")) {
    into["Memory"] = static_cast<double>(std::min(memory->Value(), size.memory_bytes)) / rest::kGiB;
  }
  if (const auto gpu = LimitOf(container, "nvidia.com/gpu")) into["GpuLimit"] = gpu->Value();
}

// ---- environment and mounts

Status WriteEnvironment(Json& into, const Json& container, const std::string& field) {
  Json variables = Json::array();
  for (const Json& variable : Items(At(container, "env"))) {
    const std::string name = TextAt(variable, "name"), value = TextAt(variable, "value");
    if (name == kNoteVariable) return Inexpressible(fmt::format("{}.env {}: the name is taken", field, name));
    if (NeedsPodIp(value)) {
      return Inexpressible(fmt::format("{}.env {}: EKSCI cannot put the Pod's IP there", field, name));
    }
    variables.push_back({{"Name", name}, {"Value", value}});
  }
  if (!variables.empty()) into["EnvironmentVars"] = std::move(variables);
  return {};
}

Status WriteMounts(Json& into, const Json& container, const std::string& field) {
  Json mounts = Json::array();
  for (const Json& mount : Items(At(container, "volumeMounts"))) {
    Json one = {{"Name", TextAt(mount, "name")}, {"MountPath", TextAt(mount, "mountPath")}};
    std::string sub_path = TextAt(mount, "subPath");
    if (NeedsPodIp(sub_path)) {
      return Inexpressible(field + ".volumeMounts: EKSCI cannot put the Pod's IP into a subPath");
    }
    SetUnlessEmpty(one, "SubPath", std::move(sub_path));
    if (IsTrue(At(mount, "readOnly"))) one["ReadOnly"] = true;
    mounts.push_back(std::move(one));
  }
  if (!mounts.empty()) into["VolumeMounts"] = std::move(mounts);
  return {};
}

// ---- probes

void WriteTimes(Json& into, const Json& probe) {
  constexpr std::pair<const char*, const char*> kNumbers[] = {{"initialDelaySeconds", "InitialDelaySeconds"},
                                                              {"periodSeconds", "PeriodSeconds"},
                                                              {"timeoutSeconds", "TimeoutSeconds"},
                                                              {"successThreshold", "SuccessThreshold"},
                                                              {"failureThreshold", "FailureThreshold"}};
  into["Probe"] = Json::object();
  for (const auto& [name, eksci_name] : kNumbers) {
    if (const Json& number = At(probe, name); number.is_number_integer()) into["Probe"][eksci_name] = Integer(number);
  }
}

Result<std::int64_t> ProbePort(const Json& action, const Json& container, const std::string& field) {
  const std::int64_t port = rest::PortNumber(At(action, "port"), container);
  if (port == 0) return Inexpressible(field + ": the container has no port of this name");
  if (auto free = CheckPort(port, field); !free) return Fail(std::move(free).error());
  return port;
}

Result<Json> ProbeRequest(const Json& probe, const Json& container, const std::string& field) {
  Json written;
  WriteTimes(written, probe);
  if (const Json& http = At(probe, "httpGet"); !http.is_null()) {
    auto port = ProbePort(http, container, field + ".httpGet.port");
    if (!port) return Fail(std::move(port).error());
    const std::string path = TextAt(http, "path"), scheme = TextAt(http, "scheme");
    written["HttpGet"] = {
        {"Path", path.empty() ? "/" : path}, {"Port", *port}, {"Scheme", scheme.empty() ? "HTTP" : scheme}};
  }
  if (const Json& tcp = At(probe, "tcpSocket"); !tcp.is_null()) {
    auto port = ProbePort(tcp, container, field + ".tcpSocket.port");
    if (!port) return Fail(std::move(port).error());
    written["TcpSocket"] = {{"Port", *port}};
  }
  if (const Json& exec = At(probe, "exec"); !exec.is_null()) {
    auto command = Texts(At(exec, "command"), field + ".exec.command");
    if (!command) return Fail(std::move(command).error());
    written["Exec"] = {{"Commands", *std::move(command)}};
  }
  return written;
}

Status WriteProbes(Json& into, const Json& container, const std::string& field) {
  constexpr std::pair<const char*, const char*> kProbes[] = {{"livenessProbe", "LivenessProbe"},
                                                             {"readinessProbe", "ReadinessProbe"}};
  for (const auto& [name, eksci_name] : kProbes) {
    const Json& probe = At(container, name);
    if (probe.is_null()) continue;
    auto written = ProbeRequest(probe, container, fmt::format("{}.{}", field, name));
    if (!written) return Fail(std::move(written).error());
    into[eksci_name] = *std::move(written);
  }
  return {};
}

// ---- the rest

void WriteCapabilities(Json& into, const Json& container) {
  for (const auto& [name, eksci_name] : {std::pair{"add", "Add"}, std::pair{"drop", "Drop"}}) {
    for (const Json& capability : Items(At(container, "securityContext", "capabilities", name))) {
      into["SecurityContext"]["Capabilities"][eksci_name].push_back(Text(capability));
    }
  }
}

Status CheckPorts(const Json& container, const std::string& field) {
  for (const Json& port : Items(At(container, "ports"))) {
    if (auto free = CheckPort(Integer(At(port, "containerPort")), field + ".ports"); !free) return free;
  }
  return {};
}

}  // namespace

Result<Json> ContainerRequest(const Json& container, const rest::InstanceSize& size, bool is_init) {
  const std::string field =
      fmt::format("spec.{} {}", is_init ? "initContainers" : "containers", TextAt(container, "name"));
  Json into = {{"Name", TextAt(container, "name")}, {"Image", TextAt(container, "image")}};
  SetUnlessEmpty(into, "WorkingDir", TextAt(container, "workingDir"));
  for (const auto& [name, eksci_name] : {std::pair{"command", "Commands"}, std::pair{"args", "Args"}}) {
    auto texts = Texts(At(container, name), fmt::format("{}.{}", field, name));
    if (!texts) return Fail(std::move(texts).error());
    if (!texts->empty()) into[eksci_name] = *std::move(texts);
  }
  WriteResources(into, container, size);
  if (auto done = CheckPorts(container, field); !done) return Fail(std::move(done).error());
  if (auto done = WriteEnvironment(into, container, field); !done) return Fail(std::move(done).error());
  if (auto done = WriteMounts(into, container, field); !done) return Fail(std::move(done).error());
  WriteCapabilities(into, container);
  if (is_init) return into;
  if (auto done = WriteProbes(into, container, field); !done) return Fail(std::move(done).error());
  return into;
}

}  // namespace spillway::cloud::tencent
