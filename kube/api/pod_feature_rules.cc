#include "kube/api/pod_feature_rules.h"

// One line a field, in the order of the API's types.
namespace spillway::kube::internal {
namespace {

using When = FieldRule::When;

// ---- probes and hooks

constexpr FieldRule kHttpGetRules[] = {
    {"path"},
    {.field = "port", .when = When::kValue},
    {"host", "handlerHost"},
    {"scheme", "handlerHTTPS", When::kIs, "HTTPS"},
    {"httpHeaders", "handlerHeaders"},
};
constexpr FieldTable kHttpGet = {"httpGet", kHttpGetRules};

constexpr FieldRule kTcpSocketRules[] = {{.field = "port", .when = When::kValue}, {"host", "handlerHost"}};
constexpr FieldTable kTcpSocket = {"tcpSocket", kTcpSocketRules};

constexpr FieldRule kGrpcRules[] = {{.field = "port", .when = When::kValue}, {"service"}};
constexpr FieldTable kGrpc = {"grpc", kGrpcRules};

constexpr FieldRule kProbeRules[] = {
    {"exec", "probeExec"},
    {.field = "httpGet", .feature = "probeHTTP", .inside = &kHttpGet},
    {.field = "tcpSocket", .feature = "probeTCP", .inside = &kTcpSocket},
    {.field = "grpc", .feature = "probeGRPC", .inside = &kGrpc},
    {"initialDelaySeconds"},
    {"timeoutSeconds"},
    {"periodSeconds"},
    {"successThreshold"},
    {"failureThreshold"},
    {"terminationGracePeriodSeconds", "probeTerminationGracePeriod"},
};
constexpr FieldTable kProbe = {"probe", kProbeRules};

constexpr FieldRule kHookRules[] = {
    {"exec", "hookExec"},
    {.field = "httpGet", .feature = "hookHTTP", .inside = &kHttpGet},
    {.field = "tcpSocket", .feature = "hookTCP", .inside = &kTcpSocket},
    {"sleep", "hookSleep"},
};
constexpr FieldTable kHook = {"hook", kHookRules};

constexpr FieldRule kLifecycleRules[] = {
    {.field = "postStart", .feature = "postStart", .inside = &kHook},
    {.field = "preStop", .feature = "preStop", .inside = &kHook},
    {"stopSignal", "stopSignal"},
};
constexpr FieldTable kLifecycle = {"lifecycle", kLifecycleRules};

// ---- security

constexpr FieldRule kCapabilitiesRules[] = {{"add", "capabilitiesAdd"}, {"drop", "capabilitiesDrop"}};
constexpr FieldTable kCapabilities = {"capabilities", kCapabilitiesRules};

constexpr FieldRule kSeccompRules[] = {
    {"type", "seccompRuntimeDefault", When::kIs, "RuntimeDefault"},
    {"type", "seccomp", When::kUnless, "RuntimeDefault|Unconfined"},
    {"localhostProfile"},
};
constexpr FieldTable kSeccomp = {"seccompProfile", kSeccompRules};

constexpr FieldRule kAppArmorRules[] = {
    {"type", "appArmorRuntimeDefault", When::kIs, "RuntimeDefault"},
    {"type", "appArmor", When::kUnless, "RuntimeDefault|Unconfined"},
    {"localhostProfile"},
};
constexpr FieldTable kAppArmor = {"appArmorProfile", kAppArmorRules};

// Of Pods and of containers.
constexpr FieldRule kSharedSecurityRules[] = {
    {"seLinuxOptions", "seLinux"},
    {"windowsOptions", "windows"},
    {"runAsUser", "runAsUser"},
    {"runAsGroup", "runAsGroup"},
    {"runAsNonRoot", "runAsNonRoot"},
    {.field = "seccompProfile", .inside = &kSeccomp},
    {.field = "appArmorProfile", .inside = &kAppArmor},
};
constexpr FieldTable kSharedSecurity = {"securityContext", kSharedSecurityRules};

constexpr FieldRule kContainerSecurityRules[] = {
    {.field = "capabilities", .inside = &kCapabilities},
    {"privileged", "privileged"},
    {"readOnlyRootFilesystem", "readOnlyRootFilesystem"},
    {"allowPrivilegeEscalation", "noPrivilegeEscalation", When::kFalse},
    {"procMount", "procMount", When::kUnless, "Default"},
};
constexpr FieldTable kContainerSecurity = {"container.securityContext", kContainerSecurityRules, &kSharedSecurity};

constexpr FieldRule kSysctlRules[] = {{.field = "name", .when = When::kValue},
                                      {.field = "value", .when = When::kValue}};
constexpr FieldTable kSysctl = {"sysctl", kSysctlRules};

constexpr FieldRule kPodSecurityRules[] = {
    {"supplementalGroups", "supplementalGroups"},
    {"supplementalGroupsPolicy", "supplementalGroups", When::kUnless, "Merge"},
    {"fsGroup", "fsGroup"},
    {"fsGroupChangePolicy"},
    {.field = "sysctls", .feature = "sysctls", .inside = &kSysctl},
    {"seLinuxChangePolicy", "seLinux"},
};
constexpr FieldTable kPodSecurity = {"securityContext", kPodSecurityRules, &kSharedSecurity};

// ---- volumes

constexpr FieldRule kEmptyDirRules[] = {
    {"medium", "emptyDirMemory", When::kIs, "Memory"},
    {"medium", "emptyDirHugePages", When::kUnless, "Memory"},
    {"sizeLimit", "emptyDirSizeLimit"},
};
constexpr FieldTable kEmptyDir = {"emptyDir", kEmptyDirRules};

constexpr FieldRule kProjectionRules[] = {
    {"configMap"},
    {"secret"},
    {"downwardAPI"},
    {"serviceAccountToken", "serviceAccountToken"},
    {"clusterTrustBundle", "clusterTrustBundle"},
    {"podCertificate", "podCertificate"},
};
constexpr FieldTable kProjection = {"projection", kProjectionRules};
constexpr FieldRule kProjectedRules[] = {{.field = "sources", .inside = &kProjection}, {"defaultMode"}};
constexpr FieldTable kProjected = {"projected", kProjectedRules};

constexpr FieldRule kCsiRules[] = {
    {"driver", "csi", When::kNamed}, {"readOnly"}, {"fsType"}, {"volumeAttributes"}, {"nodePublishSecretRef"},
};
constexpr FieldTable kCsi = {"csi", kCsiRules};

constexpr FieldRule kFlexVolumeRules[] = {
    {"driver", "flexVolume", When::kNamed}, {"fsType"}, {"secretRef"}, {"readOnly"}, {"options"},
};
constexpr FieldTable kFlexVolume = {"flexVolume", kFlexVolumeRules};

// What admission adds to nearly every Pod is told apart: some can do without it.
constexpr FieldRule kVolumeRules[] = {
    {"name", "kubeApiAccess", When::kMade, "kube-api-access-"},
    {"hostPath", "hostPath"},
    {.field = "emptyDir", .feature = "emptyDir", .inside = &kEmptyDir},
    {"gcePersistentDisk", "gcePersistentDisk"},
    {"awsElasticBlockStore", "awsElasticBlockStore"},
    {"gitRepo", "gitRepo"},
    {"secret", "secret"},
    {"nfs", "nfs"},
    {"iscsi", "iscsi"},
    {"glusterfs", "glusterfs"},
    {"persistentVolumeClaim", "persistentVolumeClaim"},
    {"rbd", "rbd"},
    {.field = "flexVolume", .inside = &kFlexVolume},
    {"cinder", "cinder"},
    {"cephfs", "cephfs"},
    {"flocker", "flocker"},
    {"downwardAPI", "downwardAPI"},
    {"fc", "fc"},
    {"azureFile", "azureFile"},
    {"configMap", "configMap"},
    {"vsphereVolume", "vsphereVolume"},
    {"quobyte", "quobyte"},
    {"azureDisk", "azureDisk"},
    {"photonPersistentDisk", "photonPersistentDisk"},
    {.field = "projected", .feature = "projected", .inside = &kProjected},
    {"portworxVolume", "portworxVolume"},
    {"scaleIO", "scaleIO"},
    {"storageos", "storageos"},
    {.field = "csi", .inside = &kCsi},
    {"ephemeral", "ephemeral"},
    {"image", "image"},
};
constexpr FieldTable kVolume = {"volume", kVolumeRules};

constexpr FieldRule kMountRules[] = {
    {"name"},
    {"readOnly"},
    {"recursiveReadOnly", "recursiveReadOnly", When::kUnless, "Disabled"},
    {"mountPath"},
    {"subPath", "subPath"},
    {"mountPropagation", "mountPropagation", When::kUnless, "None"},
    {"subPathExpr", "subPathExpr"},
};
constexpr FieldTable kMount = {"volumeMount", kMountRules};

// ---- containers

constexpr FieldRule kPortRules[] = {
    {"name"},
    {"hostPort", "hostPort", When::kUnless, "0"},
    {.field = "hostPort", .when = When::kValue},
    {.field = "containerPort", .when = When::kValue},
    {"protocol"},
    {"hostIP"},
};
constexpr FieldTable kPort = {"port", kPortRules};

constexpr FieldRule kFieldRefRules[] = {
    {"apiVersion"},
    {"fieldPath", "envAddresses", When::kIs, "status.podIP|status.podIPs|status.hostIP|status.hostIPs"},
};
constexpr FieldTable kFieldRef = {"fieldRef", kFieldRefRules};
constexpr FieldRule kValueFromRules[] = {
    {.field = "fieldRef", .inside = &kFieldRef},
    {"resourceFieldRef", "envResources"},
    {"configMapKeyRef"},
    {"secretKeyRef"},
    {"fileKeyRef", "envFile"},
};
constexpr FieldTable kValueFrom = {"env.valueFrom", kValueFromRules};
constexpr FieldRule kEnvRules[] = {{"name"}, {"value"}, {.field = "valueFrom", .inside = &kValueFrom}};
constexpr FieldTable kEnv = {"env", kEnvRules};

constexpr FieldRule kResourcesRules[] = {{"limits"}, {"requests"}, {"claims", "resourceClaims"}};
constexpr FieldTable kResources = {"resources", kResourcesRules};

constexpr FieldRule kAnyContainerRules[] = {
    {"name"},
    {"image"},
    {"command", "imageEntrypoint", When::kAbsent},
    {"args"},
    {"workingDir"},
    {.field = "ports", .inside = &kPort},
    {"envFrom"},
    {.field = "env", .inside = &kEnv},
    {.field = "resources", .inside = &kResources},
    {"resizePolicy"},
    {"restartPolicyRules", "containerRestartRules"},
    {.field = "volumeMounts", .inside = &kMount},
    {"volumeDevices", "blockVolumes"},
    {"terminationMessagePath", "terminationMessagePath", When::kUnless, "/dev/termination-log"},
    {"terminationMessagePolicy", "terminationMessageFromLogs", When::kUnless, "File"},
    {"imagePullPolicy"},
    {.field = "securityContext", .inside = &kContainerSecurity},
    {"stdin", "stdin"},
    {"stdinOnce"},
    {"tty", "tty"},
};
constexpr FieldTable kAnyContainer = {"container", kAnyContainerRules};

constexpr FieldRule kContainerRules[] = {
    {"restartPolicy", "containerRestartRules"},
    {.field = "livenessProbe", .feature = "livenessProbe", .inside = &kProbe},
    {.field = "readinessProbe", .feature = "readinessProbe", .inside = &kProbe},
    {.field = "startupProbe", .feature = "startupProbe", .inside = &kProbe},
    {.field = "lifecycle", .inside = &kLifecycle},
};
constexpr FieldTable kContainer = {"container", kContainerRules, &kAnyContainer};

// Only those that are restarted have probes and hooks.
constexpr FieldRule kInitContainerRules[] = {
    {"restartPolicy", "sidecars", When::kIs, "Always"},
    {"restartPolicy", "containerRestartRules", When::kUnless, "Always"},
    {.field = "livenessProbe", .feature = "livenessProbe", .inside = &kProbe},
    {"livenessProbe", "sidecarProbes"},
    {.field = "readinessProbe", .feature = "readinessProbe", .inside = &kProbe},
    {"readinessProbe", "sidecarProbes"},
    {.field = "startupProbe", .feature = "startupProbe", .inside = &kProbe},
    {"startupProbe", "sidecarProbes"},
    {.field = "lifecycle", .feature = "sidecarHooks", .inside = &kLifecycle},
};
constexpr FieldTable kInitContainer = {"container", kInitContainerRules, &kAnyContainer};

// ---- the Pod

constexpr FieldRule kOsRules[] = {{"name", "windows", When::kIs, "windows"}};
constexpr FieldTable kOs = {"os", kOsRules};

constexpr FieldRule kPodResourcesRules[] = {
    {"limits", "podResources"}, {"requests", "podResources"}, {"claims", "resourceClaims"}};
constexpr FieldTable kPodResources = {"resources", kPodResourcesRules};

constexpr FieldRule kSpecRules[] = {
    {.field = "volumes", .inside = &kVolume},
    {.field = "initContainers", .feature = "initContainers", .inside = &kInitContainer},
    {.field = "containers", .inside = &kContainer},
    {"ephemeralContainers", "ephemeralContainers"},
    {"restartPolicy"},
    {"terminationGracePeriodSeconds", "terminationGracePeriod", When::kUnless, "30"},
    {"activeDeadlineSeconds", "activeDeadline"},
    {"dnsPolicy", "dnsConfig", When::kIs, "None"},
    {"nodeSelector"},
    {"serviceAccountName"},
    {"serviceAccount"},
    {"automountServiceAccountToken"},
    {"nodeName"},
    {"hostNetwork", "hostNetwork"},
    {"hostPID", "hostPID"},
    {"hostIPC", "hostIPC"},
    {"shareProcessNamespace", "shareProcessNamespace"},
    {.field = "securityContext", .inside = &kPodSecurity},
    {"imagePullSecrets", "imagePullSecrets"},
    {"hostname", "hostname"},
    {"subdomain", "subdomain"},
    {"affinity"},
    {"schedulerName"},
    {"tolerations"},
    {"hostAliases", "hostAliases"},
    {"priorityClassName"},
    {"priority"},
    {"dnsConfig", "dnsConfig"},
    {"readinessGates", "readinessGates"},
    {"runtimeClassName", "runtimeClass"},
    {"enableServiceLinks"},
    {"preemptionPolicy"},
    {"overhead"},
    {"topologySpreadConstraints"},
    {"setHostnameAsFQDN", "hostnameAsFQDN"},
    {.field = "os", .inside = &kOs},
    {"hostUsers", "userNamespaces", When::kFalse},
    {"schedulingGates"},
    {"resourceClaims", "resourceClaims"},
    {.field = "resources", .inside = &kPodResources},
    {"hostnameOverride", "hostname"},
    {"workloadRef"},
    {"schedulingGroup"},
};

}  // namespace

const FieldTable kSpecFields = {"spec", kSpecRules};

}  // namespace spillway::kube::internal
