#include "cmd/flags/together_flags.h"

#include <fmt/core.h>

#include <charconv>
#include <cstdint>
#include <fstream>

#include "cmd/configuration/configuration.h"

DEFINE_string(configuration, "spillway-configuration",
              "ConfigMap with a SpillwayConfiguration, which changes what flags say at run time: its name, in "
              "the namespace of the Lease, or namespace/name; empty: none. It need not be there.");
DEFINE_string(pod_deletion_cost, "-1000",
              "Value of controller.kubernetes.io/pod-deletion-cost on Pods that overflow and have none, so that a "
              "ReplicaSet that shrinks deletes them first; empty: not set.");
DEFINE_string(leader_elect_resource_name, "spillway-controller", "Name of the Lease.");
DEFINE_string(leader_elect_resource_namespace, "",
              "Namespace of the Lease. Empty: the Pod's own, or kube-system outside a cluster.");

namespace spillway::cmd {
namespace {

std::string OwnNamespace() {
  std::ifstream file("/var/run/secrets/kubernetes.io/serviceaccount/namespace");
  std::string ns;
  file >> ns;
  return ns.empty() ? "kube-system" : ns;  // there in every cluster
}

}  // namespace

std::string LeaseNamespace() {
  return FLAGS_leader_elect_resource_namespace.empty() ? OwnNamespace() : FLAGS_leader_elect_resource_namespace;
}

std::string LeaseName() { return FLAGS_leader_elect_resource_name; }

controller::ConfigurationOptions ConfigurationOfFlags() {
  controller::ConfigurationOptions options;
  if (FLAGS_configuration.empty()) return options;
  const bool has_namespace = FLAGS_configuration.find('/') != std::string::npos;
  options.config_map =
      has_namespace ? FLAGS_configuration : fmt::format("{}/{}", LeaseNamespace(), FLAGS_configuration);
  options.read = [](std::string_view yaml, const controller::Policy& flags, const std::string& set_in) {
    return ReadConfiguration(yaml, flags, set_in);
  };
  return options;
}

Result<std::string> PodDeletionCost() {
  const std::string& cost = FLAGS_pod_deletion_cost;
  std::int32_t parsed = 0;
  const auto [stop, error] = std::from_chars(cost.data(), cost.data() + cost.size(), parsed);
  if (!cost.empty() && (error != std::errc() || stop != cost.data() + cost.size() || std::to_string(parsed) != cost)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--pod-deletion-cost={}: want a whole number of 32 bits, or nothing", cost));
  }
  return cost;
}

}  // namespace spillway::cmd
