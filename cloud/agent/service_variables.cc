#include "cloud/agent/service_variables.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::cloud {
namespace {

using NamesAndValues = std::vector<std::pair<std::string, std::string>>;

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string VariableName(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : Upper(c);
  return name;
}

// Docker's links.
void AddLinks(const ServiceInfo& service, const std::string& prefix, NamesAndValues& variables) {
  const bool is_v6 = service.cluster_ip.find(':') != std::string::npos;
  for (const ServicePort& port : service.ports) {
    std::string protocol = port.protocol;
    std::transform(protocol.begin(), protocol.end(), protocol.begin(), Lower);
    const std::string url =
        fmt::format(fmt::runtime(is_v6 ? "{}://[{}]:{}" : "{}://{}:{}"), protocol, service.cluster_ip, port.port);
    if (&port == &service.ports.front()) variables.emplace_back(prefix + "_PORT", url);
    const std::string link = fmt::format("{}_PORT_{}_{}", prefix, port.port, VariableName(port.protocol));
    variables.emplace_back(link, url);
    variables.emplace_back(link + "_PROTO", protocol);
    variables.emplace_back(link + "_PORT", fmt::format("{}", port.port));
    variables.emplace_back(link + "_ADDR", service.cluster_ip);
  }
}

}  // namespace

ServiceInfo ReadService(const Json& service) {
  ServiceInfo info{TextAt(service, "metadata", "namespace"),
                   TextAt(service, "metadata", "name"),
                   TextAt(service, "spec", "clusterIP"),
                   {}};
  for (const Json& port : Items(At(service, "spec", "ports"))) {
    const std::string protocol = TextAt(port, "protocol");
    info.ports.push_back({TextAt(port, "name"), protocol.empty() ? "TCP" : protocol, Integer(At(port, "port"))});
  }
  return info;
}

bool IsMasterService(const ServiceInfo& service) { return service.ns == "default" && service.name == "kubernetes"; }

NamesAndValues ServiceVariables(std::vector<ServiceInfo> services) {
  std::sort(services.begin(), services.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  NamesAndValues variables;
  for (const ServiceInfo& service : services) {
    if (!service.has_address() || service.ports.empty()) continue;
    const std::string prefix = VariableName(service.name);
    variables.emplace_back(prefix + "_SERVICE_HOST", service.cluster_ip);
    variables.emplace_back(prefix + "_SERVICE_PORT", fmt::format("{}", service.ports.front().port));
    for (const ServicePort& port : service.ports) {
      if (port.name.empty()) continue;
      variables.emplace_back(prefix + "_SERVICE_PORT_" + VariableName(port.name), fmt::format("{}", port.port));
    }
    AddLinks(service, prefix, variables);
  }
  return variables;
}

}  // namespace spillway::cloud
