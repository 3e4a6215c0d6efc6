#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cloud/json.h"

// The variables that tell a Pod where the services of its namespace are; pure.
//
// Source: kubelet envvars/envvars.go, kubelet_pods.go getServiceEnvVarMap, v1.33 to v1.36.
namespace spillway::cloud {

struct ServicePort {
  std::string name, protocol = "TCP";
  std::int64_t port = 0;
};
// What is needed of a Service.
struct ServiceInfo {
  std::string ns, name, cluster_ip;
  std::vector<ServicePort> ports;
  // Headless ones and names for elsewhere have no address, and no variables.
  bool has_address() const { return !cluster_ip.empty() && cluster_ip != "None"; }
};
ServiceInfo ReadService(const Json& service);

// The Service through which Pods reach the API server: "kubernetes" in namespace "default".
bool IsMasterService(const ServiceInfo& service);

// WEB_SERVICE_HOST, WEB_SERVICE_PORT, WEB_SERVICE_PORT_HTTP, WEB_PORT_80_TCP_ADDR and so on, by service name.
std::vector<std::pair<std::string, std::string>> ServiceVariables(std::vector<ServiceInfo> services);

}  // namespace spillway::cloud
