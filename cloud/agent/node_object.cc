#include "cloud/agent/node_object.h"

namespace spillway::cloud {
namespace {

Json Capacity(const AgentOptions& options) {
  Json capacity = Json::object();
  for (const auto& [name, amount] : options.capacity) capacity[name] = amount;
  return capacity;
}

constexpr const char* kCloudUnreachableTaint = "spillway.io/cloud-unreachable";

Json NodeCondition(const Json& node, const char* type, const std::string& status, std::string reason,
                   std::string message, WallTime now) {
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

Json NewNode(const AgentOptions& options, const std::string& provider, const ProviderCapabilities& capabilities,
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
  Json annotations = {{"spillway.io/provider", provider}};
  annotations[std::string(kube::kCapabilitiesAnnotation)] = capabilities.features.Text();
  annotations[std::string(kube::kLargestInstancesAnnotation)] = kube::ToText(capabilities.largest);

  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", options.node_name}, {"labels", std::move(labels)}, {"annotations", std::move(annotations)}}},
          {"spec", std::move(spec)}};
}

Json MetadataRepair(const Json& node, const Json& wanted) {
  Json patch;
  for (const char* map : {"labels", "annotations"}) {
    Json missing = MissingMembers(At(node, "metadata", map), At(wanted, "metadata", map));
    if (!missing.empty()) patch["metadata"][map] = std::move(missing);
  }
  return patch;
}

Json TaintRepair(const Json& node, const Json& wanted, const CloudView& cloud) {
  const Json trouble = {{"key", kCloudUnreachableTaint}, {"effect", "NoSchedule"}};
  const bool is_in_trouble = cloud.state == CloudView::State::kUnreachable;
  Json taints = Json::array();
  for (const Json& have : Items(At(node, "spec", "taints"))) {
    if (is_in_trouble || TextAt(have, "key") != kCloudUnreachableTaint) taints.push_back(have);
  }
  for (const Json& taint : Items(At(wanted, "spec", "taints"))) {
    if (!HasTaint(node, taint)) taints.push_back(taint);
  }
  if (is_in_trouble && !HasTaint(node, trouble)) taints.push_back(trouble);
  if (taints == Items(At(node, "spec", "taints"))) return nullptr;
  Json patch;
  patch["metadata"]["resourceVersion"] = TextAt(node, "metadata", "resourceVersion");
  patch["spec"]["taints"] = std::move(taints);
  return patch;
}

namespace {

Json ReadyCondition(const Json& node, const CloudView& cloud, WallTime now) {
  const std::string before = TextAt(Named(At(node, "status", "conditions"), "Ready", "type"), "status");
  const bool was_ready = before == "True" || before == "Unknown";  // Unknown: nobody has told of it for a while
  if (was_ready || cloud.has_answered) {
    return NodeCondition(node, "Ready", "True", "KubeletReady", "the agent is running", now);
  }
  const std::string why = cloud.message.empty() ? "" : ": " + cloud.message;
  return NodeCondition(node, "Ready", "False", "CloudNotAnswered", "the cloud has not answered yet" + why, now);
}

Json CloudCondition(const Json& node, const CloudView& cloud, WallTime now) {
  switch (cloud.state) {
    case CloudView::State::kReachable:
      return NodeCondition(node, "CloudReachable", "True", "CloudAnswers", "the cloud answers", now);
    case CloudView::State::kUnreachable:
      return NodeCondition(node, "CloudReachable", "False", cloud.reason, cloud.message, now);
    case CloudView::State::kUnheard:
      break;
  }
  return NodeCondition(node, "CloudReachable", "Unknown", "CloudNotAnswered", "the cloud has not answered yet", now);
}

}  // namespace

Json NodeStatusPatch(const AgentOptions& options, const Json& node, const CloudView& cloud,
                     const std::optional<InstancesLeft>& left, WallTime now) {
  Json conditions = Json::array();
  conditions.push_back(ReadyCondition(node, cloud, now));
  conditions.push_back(CloudCondition(node, cloud, now));
  conditions.push_back(NodeCondition(node, "MemoryPressure", "False", "KubeletHasSufficientMemory",
                                     "a virtual node has no memory of its own", now));
  conditions.push_back(NodeCondition(node, "DiskPressure", "False", "KubeletHasNoDiskPressure",
                                     "a virtual node has no disk of its own", now));
  conditions.push_back(NodeCondition(node, "PIDPressure", "False", "KubeletHasSufficientPID",
                                     "a virtual node has no processes of its own", now));
  conditions.push_back(
      NodeCondition(node, "NetworkUnavailable", "False", "RouteCreated", "instances have the cloud's network", now));

  // Only where the agent can be reached: kube-apiserver asks a Hostname first, and no DNS knows a virtual node's. The
  // list is replaced, for merging would keep what an agent before this one has published.
  Json addresses = Json::array({{{"$patch", "replace"}}});
  if (!options.internal_ip.empty()) addresses.push_back({{"type", "InternalIP"}, {"address", options.internal_ip}});
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
  // From 1.36 on kube-apiserver passes WebSockets on to nodes that know them, and translates them to SPDY for others.
  if (options.kubelet_port != 0) status["declaredFeatures"] = Json::array({"ExtendWebSocketsToKubelet"});
  Json patch = {{"status", std::move(status)}};
  if (left) {
    const Json told = {{"count", left->count}, {"observedAt", base::FormatRfc3339(left->observed_at)}};
    patch["metadata"]["annotations"][kInstancesLeft] = told.dump();
  }
  return patch;
}

Json NewLease(const AgentOptions& options, const std::string& node_uid, WallTime now) {
  Json lease = {
      {"apiVersion", "coordination.k8s.io/v1"},
      {"kind", "Lease"},
      {"metadata", {{"name", options.node_name}, {"namespace", "kube-node-lease"}}},
      {"spec",
       {{"holderIdentity", options.identity},
        {"leaseDurationSeconds", std::chrono::duration_cast<std::chrono::seconds>(options.lease_duration).count()},
        {"renewTime", base::FormatRfc3339Micro(now)}}}};
  if (!node_uid.empty()) {
    const Json owner = {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", options.node_name}, {"uid", node_uid}};
    lease["metadata"]["ownerReferences"] = Json::array({owner});
  }
  return lease;
}

}  // namespace spillway::cloud
