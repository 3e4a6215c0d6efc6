#include "sandbox/store/synthetic.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>

namespace spillway::sandbox {
namespace {

constexpr const char* kBorn = "2026-01-05T08:00:00Z";

std::string Uid(unsigned kind, unsigned number) { return fmt::format("{:08x}-0000-4000-8000-{:012x}", kind, number); }
std::string NodeName(int i) { return fmt::format("node-{:05}", i); }

// As heavy as what a few writers leave behind.
Json ManagedFields(const char* manager, std::initializer_list<const char*> fields) {
  Json tree = Json::object();
  for (const char* field : fields) {
    tree["f:spec"][fmt::format("f:{}", field)] = Json::object();
    tree["f:status"][fmt::format("k:{{\"type\":\"{}\"}}", field)] = {{".", Json::object()},
                                                                     {"f:status", Json::object()}};
  }
  return {{"manager", manager}, {"operation", "Update"},    {"apiVersion", "v1"},
          {"time", kBorn},      {"fieldsType", "FieldsV1"}, {"fieldsV1", std::move(tree)}};
}

Json Condition(const char* type, const char* status) {
  return {{"type", type}, {"status", status}, {"lastProbeTime", nullptr}, {"lastTransitionTime", kBorn}};
}

Json NodeCondition(const char* type, const char* status, const char* reason) {
  return {{"type", type},
          {"status", status},
          {"reason", reason},
          {"message", "kubelet is posting its status"},
          {"lastHeartbeatTime", kBorn},
          {"lastTransitionTime", kBorn}};
}

Json SyntheticNode(int i) {
  const std::string name = NodeName(i);
  const std::string ip = fmt::format("10.{}.{}.{}", 64 + i / 62500, i / 250 % 250, 1 + i % 250);
  const Json amounts = {{"cpu", "32"}, {"memory", "131072Mi"}, {"pods", "110"}, {"ephemeral-storage", "200Gi"}};
  return {
      {"metadata",
       {{"name", name},
        {"uid", Uid(0xe0de, static_cast<unsigned>(i))},
        {"creationTimestamp", kBorn},
        {"labels",
         {{"kubernetes.io/hostname", name},
          {"kubernetes.io/os", "linux"},
          {"kubernetes.io/arch", "amd64"},
          {"node.kubernetes.io/instance-type", "ecs.g7.8xlarge"},
          {"topology.kubernetes.io/region", "cn-beijing"},
          {"topology.kubernetes.io/zone", fmt::format("cn-beijing-{}", "ghk"[i % 3])}}},
        {"managedFields", Json::array({ManagedFields("kubelet", {"Ready", "MemoryPressure", "DiskPressure"})})}}},
      {"spec",
       {{"podCIDR", fmt::format("172.{}.{}.0/24", 16 + i / 256 % 16, i % 256)}, {"providerID", "synthetic://" + name}}},
      {"status",
       {{"capacity", amounts},
        {"allocatable", amounts},
        {"addresses",
         Json::array({{{"type", "InternalIP"}, {"address", ip}}, {{"type", "Hostname"}, {"address", name}}})},
        {"daemonEndpoints", {{"kubeletEndpoint", {{"Port", 10250}}}}},
        {"conditions", Json::array({NodeCondition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                                    NodeCondition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                                    NodeCondition("PIDPressure", "False", "KubeletHasSufficientPID"),
                                    NodeCondition("Ready", "True", "KubeletReady")})},
        {"nodeInfo",
         {{"kubeletVersion", "v1.36.0"},
          {"osImage", "Debian GNU/Linux 12 (bookworm)"},
          {"kernelVersion", "6.1.0-28-amd64"},
          {"containerRuntimeVersion", "containerd://2.1.4"},
          {"architecture", "amd64"},
          {"operatingSystem", "linux"}}}}}};
}

std::string OwnerName(int owner) { return fmt::format("app-{:05}-6d4cf56db6", owner); }
std::string NamespaceOf(int owner) { return fmt::format("team-{:02}", owner % 40); }

Json SyntheticReplicaSet(int owner, int replicas) {
  const Json labels = {{"app", fmt::format("app-{:05}", owner)}, {"pod-template-hash", "6d4cf56db6"}};
  return {
      {"metadata",
       {{"name", OwnerName(owner)},
        {"namespace", NamespaceOf(owner)},
        {"uid", Uid(0x5e7, static_cast<unsigned>(owner))},
        {"creationTimestamp", kBorn},
        {"generation", 1},
        {"labels", labels}}},
      {"spec",
       {{"replicas", replicas},
        {"selector", {{"matchLabels", labels}}},
        {"template",
         {{"metadata", {{"labels", labels}}},
          {"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "registry.example.com/app:1.4.2"}}})}}}}}}},
      {"status", {{"replicas", replicas}, {"readyReplicas", replicas}, {"observedGeneration", 1}}}};
}

Json SyntheticContainer() {
  const Json resources = {{"requests", {{"cpu", "250m"}, {"memory", "512Mi"}}},
                          {"limits", {{"cpu", "1"}, {"memory", "1Gi"}}}};
  Json env = Json::array();
  for (const char* name : {"REGION", "CLUSTER", "LOG_LEVEL", "DATABASE_URL"}) {
    env.push_back({{"name", name}, {"value", "a value of ordinary length"}});
  }
  return {{"name", "app"},
          {"image", "registry.example.com/app:1.4.2"},
          {"imagePullPolicy", "IfNotPresent"},
          {"env", std::move(env)},
          {"ports", Json::array({{{"containerPort", 8080}, {"protocol", "TCP"}}})},
          {"resources", resources},
          {"terminationMessagePath", "/dev/termination-log"},
          {"terminationMessagePolicy", "File"},
          {"volumeMounts", Json::array({{{"name", "kube-api-access"},
                                         {"mountPath", "/var/run/secrets/kubernetes.io/serviceaccount"},
                                         {"readOnly", true}}})}};
}

// Everything that all Pods share; the rest is filled in for each.
Json PodTemplate() {
  const auto toleration = [](const char* key) {
    return Json{{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}, {"tolerationSeconds", 300}};
  };
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"creationTimestamp", kBorn},
            {"generation", 1},
            {"managedFields", Json::array({ManagedFields("kube-controller-manager", {"containers", "dnsPolicy"}),
                                           ManagedFields("kubelet", {"ContainersReady", "Initialized", "Ready"})})}}},
          {"spec",
           {{"containers", Json::array({SyntheticContainer()})},
            {"dnsPolicy", "ClusterFirst"},
            {"enableServiceLinks", true},
            {"preemptionPolicy", "PreemptLowerPriority"},
            {"priority", 0},
            {"restartPolicy", "Always"},
            {"schedulerName", "default-scheduler"},
            {"serviceAccountName", "default"},
            {"securityContext", Json::object()},
            {"terminationGracePeriodSeconds", 30},
            {"tolerations",
             Json::array({toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")})},
            {"volumes", Json::array({{{"name", "kube-api-access"}, {"projected", {{"defaultMode", 420}}}}})}}},
          {"status",
           {{"phase", "Running"},
            {"qosClass", "Burstable"},
            {"startTime", kBorn},
            {"conditions", Json::array({Condition("Initialized", "True"), Condition("Ready", "True"),
                                        Condition("ContainersReady", "True"), Condition("PodScheduled", "True")})},
            {"containerStatuses", Json::array({{{"name", "app"},
                                                {"image", "registry.example.com/app:1.4.2"},
                                                {"ready", true},
                                                {"started", true},
                                                {"restartCount", 0},
                                                {"state", {{"running", {{"startedAt", kBorn}}}}}}})}}}};
}

void PlacePod(Json& pod, int i, int owner, const std::string& node) {
  Json& metadata = pod["metadata"];
  metadata["name"] = fmt::format("{}-{:05}", OwnerName(owner), i);
  metadata["namespace"] = NamespaceOf(owner);
  metadata["uid"] = Uid(0x90d, static_cast<unsigned>(i));
  metadata["labels"] = {{"app", fmt::format("app-{:05}", owner)}, {"pod-template-hash", "6d4cf56db6"}};
  metadata["ownerReferences"] = Json::array({{{"apiVersion", "apps/v1"},
                                              {"kind", "ReplicaSet"},
                                              {"name", OwnerName(owner)},
                                              {"uid", Uid(0x5e7, static_cast<unsigned>(owner))},
                                              {"controller", true},
                                              {"blockOwnerDeletion", true}}});
  pod["spec"]["nodeName"] = node;
  const std::string ip = fmt::format("172.{}.{}.{}", 16 + i / 62500, i / 250 % 250, 1 + i % 250);
  pod["status"]["podIP"] = ip;
  pod["status"]["podIPs"] = Json::array({{{"ip", ip}}});
}

}  // namespace

void FillSynthetic(Store& store, const SyntheticCluster& cluster) {
  const int per_owner = std::max(1, cluster.pods_per_owner);
  for (int i = 0; i < cluster.nodes; ++i) store.Load("nodes", SyntheticNode(i));
  const int owners = (cluster.pods + per_owner - 1) / per_owner;
  for (int i = 0; i < std::min(owners, 40); ++i)
    (void)store.Create("namespaces", {{"metadata", {{"name", NamespaceOf(i)}}}});
  for (int i = 0; i < owners; ++i) {
    store.Load("replicasets", SyntheticReplicaSet(i, std::min(per_owner, cluster.pods - i * per_owner)));
  }
  Json pod = PodTemplate();
  for (int i = 0; i < cluster.pods; ++i) {
    PlacePod(pod, i, i / per_owner, cluster.nodes > 0 ? NodeName(i % cluster.nodes) : "");
    store.Load("pods", pod);
  }
}

}  // namespace spillway::sandbox
