#include "kube/api/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "kube/api/workloads.h"

namespace spillway::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename T>
T Decoded(std::string_view json) {
  Decoder decoder;
  auto object = decoder.Decode<T>(json);
  EXPECT_TRUE(object) << (object ? "" : object.error().message);
  return object ? std::move(*object) : T();
}

template <typename T>
std::string Refusal(std::string_view json) {
  Decoder decoder;
  const auto object = decoder.Decode<T>(json);
  if (object) return "decoded";
  EXPECT_EQ(object.error().code, Code::kMalformed);
  return object.error().message;
}

constexpr std::string_view kPod = R"({
  "apiVersion": "v1", "kind": "Pod",
  "metadata": {
    "name": "web-1", "namespace": "shop", "uid": "u1", "resourceVersion": "77", "generateName": "web-",
    "creationTimestamp": "2026-11-22T10:00:00Z", "deletionTimestamp": "2026-11-22T10:01:00Z",
    "labels": {"tier": "front", "app": "web"},
    "annotations": {"spillway.io/overflow": "false", "kubectl.kubernetes.io/last-applied-configuration": "{\"huge\": true}",
                    "scheduling.k8s.io/group-name": "gang"},
    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs1", "controller": true,
                         "blockOwnerDeletion": true}],
    "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:containers": {}}}}]
  },
  "spec": {
    "nodeName": "n1", "schedulerName": "default-scheduler", "priority": 7, "preemptionPolicy": "Never",
    "nodeSelector": {"disk": "ssd"}, "hostNetwork": true, "hostUsers": false,
    "containers": [
      {"name": "a", "image": "x", "env": [{"name": "E", "value": "v"}],
       "resources": {"requests": {"memory": "1Gi", "cpu": "250m"}, "limits": {"cpu": "9"}, "claims": [{"name": "gpu"}]},
       "ports": [{"containerPort": 80}, {"containerPort": 443, "hostPort": 8443, "hostIP": "10.0.0.1", "protocol": "UDP"}],
       "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}],
       "restartPolicyRules": [{"action": "RestartAllContainers", "exitCodes": {"operator": "In"}}]},
      {"name": "b", "restartPolicy": "Always", "resources": {"requests": {"cpu": 2, "nvidia.com/gpu": "1"}}}
    ],
    "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
    "overhead": {"cpu": "10m"}, "resources": {"requests": {"cpu": "3"}},
    "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 3},
                    {"key": "k2", "value": "v"}, {"effect": "Sometimes", "operator": "Exists"}],
    "affinity": {
      "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
          {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}],
           "matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n9"]}]}]},
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]},
      "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone", "namespaces": ["shop"]}]},
      "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "host", "namespaceSelector": {}, "labelSelector": {"matchExpressions": [
          {"key": "app", "operator": "Exists"}]}}]}},
    "topologySpreadConstraints": [
      {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 3,
       "labelSelector": {"matchLabels": {"app": "web"}}, "nodeAffinityPolicy": "Ignore", "nodeTaintsPolicy": "Honor",
       "matchLabelKeys": ["rev"]}],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c1", "readOnly": true}},
                {"name": "tmp", "emptyDir": {}},
                {"rbd": {"image": "im", "pool": "p", "monitors": ["m1", "m2"]}, "name": "r"},
                {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}],
    "schedulingGates": [{"name": "g"}], "resourceClaims": [{"name": "gpu"}],
    "schedulingGroup": {"podGroupName": "pg"}
  },
  "status": {
    "phase": "Running", "nominatedNodeName": "n2",
    "conditions": [{"type": "Ready", "status": "True"},
                   {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes",
                    "lastTransitionTime": "2026-11-22T10:00:01Z"},
                   {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
    "containerStatuses": [{"name": "a", "resources": {"requests": {"cpu": "300m"}}, "allocatedResources": {"cpu": "200m"}},
                          {"name": "b", "ready": true}],
    "resources": {"requests": {"cpu": "4"}}, "allocatedResources": {"cpu": "5"}
  }
})";

TEST(DecodePod, ReadsMetadata) {
  const ObjectMeta meta = Decoded<Pod>(kPod).metadata;
  EXPECT_EQ(meta.Key(), "shop/web-1");
  EXPECT_EQ(meta.uid, "u1");
  EXPECT_EQ(meta.resource_version, "77");
  EXPECT_THAT(meta.labels, ElementsAre(std::pair("app", "web"), std::pair("tier", "front")));
  EXPECT_THAT(meta.annotations, ElementsAre(std::pair("scheduling.k8s.io/group-name", "gang"),
                                            std::pair("spillway.io/overflow", "false")));
  EXPECT_EQ(base::FormatRfc3339(*meta.creation_timestamp), "2026-11-22T10:00:00Z");
  EXPECT_TRUE(meta.deletion_timestamp);
  ASSERT_NE(meta.Controller(), nullptr);
  EXPECT_EQ(meta.Controller()->uid, "rs1");
}

TEST(DecodePod, ReadsContainers) {
  const Pod pod = Decoded<Pod>(kPod);
  ASSERT_EQ(pod.containers.size(), 2u);
  const Container& a = pod.containers[0];
  EXPECT_EQ(a.requests, (ResourceList{{"cpu", Quantity::FromMilli(250)}, {"memory", Quantity::FromUnits(1 << 30)}}));
  EXPECT_TRUE(a.has_resource_claims);
  EXPECT_TRUE(a.has_resize_policy_restart);
  EXPECT_THAT(a.restart_rules_actions, ElementsAre("RestartAllContainers"));
  ASSERT_EQ(a.host_ports.size(), 1u);
  EXPECT_EQ(a.host_ports[0], (ContainerPort{"10.0.0.1", "UDP", 8443, 443}));
  EXPECT_EQ(pod.containers[1].requests[0].second, Quantity::FromUnits(2));  // a JSON number
  EXPECT_FALSE(pod.containers[1].restart_always);                           // only init containers are sidecars
  ASSERT_EQ(pod.init_containers.size(), 2u);
  EXPECT_FALSE(pod.init_containers[0].restart_always);
  EXPECT_TRUE(pod.init_containers[1].restart_always);
  EXPECT_EQ(pod.overhead, (ResourceList{{"cpu", Quantity::FromMilli(10)}}));
  EXPECT_EQ(pod.pod_level_requests, (ResourceList{{"cpu", Quantity::FromUnits(3)}}));
}

TEST(DecodePod, ReadsPlacement) {
  const Pod pod = Decoded<Pod>(kPod);
  EXPECT_EQ(pod.node_name, "n1");
  EXPECT_EQ(pod.scheduler_name, "default-scheduler");
  EXPECT_EQ(pod.priority, 7);
  EXPECT_FALSE(pod.preempts);
  EXPECT_TRUE(pod.host_network);
  EXPECT_FALSE(pod.host_users);
  EXPECT_TRUE(pod.has_scheduling_gates);
  EXPECT_TRUE(pod.has_resource_claims);
  EXPECT_EQ(pod.scheduling_group, "pg");
  EXPECT_THAT(pod.node_selector, ElementsAre(std::pair("disk", "ssd")));
  ASSERT_EQ(pod.tolerations.size(), 3u);
  EXPECT_EQ(pod.tolerations[0], (Toleration{"k", Toleration::Operator::kExists, "", TaintEffect::kNoSchedule}));
  EXPECT_EQ(pod.tolerations[1], (Toleration{"k2", Toleration::Operator::kEqual, "v", TaintEffect::kNone}));
  EXPECT_EQ(pod.tolerations[2].op, Toleration::Operator::kInvalid);  // an effect no taint can have
}

TEST(DecodePod, TheWorkloadOf135IsASchedulingGroup) {
  const Pod pod = Decoded<Pod>(R"({"metadata":{"name":"p"},"spec":{"workloadRef":{"name":"w","podGroup":"g"}}})");
  EXPECT_EQ(pod.scheduling_group, "w");
}

TEST(DecodePod, ReadsAffinityAndSpread) {
  const Pod pod = Decoded<Pod>(kPod);
  ASSERT_TRUE(pod.required_node_affinity);
  ASSERT_EQ(pod.required_node_affinity->terms.size(), 1u);
  const NodeSelectorTerm& term = pod.required_node_affinity->terms[0];
  EXPECT_EQ(term.match_expressions[0], (LabelRequirement{"zone", LabelRequirement::Operator::kIn, {"a", "b"}}));
  EXPECT_EQ(term.match_fields[0], (LabelRequirement{"metadata.name", LabelRequirement::Operator::kNotIn, {"n9"}}));
  ASSERT_EQ(pod.required_pod_affinity.size(), 1u);
  EXPECT_FALSE(pod.required_pod_affinity[0].namespace_selector);
  EXPECT_THAT(pod.required_pod_affinity[0].namespaces, ElementsAre("shop"));
  ASSERT_EQ(pod.required_pod_anti_affinity.size(), 1u);
  EXPECT_TRUE(pod.required_pod_anti_affinity[0].namespace_selector);  // {} is there and matches everything
  ASSERT_EQ(pod.topology_spread.size(), 1u);
  const TopologySpreadConstraint& spread = pod.topology_spread[0];
  EXPECT_EQ(spread.max_skew, 2);
  EXPECT_FALSE(spread.do_not_schedule);
  EXPECT_EQ(spread.min_domains, 3);
  EXPECT_FALSE(spread.node_affinity_honor);
  EXPECT_TRUE(spread.node_taints_honor);
  EXPECT_THAT(spread.match_label_keys, ElementsAre("rev"));
}

TEST(DecodePod, ReadsVolumesAndStatus) {
  const Pod pod = Decoded<Pod>(kPod);
  ASSERT_EQ(pod.volumes.size(), 4u);
  EXPECT_EQ(pod.volumes[0].kind, Volume::Kind::kPersistentVolumeClaim);
  EXPECT_EQ(pod.volumes[0].source, "c1");
  EXPECT_TRUE(pod.volumes[0].read_only);
  EXPECT_EQ(pod.volumes[1].type, "emptyDir");
  EXPECT_EQ(pod.volumes[2].kind, Volume::Kind::kRbd);
  EXPECT_THAT(pod.volumes[2].monitors, ElementsAre("m1", "m2"));
  EXPECT_EQ(pod.volumes[3].kind, Volume::Kind::kEphemeral);
  EXPECT_EQ(pod.phase, PodPhase::kRunning);
  EXPECT_EQ(pod.nominated_node_name, "n2");
  ASSERT_TRUE(pod.pod_scheduled);
  EXPECT_FALSE(pod.pod_scheduled->is_true);
  EXPECT_EQ(pod.pod_scheduled->reason, "Unschedulable");
  EXPECT_TRUE(pod.pod_scheduled->last_transition);
  EXPECT_TRUE(pod.resize_infeasible);
  ASSERT_EQ(pod.container_statuses.size(), 1u);  // only those that matter to a resize
  EXPECT_EQ(pod.container_statuses[0].allocated_resources[0].second, Quantity::FromMilli(200));
  EXPECT_EQ(pod.pod_status_requests, (ResourceList{{"cpu", Quantity::FromUnits(4)}}));
}

TEST(DecodePod, MissingAndNullFieldsAreDefaults) {
  for (const char* json :
       {R"({"metadata":{"name":"p"}})",
        R"({"spec":null,"status":null,"metadata":{"name":"p","labels":null,"creationTimestamp":null}})",
        R"({"status":{"phase":null,"conditions":null},"spec":{"containers":null,"affinity":null,
                               "tolerations":null,"resources":null,"priority":null,"hostUsers":null,"volumes":null,
                               "preemptionPolicy":null,"nodeName":null},"metadata":{"name":"p","annotations":null}})"}) {
    const Pod pod = Decoded<Pod>(json);
    EXPECT_EQ(pod.metadata.Key(), "p");
    EXPECT_EQ(pod.phase, PodPhase::kPending);
    EXPECT_TRUE(pod.preempts);
    EXPECT_TRUE(pod.host_users);
    EXPECT_FALSE(pod.pod_level_requests);
    EXPECT_FALSE(pod.required_node_affinity);
    EXPECT_FALSE(pod.pod_scheduled);
  }
}

TEST(DecodePod, EscapedKeysAndValuesAreTheSameFields) {
  const Pod pod = Decoded<Pod>(R"({"met\u0061data":{"n\u0061me":"p\u002d1","labels":{"a\"b":"c\\d"}}})");
  EXPECT_EQ(pod.metadata.name, "p-1");
  EXPECT_THAT(pod.metadata.labels, ElementsAre(std::pair("a\"b", "c\\d")));
}

TEST(DecodePod, OfRepeatedKeysTheLastWins) {
  const Pod pod = Decoded<Pod>(
      R"({"metadata":{"name":"a","name":"p","labels":{"k":"1","a":"x","k":"2"}},"spec":{"tolerations":[{}],"tolerations":[]}})");
  EXPECT_EQ(pod.metadata.name, "p");
  EXPECT_THAT(pod.metadata.labels, ElementsAre(std::pair("a", "x"), std::pair("k", "2")));
  EXPECT_TRUE(pod.tolerations.empty());
}

struct Broken {
  const char* json;
  const char* says;
};
void PrintTo(const Broken& each, std::ostream* out) { *out << each.json; }

class MalformedPod : public testing::TestWithParam<Broken> {};

TEST_P(MalformedPod, IsRefusedWithItsNameAndField) {
  EXPECT_THAT(Refusal<Pod>(GetParam().json), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    WrongTypes, MalformedPod,
    testing::Values(
        Broken{
            R"({"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[{},{"resources":{"requests":{"cpu":"2x"}}}]}})",
            R"(Pod d/p: spec.containers[1].resources.requests.cpu: "2x" is not a quantity)"},
        Broken{R"({"spec":{"priority":"high"},"metadata":{"name":"p","namespace":"d"}})",
               "Pod d/p: spec.priority: want a whole number"},
        Broken{R"({"metadata":{"name":"p"},"spec":{"priority":1.5}})", "spec.priority: want a whole number"},
        Broken{R"({"metadata":{"name":"p"},"spec":{"priority":3000000000}})", "spec.priority: out of the range"},
        Broken{R"({"metadata":{"name":"p"},"spec":[]})", "Pod p: spec: want an object"},
        Broken{R"({"metadata":{"name":"p"},"spec":{"containers":{}}})", "spec.containers: want an array"},
        Broken{R"({"metadata":{"name":"p"},"spec":{"containers":["x"]}})", "spec.containers[0]: want an object"},
        Broken{R"({"metadata":{"name":"p"},"spec":{"nodeName":{"a":1}}})", "spec.nodeName: want a string"},
        Broken{R"({"metadata":{"name":"p"},"spec":{"hostNetwork":"yes"}})", "spec.hostNetwork: want true or false"},
        Broken{R"({"metadata":{"name":"p","labels":{"a":1}}})", "metadata.labels.a: want a string"},
        Broken{R"({"metadata":{"name":"p","creationTimestamp":"yesterday"}})",
               "metadata.creationTimestamp: \"yesterday\""},
        Broken{R"({"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":true}}}]}})",
               "want a quantity"},
        Broken{R"({"metadata":{"name":7}})", "Pod without a readable name: metadata.name: want a string"}));

INSTANTIATE_TEST_SUITE_P(NotEvenJson, MalformedPod,
                         testing::Values(Broken{"", "Pod without a readable name"}, Broken{"[]", "want an object"},
                                         Broken{"7", "want an object"}, Broken{"null", "want an object"},
                                         Broken{R"({"metadata":{}})", "no metadata.name"},
                                         Broken{"{}", "no metadata.name"}, Broken{R"({"metadata":{"name":"p"})", "Pod"},
                                         Broken{R"({"metadata":{"name":"p"}} {})", "Pod"},
                                         Broken{R"({"metadata":{"name":"p"}}x)", "Pod"},
                                         Broken{R"({"metadata":{"name":"p}})", "Pod"},
                                         Broken{"{\"metadata\":{\"name\":\"\xff\xfe\"}}", "UTF-8"},
                                         Broken{R"({"metadata":{"name":"p" "uid":"u"}})", "Pod"}));

TEST(Decoder, StaysUsableAfterAMalformedObject) {
  Decoder decoder;
  EXPECT_FALSE(decoder.Decode<Pod>("{\"metadata\":"));
  EXPECT_TRUE(decoder.Decode<Pod>(kPod));
  EXPECT_FALSE(decoder.Decode<Node>("nonsense"));
  EXPECT_TRUE(decoder.Decode<Pod>(R"({"metadata":{"name":"p"}})"));
}

TEST(DecodeNode, ReadsWhatTheFiltersNeed) {
  const Node node = Decoded<Node>(R"({"metadata":{"name":"n1","labels":{"type":"virtual-kubelet"}},
    "spec":{"unschedulable":true,"taints":[{"key":"k","value":"v","effect":"NoExecute"},{"key":"odd","effect":"Odd"}]},
    "status":{"capacity":{"cpu":"9"},"allocatable":{"pods":"110","cpu":"3920m","memory":"15842940Ki"},
      "conditions":[{"type":"CloudReachable","status":"False"},{"type":"Ready","status":"True","reason":"KubeletReady",
                     "lastTransitionTime":"2026-11-22T10:00:00Z"}],
      "declaredFeatures":["GuaranteedQoSPodCPUResize"]}})");
  EXPECT_TRUE(node.unschedulable);
  EXPECT_TRUE(node.ready);
  EXPECT_TRUE(node.cloud_unreachable);
  EXPECT_EQ(node.ready_reason, "KubeletReady");
  EXPECT_EQ(base::FormatRfc3339(node.ready_changed.value()), "2026-11-22T10:00:00Z");
  ASSERT_EQ(node.taints.size(), 2u);
  EXPECT_EQ(node.taints[0], (Taint{"k", "v", TaintEffect::kNoExecute}));
  EXPECT_EQ(node.allocatable[0], std::pair(std::string("cpu"), Quantity::FromMilli(3920)));
  EXPECT_EQ(node.allocatable[2], std::pair(std::string("pods"), Quantity::FromUnits(110)));
  EXPECT_THAT(node.declared_features, ElementsAre("GuaranteedQoSPodCPUResize"));
}

TEST(DecodeStorage, ReadsClaimsVolumesClassesAndCsiNodes) {
  const auto claim =
      Decoded<PersistentVolumeClaim>(R"({"metadata":{"name":"c","namespace":"d"},"spec":{"volumeName":"v",
    "storageClassName":"fast","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"8Gi"}}},"status":{"phase":"Bound"}})");
  EXPECT_TRUE(claim.bound);
  EXPECT_EQ(claim.request, Quantity::FromUnits(std::int64_t{8} << 30));
  const auto volume = Decoded<PersistentVolume>(R"({"metadata":{"name":"v"},"spec":{"capacity":{"storage":"8Gi"},
    "csi":{"driver":"ebs","volumeHandle":"h"},"claimRef":{"namespace":"d","name":"c","uid":"u"},"storageClassName":"fast",
    "nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"zone","operator":"In","values":["a"]}]}]}}},
    "status":{"phase":"Bound"}})");
  EXPECT_EQ(volume.csi_driver, "ebs");
  EXPECT_EQ(volume.claim_uid, "u");
  ASSERT_TRUE(volume.node_affinity);
  EXPECT_EQ(volume.node_affinity->terms.size(), 1u);
  const auto storage_class = Decoded<StorageClass>(R"({"metadata":{"name":"fast"},"provisioner":"ebs",
    "volumeBindingMode":"WaitForFirstConsumer","allowedTopologies":[{"matchLabelExpressions":[{"key":"zone","values":["a"]}]}]})");
  EXPECT_EQ(storage_class.binding, StorageClass::Binding::kWaitForFirstConsumer);
  EXPECT_EQ(storage_class.allowed_topologies[0].match_expressions[0].op, LabelRequirement::Operator::kIn);
  const auto csi = Decoded<CsiNode>(R"({"metadata":{"name":"n1"},"spec":{"drivers":[
    {"name":"ebs","nodeID":"i-1","topologyKeys":["zone"],"allocatable":{"count":25}},{"name":"nfs","nodeID":"n1"}]}})");
  EXPECT_EQ(csi.drivers[0].allocatable_count, 25);
  EXPECT_FALSE(csi.drivers[1].allocatable_count);
}

TEST(DecodeStorage, TheBetaAnnotationNamesTheClass) {
  const auto claim = Decoded<PersistentVolumeClaim>(R"({"spec":{"storageClassName":"slow"},
    "metadata":{"name":"c","annotations":{"volume.beta.kubernetes.io/storage-class":"fast",
      "pv.kubernetes.io/bind-completed":"yes","volume.kubernetes.io/selected-node":"n1"}}})");
  EXPECT_EQ(ClassOf(claim), "fast");
  EXPECT_TRUE(claim.bind_completed());
  ASSERT_NE(claim.selected_node(), nullptr);
  EXPECT_EQ(*claim.selected_node(), "n1");
  EXPECT_EQ(ClassOf(Decoded<PersistentVolume>(R"({"metadata":{"name":"v"},"spec":{"storageClassName":"slow"}})")),
            "slow");
}

TEST(DecodeStorage, ReadsInTreeSources) {
  using Plugin = InTreeSource::Plugin;
  const auto source = [](const std::string& spec) {
    return Decoded<PersistentVolume>(R"({"metadata":{"name":"v"},"spec":{)" + spec + "}}").in_tree;
  };
  EXPECT_EQ(source(R"("awsElasticBlockStore":{"volumeID":"vol-1"})"), (InTreeSource{Plugin::kAwsEbs, "vol-1", false}));
  EXPECT_EQ(source(R"("gcePersistentDisk":{"pdName":"pd"})"), (InTreeSource{Plugin::kGcePd, "pd", false}));
  EXPECT_EQ(source(R"("azureDisk":{"diskURI":"/d","kind":"MANAGED"})"),
            (InTreeSource{Plugin::kAzureDisk, "/d", false}));
  EXPECT_EQ(source(R"("azureDisk":{"diskURI":"/d","kind":"Shared"})"), (InTreeSource{Plugin::kAzureDisk, "/d", true}));
  EXPECT_EQ(source(R"("nfs":{"server":"s"})").plugin, Plugin::kNone);
  EXPECT_EQ(source(R"("cinder":null)").plugin, Plugin::kNone);
}

TEST(DecodeStorage, ReadsDriversCapacitiesAndAttachments) {
  EXPECT_TRUE(Decoded<CsiDriver>(R"({"metadata":{"name":"d"},"spec":{"storageCapacity":true}})").storage_capacity);
  const auto capacity = Decoded<CsiStorageCapacity>(R"({"metadata":{"name":"c"},"storageClassName":"fast",
    "nodeTopology":{"matchLabels":{"zone":"a"}},"capacity":"5Gi","maximumVolumeSize":null})");
  EXPECT_EQ(capacity.storage_class, "fast");
  ASSERT_TRUE(capacity.node_topology);
  EXPECT_EQ(capacity.capacity, Quantity::FromUnits(std::int64_t{5} << 30));
  EXPECT_FALSE(capacity.maximum_volume_size);
  const auto attachment = Decoded<VolumeAttachment>(R"({"metadata":{"name":"va"},
    "spec":{"attacher":"d","nodeName":"n1","source":{"persistentVolumeName":"pv"}}})");
  EXPECT_EQ(attachment.attacher, "d");
  EXPECT_EQ(attachment.volume_name, "pv");
}

TEST(Decoder, NoTruncationOrFlippedByteBreaksIt) {
  Decoder decoder;
  for (std::size_t length = 0; length < kPod.size(); ++length)
    EXPECT_FALSE(decoder.Decode<Pod>(kPod.substr(0, length)));
  std::string damaged;
  for (std::size_t at = 0; at < kPod.size(); ++at) {
    for (const char byte : {'{', '}', '[', ']', '"', '\\', ',', ':', '0', 'n', '\0', '\x80'}) {
      damaged.assign(kPod);
      damaged[at] = byte;
      (void)decoder.Decode<Pod>(damaged);
      (void)decoder.DecodeIdentity(damaged);
    }
  }
  EXPECT_TRUE(decoder.Decode<Pod>(kPod));
}

TEST(Decoder, DeepNestingIsSkippedOrRefusedNotFollowed) {
  Decoder decoder;
  const std::string deep =
      R"({"x":)" + std::string(100000, '[') + std::string(100000, ']') + R"(,"metadata":{"name":"p"}})";
  (void)decoder.Decode<Pod>(deep);
  EXPECT_TRUE(decoder.Decode<Pod>(kPod));
}

TEST(KeepsAnnotation, KeepsOnlyWhatIsRead) {
  for (const char* key :
       {"spillway.io/overflow", "kubernetes.io/config.mirror", "controller.kubernetes.io/pod-deletion-cost",
        "scheduling.k8s.io/group-name", "scheduling.x-k8s.io/pod-group", "kueue.x-k8s.io/queue-name", "AUTO_SCALE_EKS",
        "LOCAL_REPLICAS", "alibabacloud.com/burst-resource", "bursting.cci.io/burst-to-cci",
        "tke.cloud.tencent.com/vpc-ip-claim-delete-policy", "cluster-autoscaler.kubernetes.io/pod-scale-up-delay",
        "storage.alpha.kubernetes.io/migrated-plugins"}) {
    EXPECT_TRUE(KeepsAnnotation(key)) << key;
  }
  EXPECT_FALSE(KeepsAnnotation("kubectl.kubernetes.io/last-applied-configuration"));
  EXPECT_FALSE(KeepsAnnotation("spillway.iox"));
}

TEST(DecodePod, NotesPortsAndSysctlsOfThoseWithoutNode) {
  const char* json = R"({"metadata":{"name":"p"},"spec":{%s
      "securityContext":{"sysctls":[{"name":"a","value":"1 2"}]},
      "containers":[{"name":"c","ports":[{"containerPort":80,"hostPort":8080}],
                     "livenessProbe":{"httpGet":{"port":"http"}},"readinessProbe":{"grpc":{"port":9}}}]}})";
  const auto text = [json](const char* node) {
    std::string made = json;
    return made.replace(made.find("%s"), 2, node);
  };
  const auto values = Decoded<Pod>(text("")).values;
  EXPECT_THAT(values, ElementsAre(PodValue{"spec.securityContext.sysctls[0].name", "a"},
                                  PodValue{"spec.securityContext.sysctls[0].value", "1 2"},
                                  PodValue{"spec.containers[0].ports[0].containerPort", "80"},
                                  PodValue{"spec.containers[0].ports[0].hostPort", "8080"},
                                  PodValue{"spec.containers[0].livenessProbe.httpGet.port", "http"},
                                  PodValue{"spec.containers[0].readinessProbe.grpc.port", "9"}));
  EXPECT_TRUE(Decoded<Pod>(text(R"("nodeName":"n",)")).values.empty());
}

TEST(DecodeConfigMap, ReadsItsData) {
  const auto map =
      Decoded<ConfigMap>(R"({"metadata":{"name":"m"},"data":{"b":"2","a":"1"},"binaryData":{"c":"AA=="}})");
  EXPECT_THAT(map.data, ElementsAre(std::pair("a", "1"), std::pair("b", "2")));
  EXPECT_FALSE(Decoder().Decode<ConfigMap>(R"({"metadata":{"name":"m"},"data":{"a":1}})"));
}

TEST(DecodeObjectEvent, ReadsWhomItIsAbout) {
  const auto event = Decoded<ObjectEvent>(
      R"({"metadata":{"name":"e"},"reason":"NotTriggerScaleUp","involvedObject":{"kind":"Pod","uid":"u"}})");
  EXPECT_EQ(event.reason, "NotTriggerScaleUp");
  EXPECT_EQ(event.about_uid, "u");
}

TEST(DecodeWorkloads, ReadWhomTheySelect) {
  const auto service = Decoded<Service>(R"({"metadata":{"name":"s"},"spec":{"selector":{"app":"web"}}})");
  ASSERT_TRUE(service.selector);
  EXPECT_THAT(service.selector->match_labels, ElementsAre(std::pair("app", "web")));
  EXPECT_FALSE(Decoded<Service>(R"({"metadata":{"name":"s"},"spec":{}})").selector);
  EXPECT_TRUE(Decoded<Service>(R"({"metadata":{"name":"s"},"spec":{"selector":{}}})").selector);
  const auto set = Decoded<ReplicaSet>(
      R"({"metadata":{"name":"r"},"spec":{"selector":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}})");
  ASSERT_TRUE(set.selector);
  EXPECT_EQ(set.selector->match_expressions.size(), 1u);
}

TEST(DecodeDeviceClass, ReadsTheResourceItStandsFor) {
  const auto gpu = Decoded<DeviceClass>(R"({"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"a.b/c"}})");
  EXPECT_EQ(gpu.extended_resource, "a.b/c");
}

}  // namespace
}  // namespace spillway::kube
