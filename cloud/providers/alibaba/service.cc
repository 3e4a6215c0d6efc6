#include "cloud/providers/alibaba/service.h"

#include "cloud/providers/alibaba/failures.h"
#include "cloud/providers/alibaba/signature.h"

namespace spillway::cloud::alibaba {
namespace {
constexpr const char* kVersion = "2018-08-08";
}  // namespace

kube::Capabilities EciFeatures() {
  return kube::Capabilities({"capabilitiesAdd",
                             "configMap",
                             "dnsConfig",
                             "downwardAPI",
                             "emptyDir",
                             "emptyDirMemory",
                             "emptyDirSizeLimit",
                             "flexVolume/alicloud/disk",
                             "flexVolume/alicloud/nas",
                             "flexVolume/alicloud/oss",
                             "handlerHTTPS",
                             "hookExec",
                             "hookHTTP",
                             "hookTCP",
                             "hostAliases",
                             "hostname",
                             "hostnameAsFQDN",
                             "imageEntrypoint",
                             "imagePullSecrets",
                             "initContainers",
                             "livenessProbe",
                             "nfs",
                             "persistentVolumeClaim/flexVolume",
                             "persistentVolumeClaim/nfs",
                             "postStart",
                             "preStop",
                             "probeExec",
                             "probeHTTP",
                             "probeTCP",
                             "projected",
                             "readOnlyRootFilesystem",
                             "readinessProbe",
                             "runAsGroup",
                             "runAsNonRoot",
                             "runAsUser",
                             "secret",
                             "serviceAccountToken",
                             "shareProcessNamespace",
                             "stdin",
                             "subPath",
                             "subPathExpr",
                             "subdomain",
                             "sysctls",
                             "terminationGracePeriod",
                             "terminationMessagePath",
                             "tty"});
}

rest::CallerOptions EciLimits(double share) {
  rest::CallerOptions options;
  options.share = share;
  options.other_limit = {8, 20};
  // Of a hundred at once ten are left: what was sent in time may arrive bunched.
  options.limits = {{"CreateContainerGroup", {20, 90}},
                    {"DeleteContainerGroup", {20, 90}},
                    {"DescribeContainerGroups", {2000.0 / 60, 100}},
                    {"DescribeContainerGroupStatus", {10000.0 / 60, 200}},
                    {"DescribeMultiContainerGroupMetric", {2000.0 / 60, 50}},
                    {"DescribeContainerLog", {500.0 / 60, 30}},
                    {"ExecContainerCommand", {500.0 / 60, 30}}};
  return options;
}

rest::Dialect EciDialect(const Options& options) {
  rest::Dialect dialect;
  const Endpoint endpoint{options.host, kVersion, options.uses_rpc_signature, options.longest_query};
  dialect.sign = [endpoint](const rest::Call& call, const rest::Credential& credential,
                            const rest::SigningMoment& moment) { return Sign(endpoint, call, credential, moment); };
  dialect.read = ReadAnswer;
  dialect.is_clock_skew = IsClockSkew;
  dialect.is_stale_credential = IsStaleCredential;
  return dialect;
}

}  // namespace spillway::cloud::alibaba
