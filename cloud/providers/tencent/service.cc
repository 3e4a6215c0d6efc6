#include "cloud/providers/tencent/service.h"

#include "cloud/providers/tencent/failures.h"
#include "cloud/providers/tencent/signature.h"

namespace spillway::cloud::tencent {

kube::Capabilities EksciFeatures() {
  return kube::Capabilities({"capabilitiesAdd", "capabilitiesDrop", "dnsConfig", "flexVolume/tencentcloud/cbs",
                             "handlerHTTPS", "imageEntrypoint", "imagePullSecrets", "initContainers", "livenessProbe",
                             "nfs", "persistentVolumeClaim/com.tencent.cloud.csi.cbs",
                             "persistentVolumeClaim/flexVolume", "persistentVolumeClaim/nfs", "probeExec", "probeHTTP",
                             "probeTCP", "subPath", "subPathExpr"});
}

rest::CallerOptions EksciLimits(double share) {
  rest::CallerOptions options;
  options.share = share;
  options.other_limit = {kCallsPerSecond * 0.9, 2};  // together no more than that in any one second
  return options;
}

rest::Dialect EksciDialect(const Options& options) {
  rest::Dialect dialect;
  const Endpoint endpoint{options.host, kServiceName, kApiVersion, options.region};
  dialect.sign = [endpoint](const rest::Call& call, const rest::Credential& credential,
                            const rest::SigningMoment& moment) { return Sign(endpoint, call, credential, moment); };
  dialect.read = ReadAnswer;
  dialect.is_clock_skew = IsClockSkew;
  dialect.is_stale_credential = IsStaleCredential;
  return dialect;
}

}  // namespace spillway::cloud::tencent
