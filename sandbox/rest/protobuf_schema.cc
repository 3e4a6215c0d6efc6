#include "sandbox/rest/protobuf_schema.h"

#include <functional>
#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace spillway::sandbox {
namespace {

// One message a line: its name, then name:number:type of its fields. Types are text, bytes, int, bool, quantity,
// intstr, time or the name of a message; [ repeats it, { makes it the value of a map, ? says that zero is a value.
constexpr std::string_view kSchema = R"(
ObjectMeta name:1:text generateName:2:text namespace:3:text selfLink:4:text uid:5:text resourceVersion:6:text generation:7:int creationTimestamp:8:ignored deletionTimestamp:9:ignored deletionGracePeriodSeconds:10:int? labels:11:{text annotations:12:{text ownerReferences:13:[OwnerReference finalizers:14:[text
OwnerReference apiVersion:5:text kind:1:text name:3:text uid:4:text controller:6:bool? blockOwnerDeletion:7:bool?
LabelSelector matchLabels:1:{text matchExpressions:2:[LabelSelectorRequirement
LabelSelectorRequirement key:1:text operator:2:text values:3:[text
DeleteOptions gracePeriodSeconds:1:int? preconditions:2:Preconditions orphanDependents:3:bool? propagationPolicy:4:text dryRun:5:[text
Preconditions uid:1:text resourceVersion:2:text
LocalObjectReference name:1:text
ObjectReference kind:1:text namespace:2:text name:3:text uid:4:text apiVersion:5:text resourceVersion:6:text fieldPath:7:text
Namespace metadata:1:ObjectMeta spec:2:NamespaceSpec status:3:ignored
NamespaceSpec finalizers:1:[text
ConfigMap metadata:1:ObjectMeta immutable:4:bool? data:2:{text binaryData:3:{bytes
Secret metadata:1:ObjectMeta immutable:5:bool? data:2:{bytes stringData:4:{text type:3:text
ServiceAccount metadata:1:ObjectMeta secrets:2:[ObjectReference imagePullSecrets:3:[LocalObjectReference automountServiceAccountToken:4:bool?
ResourceQuota metadata:1:ObjectMeta spec:2:ResourceQuotaSpec status:3:ignored
ResourceQuotaSpec hard:1:{quantity scopes:2:[text
Service metadata:1:ObjectMeta spec:2:ServiceSpec status:3:ignored
ServiceSpec ports:1:[ServicePort selector:2:{text clusterIP:3:text clusterIPs:18:[text type:4:text externalIPs:5:[text sessionAffinity:7:text loadBalancerIP:8:text externalName:10:text externalTrafficPolicy:11:text healthCheckNodePort:12:int publishNotReadyAddresses:13:bool ipFamilies:19:[text ipFamilyPolicy:17:text internalTrafficPolicy:22:text
ServicePort name:1:text protocol:2:text appProtocol:6:text port:3:int targetPort:4:intstr nodePort:5:int
Deployment metadata:1:ObjectMeta spec:2:DeploymentSpec status:3:ignored
DeploymentSpec replicas:1:int? selector:2:LabelSelector template:3:PodTemplateSpec strategy:4:DeploymentStrategy minReadySeconds:5:int revisionHistoryLimit:6:int? paused:7:bool progressDeadlineSeconds:9:int?
DeploymentStrategy type:1:text
Job metadata:1:ObjectMeta spec:2:JobSpec status:3:ignored
JobSpec parallelism:1:int? completions:2:int? activeDeadlineSeconds:3:int? backoffLimit:7:int? selector:4:LabelSelector manualSelector:5:bool? template:6:PodTemplateSpec ttlSecondsAfterFinished:8:int? completionMode:9:text suspend:10:bool? podReplacementPolicy:14:text managedBy:15:text
CronJob metadata:1:ObjectMeta spec:2:CronJobSpec status:3:ignored
CronJobSpec schedule:1:text timeZone:8:text startingDeadlineSeconds:2:int? concurrencyPolicy:3:text suspend:4:bool? jobTemplate:5:JobTemplateSpec successfulJobsHistoryLimit:6:int? failedJobsHistoryLimit:7:int?
JobTemplateSpec metadata:1:ObjectMeta spec:2:JobSpec
PodTemplateSpec metadata:1:ObjectMeta spec:2:PodSpec
PodSpec containers:2:[Container initContainers:20:[Container restartPolicy:3:text terminationGracePeriodSeconds:4:int? activeDeadlineSeconds:5:int? dnsPolicy:6:text nodeSelector:7:{text serviceAccountName:8:text serviceAccount:9:text automountServiceAccountToken:21:bool? nodeName:10:text hostNetwork:11:bool hostPID:12:bool hostIPC:13:bool shareProcessNamespace:27:bool? securityContext:14:PodSecurityContext imagePullSecrets:15:[LocalObjectReference hostname:16:text subdomain:17:text schedulerName:19:text tolerations:22:[Toleration priorityClassName:24:text priority:25:int? runtimeClassName:29:text enableServiceLinks:30:bool? preemptionPolicy:31:text
PodSecurityContext runAsUser:2:int? runAsGroup:6:int? runAsNonRoot:3:bool? fsGroup:5:int?
Toleration key:1:text operator:2:text value:3:text effect:4:text tolerationSeconds:5:int?
Container name:1:text image:2:text command:3:[text args:4:[text workingDir:5:text ports:6:[ContainerPort env:7:[EnvVar resources:8:ResourceRequirements restartPolicy:24:text terminationMessagePath:13:text terminationMessagePolicy:20:text imagePullPolicy:14:text securityContext:15:SecurityContext stdin:16:bool stdinOnce:17:bool tty:18:bool
ContainerPort name:1:text hostPort:2:int containerPort:3:int protocol:4:text hostIP:5:text
EnvVar name:1:text value:2:text
ResourceRequirements limits:1:{quantity requests:2:{quantity
SecurityContext privileged:2:bool? runAsUser:4:int? runAsGroup:8:int? runAsNonRoot:5:bool? readOnlyRootFilesystem:6:bool? allowPrivilegeEscalation:7:bool?
PodDisruptionBudget metadata:1:ObjectMeta spec:2:PodDisruptionBudgetSpec status:3:ignored
PodDisruptionBudgetSpec minAvailable:1:intstr selector:2:LabelSelector maxUnavailable:3:intstr unhealthyPodEvictionPolicy:4:text
Eviction metadata:1:ObjectMeta deleteOptions:2:DeleteOptions
Binding metadata:1:ObjectMeta target:2:ObjectReference
PriorityClass metadata:1:ObjectMeta value:2:int globalDefault:3:bool description:4:text preemptionPolicy:5:text
Role metadata:1:ObjectMeta rules:2:[PolicyRule
ClusterRole metadata:1:ObjectMeta rules:2:[PolicyRule
PolicyRule verbs:1:[text apiGroups:2:[text resources:3:[text resourceNames:4:[text nonResourceURLs:5:[text
RoleBinding metadata:1:ObjectMeta subjects:2:[Subject roleRef:3:RoleRef
ClusterRoleBinding metadata:1:ObjectMeta subjects:2:[Subject roleRef:3:RoleRef
Subject kind:1:text apiGroup:2:text name:3:text namespace:4:text
RoleRef apiGroup:1:text kind:2:text name:3:text
TokenRequest metadata:1:ObjectMeta spec:2:TokenRequestSpec status:3:ignored
TokenRequestSpec audiences:1:[text expirationSeconds:4:int?
SelfSubjectAccessReview metadata:1:ObjectMeta spec:2:SelfSubjectAccessReviewSpec status:3:ignored
SelfSubjectAccessReviewSpec resourceAttributes:1:ResourceAttributes nonResourceAttributes:2:NonResourceAttributes
ResourceAttributes namespace:1:text verb:2:text group:3:text version:4:text resource:5:text subresource:6:text name:7:text
NonResourceAttributes path:1:text verb:2:text
SelfSubjectRulesReview metadata:1:ObjectMeta spec:2:SelfSubjectRulesReviewSpec status:3:ignored
SelfSubjectRulesReviewSpec namespace:1:text
SelfSubjectReview metadata:1:ObjectMeta status:2:ignored
)";

using Message = std::map<std::uint32_t, ProtobufField>;
using Schema = std::map<std::string, Message, std::less<>>;

ProtobufField::Type TypeOf(std::string_view name) {
  using Type = ProtobufField::Type;
  static const std::map<std::string_view, Type> types = {
      {"text", Type::kText},       {"bytes", Type::kBytes},       {"int", Type::kInt},           {"bool", Type::kBool},
      {"ignored", Type::kIgnored}, {"quantity", Type::kQuantity}, {"intstr", Type::kIntOrString}};
  const auto found = types.find(name);
  return found == types.end() ? Type::kMessage : found->second;
}

std::pair<std::uint32_t, ProtobufField> ParseField(const std::string& text) {
  const std::size_t first = text.find(':');
  const std::size_t second = text.find(':', first + 1);
  ProtobufField field{.name = text.substr(0, first)};
  std::string type = text.substr(second + 1);
  if (type.front() == '[') field.repeated = true;
  if (type.front() == '{') field.map = true;
  if (field.repeated || field.map) type.erase(0, 1);
  if (type.back() == '?') {
    field.optional = true;
    type.pop_back();
  }
  field.type = TypeOf(type);
  if (field.type == ProtobufField::Type::kMessage) field.message = type;
  return {static_cast<std::uint32_t>(std::stoul(text.substr(first + 1, second - first - 1))), std::move(field)};
}

const Schema& ParsedSchema() {
  static const Schema parsed = [] {
    Schema schema;
    std::istringstream lines{std::string(kSchema)};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string name;
      if (!(words >> name)) continue;
      Message& message = schema[name];
      for (std::string word; words >> word;) message.insert(ParseField(word));
    }
    return schema;
  }();
  return parsed;
}

}  // namespace

const ProtobufField* FindProtobufField(std::string_view message, std::uint32_t number) {
  const auto found = ParsedSchema().find(message);
  if (found == ParsedSchema().end()) return nullptr;
  const auto field = found->second.find(number);
  return field == found->second.end() ? nullptr : &field->second;
}

bool KnowsProtobufMessage(std::string_view message) { return ParsedSchema().find(message) != ParsedSchema().end(); }

}  // namespace spillway::sandbox
