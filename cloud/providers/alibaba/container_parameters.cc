#include "cloud/providers/alibaba/container_parameters.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "cloud/provider.h"
#include "cloud/providers/alibaba/options.h"

namespace spillway::cloud::alibaba {
namespace {

using rest::AskedOf;
using rest::NeedsPodIp;
using rest::PortNumber;

Status WriteTexts(const ParameterWriter& writer, const std::string& name, const Json& list, const std::string& field) {
  std::size_t number = 0;
  for (const Json& item : Items(list)) {
    if (NeedsPodIp(Text(item))) {
      return Inexpressible(
          fmt::format("{}: ECI has the Pod's IP only as the whole value of an environment variable", field));
    }
    writer.Set(fmt::format("{}.{}", name, ++number), Text(item));
  }
  return {};
}

// ---- resources

void WriteResources(const ParameterWriter& writer, const Json& container) {
  if (const auto cpu = AskedOf(container, "cpu"); cpu && !cpu->is_zero()) {
    writer.SetFloat("Cpu", static_cast<double>(cpu->MilliValue()) / 1000);
  }
  if (const auto memory = AskedOf(container, "memory"); memory && !memory->is_zero()) {
    writer.SetFloat("Memory", std::ceil(static_cast<double>(memory->Value()) / kGiB * 1000) / 1000);
  }
  if (const auto gpu = AskedOf(container, "nvidia.com/gpu"); gpu && !gpu->is_zero())
    writer.SetInteger("Gpu", gpu->Value());
}

// ---- environment and mounts

Status WriteEnvironment(const ParameterWriter& writer, const Json& container, const std::string& field) {
  std::size_t number = 0;
  for (const Json& variable : Items(At(container, "env"))) {
    const ParameterWriter one = writer.In("EnvironmentVar", ++number);
    const std::string name = TextAt(variable, "name"), value = TextAt(variable, "value");
    one.Set("Key", name);
    if (value == kPodIpPlaceholder) {
      one.In("FieldRef").Set("FieldPath", "status.podIP");
      continue;
    }
    if (NeedsPodIp(value)) {
      return Inexpressible(
          fmt::format("{}.env {}: ECI has the Pod's IP only as the whole value of a variable", field, name));
    }
    if (value.size() > kMaxEnvValue) {
      return Inexpressible(
          fmt::format("{}.env {} has {} characters; ECI takes {}: put it into a ConfigMap or Secret volume", field,
                      name, value.size(), kMaxEnvValue));
    }
    one.Set("Value", value);
  }
  return {};
}

Status WriteMounts(const ParameterWriter& writer, const Json& container, const std::string& field) {
  std::size_t number = 0;
  for (const Json& mount : Items(At(container, "volumeMounts"))) {
    const ParameterWriter one = writer.In("VolumeMount", ++number);
    const std::string sub_path = TextAt(mount, "subPath");
    if (NeedsPodIp(sub_path)) return Inexpressible(field + ".volumeMounts: ECI cannot put the Pod's IP into a subPath");
    one.Set("Name", TextAt(mount, "name"));
    one.Set("MountPath", TextAt(mount, "mountPath"));
    one.SetUnlessEmpty("SubPath", sub_path);
    if (IsTrue(At(mount, "readOnly"))) one.SetBool("ReadOnly", true);
  }
  return {};
}

void WritePorts(const ParameterWriter& writer, const Json& container) {
  std::size_t number = 0;
  for (const Json& port : Items(At(container, "ports"))) {
    const ParameterWriter one = writer.In("Port", ++number);
    const std::string protocol = TextAt(port, "protocol");
    one.SetInteger("Port", Integer(At(port, "containerPort")));
    one.Set("Protocol", protocol.empty() ? "TCP" : protocol);
  }
}

// ---- probes and hooks

Status WriteProbe(const ParameterWriter& writer, const Json& probe, const Json& container, const std::string& field) {
  if (probe.is_null()) return {};
  if (const Json& http = At(probe, "httpGet"); !http.is_null()) {
    const ParameterWriter get = writer.In("HttpGet");
    const std::int64_t port = PortNumber(At(http, "port"), container);
    if (port == 0) return Inexpressible(field + ".httpGet.port: the container has no port of this name");
    const std::string path = TextAt(http, "path"), scheme = TextAt(http, "scheme");
    get.Set("Path", path.empty() ? "/" : path);
    get.SetInteger("Port", port);
    get.Set("Scheme", scheme.empty() ? "HTTP" : scheme);
  }
  if (const Json& tcp = At(probe, "tcpSocket"); !tcp.is_null()) {
    const std::int64_t port = PortNumber(At(tcp, "port"), container);
    if (port == 0) return Inexpressible(field + ".tcpSocket.port: the container has no port of this name");
    writer.In("TcpSocket").SetInteger("Port", port);
  }
  if (auto exec = WriteTexts(writer.In("Exec"), "Command", At(probe, "exec", "command"), field + ".exec"); !exec) {
    return exec;
  }
  constexpr std::pair<const char*, const char*> kNumbers[] = {{"initialDelaySeconds", "InitialDelaySeconds"},
                                                              {"periodSeconds", "PeriodSeconds"},
                                                              {"timeoutSeconds", "TimeoutSeconds"},
                                                              {"successThreshold", "SuccessThreshold"},
                                                              {"failureThreshold", "FailureThreshold"}};
  for (const auto& [name, eci_name] : kNumbers) {
    if (const Json& number = At(probe, name); number.is_number_integer()) writer.SetInteger(eci_name, Integer(number));
  }
  return {};
}

Status WriteHook(const ParameterWriter& writer, const std::string& name, const Json& hook, const Json& container,
                 const std::string& field) {
  if (hook.is_null()) return {};
  if (auto exec = WriteTexts(writer, name + "Exec", At(hook, "exec", "command"), field + ".exec"); !exec) return exec;
  if (const Json& http = At(hook, "httpGet"); !http.is_null()) {
    const std::int64_t port = PortNumber(At(http, "port"), container);
    if (port == 0) return Inexpressible(field + ".httpGet.port: the container has no port of this name");
    const std::string path = TextAt(http, "path"), scheme = TextAt(http, "scheme");
    writer.SetUnlessEmpty(name + "HttpGetHost", TextAt(http, "host"));
    writer.Set(name + "HttpGetPath", path.empty() ? "/" : path);
    writer.SetInteger(name + "HttpGetPort", port);
    writer.Set(name + "HttpGetScheme", scheme.empty() ? "HTTP" : scheme);
    std::size_t number = 0;
    for (const Json& header : Items(At(http, "httpHeaders"))) {
      const ParameterWriter one = writer.In(name + "HttpGetHttpHeader", ++number);
      one.Set("Name", TextAt(header, "name"));
      one.Set("Value", TextAt(header, "value"));
    }
  }
  if (const Json& tcp = At(hook, "tcpSocket"); !tcp.is_null()) {
    const std::int64_t port = PortNumber(At(tcp, "port"), container);
    if (port == 0) return Inexpressible(field + ".tcpSocket.port: the container has no port of this name");
    writer.SetUnlessEmpty(name + "TcpSocketHost", TextAt(tcp, "host"));
    writer.SetInteger(name + "TcpSocketPort", port);
  }
  return {};
}

Status WriteProbesAndHooks(const ParameterWriter& writer, const Json& container, const std::string& field) {
  const std::pair<const char*, const char*> probes[] = {{"livenessProbe", "LivenessProbe"},
                                                        {"readinessProbe", "ReadinessProbe"}};
  for (const auto& [name, eci_name] : probes) {
    auto written = WriteProbe(writer.In(eci_name), At(container, name), container, fmt::format("{}.{}", field, name));
    if (!written) return written;
  }
  const std::pair<const char*, const char*> hooks[] = {{"postStart", "LifecyclePostStartHandler"},
                                                       {"preStop", "LifecyclePreStopHandler"}};
  for (const auto& [name, eci_name] : hooks) {
    auto written = WriteHook(writer, eci_name, At(container, "lifecycle", name), container,
                             fmt::format("{}.lifecycle.{}", field, name));
    if (!written) return written;
  }
  return {};
}

// ---- security

// The container's own word, or else its Pod's.
const Json& Security(const Json& pod, const Json& container, const char* name) {
  const Json& own = At(container, "securityContext", name);
  return own.is_null() ? At(pod, "spec", "securityContext", name) : own;
}

Status WriteSecurity(const ParameterWriter& writer, const Json& pod, const Json& container, bool is_init,
                     const std::string& field) {
  const ParameterWriter context = writer.In("SecurityContext");
  if (const Json& user = Security(pod, container, "runAsUser"); user.is_number_integer()) {
    context.SetInteger("RunAsUser", Integer(user));
  }
  if (IsTrue(At(container, "securityContext", "readOnlyRootFilesystem"))) {
    context.SetBool("ReadOnlyRootFilesystem", true);
  }
  std::size_t number = 0;
  for (const Json& capability : Items(At(container, "securityContext", "capabilities", "add"))) {
    context.Set(fmt::format("Capability.Add.{}", ++number), Text(capability));
  }
  const Json& group = Security(pod, container, "runAsGroup");
  const bool not_root = IsTrue(Security(pod, container, "runAsNonRoot"));
  if (is_init && (group.is_number_integer() || not_root)) {
    return Inexpressible(field + ".securityContext: ECI's init containers have neither runAsGroup nor runAsNonRoot");
  }
  if (group.is_number_integer()) writer.SetInteger("SecurityContextRunAsGroup", Integer(group));
  if (not_root) writer.SetBool("SecurityContextRunAsNonRoot", true);
  return {};
}

void WriteTerminal(const ParameterWriter& writer, const Json& container) {
  const std::pair<const char*, const char*> flags[] = {{"stdin", "Stdin"}, {"stdinOnce", "StdinOnce"}, {"tty", "Tty"}};
  for (const auto& [name, eci_name] : flags) {
    if (IsTrue(At(container, name))) writer.SetBool(eci_name, true);
  }
}

}  // namespace

Status WriteContainer(const ParameterWriter& writer, const Json& pod, const Json& container, bool is_init) {
  const std::string field =
      fmt::format("spec.{} {}", is_init ? "initContainers" : "containers", TextAt(container, "name"));
  writer.Set("Name", TextAt(container, "name"));
  writer.Set("Image", TextAt(container, "image"));
  writer.SetUnlessEmpty("ImagePullPolicy", TextAt(container, "imagePullPolicy"));
  writer.SetUnlessEmpty("WorkingDir", TextAt(container, "workingDir"));
  const std::string message_path = TextAt(container, "terminationMessagePath");
  if (message_path != "/dev/termination-log") writer.SetUnlessEmpty("TerminationMessagePath", message_path);
  WriteResources(writer, container);
  WritePorts(writer, container);
  if (auto done = WriteTexts(writer, "Command", At(container, "command"), field + ".command"); !done) return done;
  if (auto done = WriteTexts(writer, "Arg", At(container, "args"), field + ".args"); !done) return done;
  if (auto done = WriteEnvironment(writer, container, field); !done) return done;
  if (auto done = WriteMounts(writer, container, field); !done) return done;
  if (auto done = WriteSecurity(writer, pod, container, is_init, field); !done) return done;
  if (is_init) return {};
  // What Secrets hold may be in it, and more people may look at instances than at Secrets.
  if (!Items(At(container, "env")).empty()) writer.SetBool("EnvironmentVarHide", true);
  WriteTerminal(writer, container);
  return WriteProbesAndHooks(writer, container, field);
}

}  // namespace spillway::cloud::alibaba
