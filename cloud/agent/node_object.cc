#include "cloud/agent/node_object.h"

#include <fmt/format.h>

namespace spillway::cloud {
namespace {

Json Capacity(const AgentOptions& options) {
  Json capacity = Json::object();
  for (const auto& [name, amount] : options.capacity) capacity[name] = amount;
  return capacity;
}

Json Condition(const Json& node, const char* type, bool is_true, std::string reason, std::string message,
               WallTime now) {
  const std::string status = is_true ? "True" : "False";
  const std::string stamp = base::FormatRfc3339(now);
  const Json& before = Named(At(node, "status", "conditions"), type, "type");
  const std::string since = TextAt(before, "lastTransitionTime");
  const bool is_same = TextAt(before, "status") == status && !since.empty();
  return {{"type", type},
          {"status", status},
          {"reason", std::move(reason)},
          {"message", std::move(message)},
          {"lastHeartbeatTime", stamp},
          {"lastTransitionTime", is_same ? since : stamp}};
}

// The members of `wanted` that `current` lacks or has otherwise.
Json MissingMembers(const Json& current, const Json& wanted) {
  Json missing = Json::object();
  for (const auto& [key, value] : Members(wanted).items()) {
    if (At(current, key) != value) missing[key] = value;
  }
  return missing;
}

bool HasTaint(const Json& node, const Json& taint) {
  for (const Json& have : Items(At(node, "spec", "taints"))) {
    const bool is_same = At(have, "key") == At(taint, "key") && TextAt(have, "value") == TextAt(taint, "value") &&
                         At(have, "effect") == At(taint, "effect");
    if (is_same) return true;
  }
  return false;
}

}  // namespace

Json NewNode(const AgentOptions& options, const std::string& provider, const std::vector<std::string>& unsupported,
             RoleLabel role) {
  Json labels = {{"type", "virtual-kubelet"},
                 {"kubernetes.io/hostname", options.node_name},
                 {"kubernetes.io/os", "linux"},
                 {"kubernetes.io/arch", options.architecture},
                 {"node.kubernetes.io/exclude-from-external-load-balancers", "true"}};
  if (role == RoleLabel::kIncluded) labels["kubernetes.io/role"] = "agent";
  for (const auto& [key, value] : options.extra_labels) labels[key] = value;

  Json spec = Json::object();
  if (!options.taint_key.empty()) {
    Json taint = {{"key", options.taint_key}, {"effect", options.taint_effect}};
    taint["value"] = options.taint_value.empty() ? provider : options.taint_value;
    spec["taints"] = Json::array({std::move(taint)});
  }
  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", options.node_name},
            {"labels", std::move(labels)},
            {"annotations",
             {{"spillway.io/unsupported-features", fmt::format("{}", fmt::join(unsupported, ","))},
              {"spillway.io/provider", provider}}}}},
          {"spec", std::move(spec)}};
}

Json NodeRepair(const Json& node, const Json& wanted) {
  Json patch;
  for (const char* map : {"labels", "annotations"}) {
    Json missing = MissingMembers(At(node, "metadata", map), At(wanted, "metadata", map));
    if (!missing.empty()) patch["metadata"][map] = std::move(missing);
  }
  for (const Json& taint : Items(At(wanted, "spec", "taints"))) {
    if (!HasTaint(node, taint)) patch["spec"]["taints"].push_back(taint);  // merged by key
  }
  return patch;
}

Json NodeStatusPatch(const AgentOptions& options, const Json& node, const NodeTrouble& trouble, WallTime now) {
  const bool is_ready = trouble.reason.empty();
  Json conditions = Json::array();
  conditions.push_back(Condition(node, "Ready", is_ready, is_ready ? "KubeletReady" : trouble.reason,
                                 is_ready ? "the agent is running" : trouble.message, now));
  conditions.push_back(Condition(node, "MemoryPressure", false, "KubeletHasSufficientMemory",
                                 "a virtual node has no memory of its own", now));
  conditions.push_back(
      Condition(node, "DiskPressure", false, "KubeletHasNoDiskPressure", "a virtual node has no disk of its own", now));
  conditions.push_back(Condition(node, "PIDPressure", false, "KubeletHasSufficientPID",
                                 "a virtual node has no processes of its own", now));
  conditions.push_back(
      Condition(node, "NetworkUnavailable", false, "RouteCreated", "instances have the cloud's network", now));

  Json addresses = Json::array();
  if (!options.internal_ip.empty()) addresses.push_back({{"type", "InternalIP"}, {"address", options.internal_ip}});
  addresses.push_back({{"type", "Hostname"}, {"address", options.node_name}});
  Json status = {{"capacity", Capacity(options)},
                 {"allocatable", Capacity(options)},
                 {"conditions", std::move(conditions)},
                 {"addresses", std::move(addresses)},
                 {"nodeInfo",
                  {{"machineID", ""},
                   {"systemUUID", ""},
                   {"bootID", ""},
                   {"kernelVersion", ""},
                   {"osImage", "serverless"},
                   {"containerRuntimeVersion", ""},
                   {"kubeletVersion", "v1.36.0-spillway-" + options.version},
                   {"kubeProxyVersion", ""},
                   {"operatingSystem", "linux"},
                   {"architecture", options.architecture}}}};
  status["daemonEndpoints"]["kubeletEndpoint"]["Port"] = options.kubelet_port;
  return {{"status", std::move(status)}};
}

Json NewLease(const AgentOptions& options, const std::string& node_uid, WallTime now) {
  Json lease = {
      {"apiVersion", "coordination.k8s.io/v1"},
      {"kind", "Lease"},
      {"metadata", {{"name", options.node_name}, {"namespace", "kube-node-lease"}}},
      {"spec",
       {{"holderIdentity", options.node_name},
        {"leaseDurationSeconds", std::chrono::duration_cast<std::chrono::seconds>(options.lease_duration).count()},
        {"renewTime", base::FormatRfc3339Micro(now)}}}};
  if (!node_uid.empty()) {
    const Json owner = {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", options.node_name}, {"uid", node_uid}};
    lease["metadata"]["ownerReferences"] = Json::array({owner});
  }
  return lease;
}

}  // namespace spillway::cloud
