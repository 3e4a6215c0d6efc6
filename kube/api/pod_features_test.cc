#include "kube/api/pod_features.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "kube/api/capabilities.h"
#include "kube/api/decode.h"

namespace spillway::kube {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Asked(std::string_view json) {
  Decoder decoder;
  const auto features = decoder.DecodeFeatures(json);
  if (!features) return {features.error().message};
  std::vector<std::string> asked;
  for (const PodFeature& feature : *features) asked.push_back(fmt::format("{} ({})", feature.name, feature.field));
  return asked;
}

// A Pod with one container; what is given goes into the spec, and into that container.
std::string PodWith(std::string_view spec, std::string_view container) {
  return fmt::format(R"({{"metadata": {{"name": "p"}}, "spec": {{{}{}
                         "containers": [{{"name": "c", "image": "i", "command": ["run"]{}{}}}]}}}})",
                     spec, spec.empty() ? "" : ",", container.empty() ? "" : ",", container);
}

struct Row {
  std::string_view given;
  std::vector<std::string> asked;
};

// All of the API's PodSpec that asks for something, in the order of the API's types.
const std::vector<Row>& SpecRows() {
  static const auto* const kRows = new std::vector<Row>{
      {R"("ephemeralContainers": [{"name": "debug"}])", {"ephemeralContainers (spec.ephemeralContainers)"}},
      {R"("terminationGracePeriodSeconds": 60)", {"terminationGracePeriod (spec.terminationGracePeriodSeconds)"}},
      {R"("terminationGracePeriodSeconds": 0)", {"terminationGracePeriod (spec.terminationGracePeriodSeconds)"}},
      {R"("activeDeadlineSeconds": 60)", {"activeDeadline (spec.activeDeadlineSeconds)"}},
      {R"("dnsPolicy": "None")", {"dnsConfig (spec.dnsPolicy)"}},
      {R"("dnsConfig": {"searches": ["a"]})", {"dnsConfig (spec.dnsConfig)"}},
      {R"("hostNetwork": true)", {"hostNetwork (spec.hostNetwork)"}},
      {R"("hostPID": true)", {"hostPID (spec.hostPID)"}},
      {R"("hostIPC": true)", {"hostIPC (spec.hostIPC)"}},
      {R"("hostUsers": false)", {"userNamespaces (spec.hostUsers)"}},
      {R"("shareProcessNamespace": true)", {"shareProcessNamespace (spec.shareProcessNamespace)"}},
      {R"("imagePullSecrets": [{"name": "s"}])", {"imagePullSecrets (spec.imagePullSecrets)"}},
      {R"("hostname": "h")", {"hostname (spec.hostname)"}},
      {R"("hostnameOverride": "h")", {"hostname (spec.hostnameOverride)"}},
      {R"("subdomain": "d")", {"subdomain (spec.subdomain)"}},
      {R"("setHostnameAsFQDN": true)", {"hostnameAsFQDN (spec.setHostnameAsFQDN)"}},
      {R"("hostAliases": [{"ip": "10.0.0.1"}])", {"hostAliases (spec.hostAliases)"}},
      {R"("readinessGates": [{"conditionType": "x"}])", {"readinessGates (spec.readinessGates)"}},
      {R"("runtimeClassName": "gvisor")", {"runtimeClass (spec.runtimeClassName)"}},
      {R"("os": {"name": "windows"})", {"windows (spec.os.name)"}},
      {R"("resourceClaims": [{"name": "gpu"}])", {"resourceClaims (spec.resourceClaims)"}},
      {R"("resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}})", {"podResources (spec.resources.limits)"}},
      {R"("securityContext": {"seLinuxOptions": {"level": "s0"}})", {"seLinux (spec.securityContext.seLinuxOptions)"}},
      {R"("securityContext": {"seLinuxChangePolicy": "Recursive"})",
       {"seLinux (spec.securityContext.seLinuxChangePolicy)"}},
      {R"("securityContext": {"windowsOptions": {"hostProcess": true}})",
       {"windows (spec.securityContext.windowsOptions)"}},
      {R"("securityContext": {"runAsUser": 0})", {"runAsUser (spec.securityContext.runAsUser)"}},
      {R"("securityContext": {"runAsGroup": 7})", {"runAsGroup (spec.securityContext.runAsGroup)"}},
      {R"("securityContext": {"runAsNonRoot": true})", {"runAsNonRoot (spec.securityContext.runAsNonRoot)"}},
      {R"("securityContext": {"supplementalGroups": [1]})",
       {"supplementalGroups (spec.securityContext.supplementalGroups)"}},
      {R"("securityContext": {"supplementalGroupsPolicy": "Strict"})",
       {"supplementalGroups (spec.securityContext.supplementalGroupsPolicy)"}},
      {R"("securityContext": {"fsGroup": 7, "fsGroupChangePolicy": "Always"})",
       {"fsGroup (spec.securityContext.fsGroup)"}},
      {R"("securityContext": {"sysctls": [{"name": "a", "value": "b"}]})", {"sysctls (spec.securityContext.sysctls)"}},
      {R"("securityContext": {"seccompProfile": {"type": "RuntimeDefault"}})",
       {"seccompRuntimeDefault (spec.securityContext.seccompProfile.type)"}},
      {R"("securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "p"}})",
       {"seccomp (spec.securityContext.seccompProfile.type)"}},
      {R"("securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}})",
       {"appArmorRuntimeDefault (spec.securityContext.appArmorProfile.type)"}},
      {R"("securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}})",
       {"appArmor (spec.securityContext.appArmorProfile.type)"}},
      {R"("initContainers": [{"name": "i", "command": ["c"]}])", {"initContainers (spec.initContainers)"}},
      {R"("initContainers": [{"name": "i", "command": ["c"], "restartPolicy": "Always"}])",
       {"initContainers (spec.initContainers)", "sidecars (spec.initContainers[0].restartPolicy)"}},
      {R"("initContainers": [{"name": "i", "command": ["c"], "restartPolicy": "Never"}])",
       {"containerRestartRules (spec.initContainers[0].restartPolicy)", "initContainers (spec.initContainers)"}},
      {R"("initContainers": [{"name": "i", "command": ["c"], "startupProbe": {"exec": {"command": ["true"]}}}])",
       {"initContainers (spec.initContainers)", "probeExec (spec.initContainers[0].startupProbe.exec)",
        "sidecarProbes (spec.initContainers[0].startupProbe)", "startupProbe (spec.initContainers[0].startupProbe)"}},
      {R"("initContainers": [{"name": "i", "command": ["c"], "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}])",
       {"hookSleep (spec.initContainers[0].lifecycle.preStop.sleep)", "initContainers (spec.initContainers)",
        "preStop (spec.initContainers[0].lifecycle.preStop)", "sidecarHooks (spec.initContainers[0].lifecycle)"}},
      {R"("initContainers": [{"name": "i"}])",
       {"imageEntrypoint (spec.initContainers[0].command)", "initContainers (spec.initContainers)"}},
  };
  return *kRows;
}

const std::vector<Row>& ContainerRows() {
  static const auto* const kRows = new std::vector<Row>{
      {R"("ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}])",
       {"hostPort (spec.containers[0].ports[1].hostPort)"}},
      {R"("env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}])",
       {"envAddresses (spec.containers[0].env[0].valueFrom.fieldRef.fieldPath)"}},
      {R"("env": [{"name": "A"}, {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}])",
       {"envResources (spec.containers[0].env[1].valueFrom.resourceFieldRef)"}},
      {R"("env": [{"name": "A", "valueFrom": {"fileKeyRef": {"path": "p", "volumeName": "v"}}}])",
       {"envFile (spec.containers[0].env[0].valueFrom.fileKeyRef)"}},
      {R"("resources": {"claims": [{"name": "gpu"}]})", {"resourceClaims (spec.containers[0].resources.claims)"}},
      {R"("restartPolicy": "Never")", {"containerRestartRules (spec.containers[0].restartPolicy)"}},
      {R"("restartPolicyRules": [{"action": "Restart"}])",
       {"containerRestartRules (spec.containers[0].restartPolicyRules)"}},
      {R"("volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "s"}])",
       {"subPath (spec.containers[0].volumeMounts[0].subPath)"}},
      {R"("volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$A"}])",
       {"subPathExpr (spec.containers[0].volumeMounts[0].subPathExpr)"}},
      {R"("volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}])",
       {"mountPropagation (spec.containers[0].volumeMounts[0].mountPropagation)"}},
      {R"("volumeMounts": [{"name": "v", "readOnly": true, "recursiveReadOnly": "Enabled"}])",
       {"recursiveReadOnly (spec.containers[0].volumeMounts[0].recursiveReadOnly)"}},
      {R"("volumeDevices": [{"name": "v", "devicePath": "/dev/x"}])",
       {"blockVolumes (spec.containers[0].volumeDevices)"}},
      {R"("livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 10})",
       {"livenessProbe (spec.containers[0].livenessProbe)", "probeExec (spec.containers[0].livenessProbe.exec)"}},
      {R"("readinessProbe": {"tcpSocket": {"port": 80, "host": "h"}})",
       {"handlerHost (spec.containers[0].readinessProbe.tcpSocket.host)",
        "probeTCP (spec.containers[0].readinessProbe.tcpSocket)",
        "readinessProbe (spec.containers[0].readinessProbe)"}},
      {R"("startupProbe": {"grpc": {"port": 80}, "terminationGracePeriodSeconds": 5})",
       {"probeGRPC (spec.containers[0].startupProbe.grpc)",
        "probeTerminationGracePeriod (spec.containers[0].startupProbe.terminationGracePeriodSeconds)",
        "startupProbe (spec.containers[0].startupProbe)"}},
      {R"("readinessProbe": {"httpGet": {"port": 80, "scheme": "HTTPS", "httpHeaders": [{"name": "a", "value": "b"}]}})",
       {"handlerHTTPS (spec.containers[0].readinessProbe.httpGet.scheme)",
        "handlerHeaders (spec.containers[0].readinessProbe.httpGet.httpHeaders)",
        "probeHTTP (spec.containers[0].readinessProbe.httpGet)", "readinessProbe (spec.containers[0].readinessProbe)"}},
      {R"("lifecycle": {"postStart": {"exec": {"command": ["true"]}}})",
       {"hookExec (spec.containers[0].lifecycle.postStart.exec)",
        "postStart (spec.containers[0].lifecycle.postStart)"}},
      {R"("lifecycle": {"preStop": {"httpGet": {"port": 80}}})",
       {"hookHTTP (spec.containers[0].lifecycle.preStop.httpGet)", "preStop (spec.containers[0].lifecycle.preStop)"}},
      {R"("lifecycle": {"preStop": {"tcpSocket": {"port": 80}}})",
       {"hookTCP (spec.containers[0].lifecycle.preStop.tcpSocket)", "preStop (spec.containers[0].lifecycle.preStop)"}},
      {R"("lifecycle": {"stopSignal": "SIGUSR1"})", {"stopSignal (spec.containers[0].lifecycle.stopSignal)"}},
      {R"("terminationMessagePath": "/tmp/end")",
       {"terminationMessagePath (spec.containers[0].terminationMessagePath)"}},
      {R"("terminationMessagePolicy": "FallbackToLogsOnError")",
       {"terminationMessageFromLogs (spec.containers[0].terminationMessagePolicy)"}},
      {R"("securityContext": {"privileged": true})", {"privileged (spec.containers[0].securityContext.privileged)"}},
      {R"("securityContext": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}})",
       {"capabilitiesAdd (spec.containers[0].securityContext.capabilities.add)",
        "capabilitiesDrop (spec.containers[0].securityContext.capabilities.drop)"}},
      {R"("securityContext": {"runAsUser": 7})", {"runAsUser (spec.containers[0].securityContext.runAsUser)"}},
      {R"("securityContext": {"readOnlyRootFilesystem": true})",
       {"readOnlyRootFilesystem (spec.containers[0].securityContext.readOnlyRootFilesystem)"}},
      {R"("securityContext": {"allowPrivilegeEscalation": false})",
       {"noPrivilegeEscalation (spec.containers[0].securityContext.allowPrivilegeEscalation)"}},
      {R"("securityContext": {"procMount": "Unmasked"})", {"procMount (spec.containers[0].securityContext.procMount)"}},
      {R"("stdin": true, "stdinOnce": true)", {"stdin (spec.containers[0].stdin)"}},
      {R"("tty": true)", {"tty (spec.containers[0].tty)"}},
  };
  return *kRows;
}

// Each goes into the one volume.
const std::vector<Row>& VolumeRows() {
  static const auto* const kRows = new std::vector<Row>{
      {R"("emptyDir": {})", {"emptyDir (spec.volumes[0].emptyDir)"}},
      {R"("emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"})",
       {"emptyDir (spec.volumes[0].emptyDir)", "emptyDirMemory (spec.volumes[0].emptyDir.medium)",
        "emptyDirSizeLimit (spec.volumes[0].emptyDir.sizeLimit)"}},
      {R"("emptyDir": {"medium": "HugePages-2Mi"})",
       {"emptyDir (spec.volumes[0].emptyDir)", "emptyDirHugePages (spec.volumes[0].emptyDir.medium)"}},
      {R"("csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": true})",
       {"csi/secrets-store.csi.k8s.io (spec.volumes[0].csi.driver)"}},
      {R"("flexVolume": {"driver": "alicloud/disk"})",
       {"flexVolume/alicloud/disk (spec.volumes[0].flexVolume.driver)"}},
      {R"("projected": {"sources": [{"serviceAccountToken": {"path": "t"}}, {"configMap": {"name": "c"}},
                                    {"downwardAPI": {}}, {"secret": {"name": "s"}}]})",
       {"projected (spec.volumes[0].projected)",
        "serviceAccountToken (spec.volumes[0].projected.sources[0].serviceAccountToken)"}},
      {R"("projected": {"sources": [{"clusterTrustBundle": {"path": "t"}}, {"podCertificate": {"keyType": "ED25519"}}]})",
       {"clusterTrustBundle (spec.volumes[0].projected.sources[0].clusterTrustBundle)",
        "podCertificate (spec.volumes[0].projected.sources[1].podCertificate)",
        "projected (spec.volumes[0].projected)"}},
  };
  return *kRows;
}

constexpr std::string_view kPlainVolumes[] = {"hostPath",
                                              "gcePersistentDisk",
                                              "awsElasticBlockStore",
                                              "gitRepo",
                                              "secret",
                                              "nfs",
                                              "iscsi",
                                              "glusterfs",
                                              "persistentVolumeClaim",
                                              "rbd",
                                              "cinder",
                                              "cephfs",
                                              "flocker",
                                              "downwardAPI",
                                              "fc",
                                              "azureFile",
                                              "configMap",
                                              "vsphereVolume",
                                              "quobyte",
                                              "azureDisk",
                                              "photonPersistentDisk",
                                              "portworxVolume",
                                              "scaleIO",
                                              "storageos",
                                              "ephemeral",
                                              "image"};

std::string VolumeSpec(std::string_view source) { return fmt::format(R"("volumes": [{{"name": "v", {}}}])", source); }

TEST(PodFeatures, EveryFieldAsksForWhatItSays) {
  for (const Row& row : SpecRows()) EXPECT_EQ(Asked(PodWith(row.given, "")), row.asked) << row.given;
  for (const Row& row : ContainerRows()) EXPECT_EQ(Asked(PodWith("", row.given)), row.asked) << row.given;
  for (const Row& row : VolumeRows()) EXPECT_EQ(Asked(PodWith(VolumeSpec(row.given), "")), row.asked) << row.given;
  for (const std::string_view type : kPlainVolumes) {
    EXPECT_THAT(Asked(PodWith(VolumeSpec(fmt::format(R"("{}": {{}})", type)), "")),
                ElementsAre(fmt::format("{0} (spec.volumes[0].{0})", type)));
  }
}

TEST(PodFeatures, TheTablesHereCoverTheVocabulary) {
  std::set<std::string> seen(std::begin(kPlainVolumes), std::end(kPlainVolumes));
  for (const auto* rows : {&SpecRows(), &ContainerRows(), &VolumeRows()}) {
    for (const Row& row : *rows) {
      for (const std::string& asked : row.asked) seen.insert(asked.substr(0, asked.find_first_of("/ ")));
    }
  }
  for (const FeatureDescription& feature : KnownFeatures()) EXPECT_TRUE(seen.contains(feature.name)) << feature.name;
}

// As kube-apiserver 1.36 and its admission leave a plain Pod.
TEST(PodFeatures, WhatTheApiServerSetsByDefaultAsksForNothingButItsToken) {
  EXPECT_THAT(
      Asked(R"({"metadata": {"name": "p"}, "spec": {
      "volumes": [{"name": "kube-api-access-x", "projected": {"defaultMode": 420, "sources": [
          {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
          {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
          {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]}}],
      "containers": [{"name": "c", "image": "i", "command": ["run"], "args": ["a"], "imagePullPolicy": "Always",
          "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
          "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
          "ports": [{"containerPort": 80, "protocol": "TCP"}], "stdin": false, "tty": false,
          "volumeMounts": [{"name": "kube-api-access-x", "readOnly": true, "mountPath": "/var/run/secrets"}],
          "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
      "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
      "serviceAccountName": "default", "serviceAccount": "default", "securityContext": {}, "hostNetwork": false,
      "schedulerName": "default-scheduler", "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
      "priority": 0, "tolerations": [{"key": "k", "operator": "Exists"}], "os": {"name": "linux"}}})"),
      ElementsAre("projected/kubeApiAccess (spec.volumes[0].projected)",
                  "serviceAccountToken/kubeApiAccess (spec.volumes[0].projected.sources[0].serviceAccountToken)"));
}

TEST(PodFeatures, AVolumeOfOnesOwnIsNotTakenForTheOneThatAdmissionAdds) {
  const std::string admissions = R"({"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]},
      "name": "kube-api-access-x"})";
  EXPECT_THAT(
      Asked(PodWith(R"("volumes": [{"name": "own", "projected": {}}, )" + admissions + "]", "")),
      ElementsAre("projected (spec.volumes[0].projected)", "projected/kubeApiAccess (spec.volumes[1].projected)",
                  "serviceAccountToken/kubeApiAccess "
                  "(spec.volumes[1].projected.sources[0].serviceAccountToken)"));
}

TEST(PodFeatures, WhatIsNotKnownIsAFeatureByItself) {
  EXPECT_THAT(Asked(PodWith(R"("evictionResponders": [{"name": "x"}])", "")),
              ElementsAre("spec.evictionResponders (spec.evictionResponders)"));
  EXPECT_THAT(Asked(PodWith(VolumeSpec(R"("tape": {"drive": 1})"), "")),
              ElementsAre("volume.tape (spec.volumes[0].tape)"));
  EXPECT_THAT(Asked(PodWith("", R"("securityContext": {"caged": "tightly"})")),
              ElementsAre("container.securityContext.caged (spec.containers[0].securityContext.caged)"));
  EXPECT_THAT(Asked(PodWith("", R"("livenessProbe": {"telepathy": {}})")),
              ElementsAre("livenessProbe (spec.containers[0].livenessProbe)",
                          "probe.telepathy (spec.containers[0].livenessProbe.telepathy)"));
  EXPECT_THAT(Asked(PodWith(R"("a": false, "b": null, "c": "", "d": [])", "")), IsEmpty()) << "none of them is set";
}

TEST(PodFeatures, TheFirstFieldIsNamed) {
  EXPECT_THAT(Asked(R"({"spec": {"containers": [{"command": ["a"]},
      {"command": ["a"], "securityContext": {"privileged": true}},
      {"command": ["a"], "securityContext": {"privileged": true}}]}})"),
              ElementsAre("privileged (spec.containers[1].securityContext.privileged)"));
}

TEST(PodFeatures, AreKnownOfPodsWithoutANode) {
  Decoder decoder;
  const auto waiting = decoder.Decode<Pod>(PodWith(R"("hostPID": true)", ""));
  ASSERT_TRUE(waiting);
  EXPECT_THAT(waiting->features, ElementsAre(PodFeature{"hostPID", "spec.hostPID"}));
  const auto bound = decoder.Decode<Pod>(PodWith(R"("hostPID": true, "nodeName": "a")", ""));
  ASSERT_TRUE(bound);
  EXPECT_THAT(bound->features, IsEmpty());
}

TEST(PodFeatures, MalformedSpecsAreErrors) {
  EXPECT_THAT(Asked(R"({"spec": {"containers": [{"securityContext": {"privileged": tru}}]})"),
              ElementsAre(testing::StartsWith("Pod: ")));
  EXPECT_THAT(Asked(R"({"spec": {"containers": [7], "volumes": "many", "hostPID": {}}})"),
              ElementsAre("hostPID (spec.hostPID)"))
      << "what no API server lets through is no error of the Pod";
}

TEST(PodFeatures, NamesAreOfTheVocabularyOrSayWhereTheyStand) {
  for (const char* name : {"privileged", "csi", "csi/a.example", "persistentVolumeClaim/nfs", "volume.tape"}) {
    EXPECT_TRUE(IsFeatureName(name)) << name;
  }
  for (const char* name : {"", "privilged", "tape", ".a", "a."}) EXPECT_FALSE(IsFeatureName(name)) << name;
  const auto foreign = Capabilities::Parse(kForeignNodeCapabilities);
  for (const std::string& name : foreign.names()) EXPECT_TRUE(IsFeatureName(name)) << name;
}

}  // namespace
}  // namespace spillway::kube
