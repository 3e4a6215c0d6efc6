#include "cmd/flags/kube_flags.h"

#include <fmt/core.h>

#include <cmath>

DEFINE_double(kube_api_qps, 50, "Requests a second to the API server, on average; watches and events are not counted.");
DEFINE_int32(kube_api_burst, 100, "Requests that may be sent at once before --kube-api-qps holds them back.");

namespace spillway::cmd {

Status CheckKubeFlags() {
  if (!std::isfinite(FLAGS_kube_api_qps) || FLAGS_kube_api_qps <= 0) {
    return Fail(Code::kInvalidArgument, fmt::format("--kube-api-qps={}: want a number above 0", FLAGS_kube_api_qps));
  }
  if (FLAGS_kube_api_burst < FLAGS_kube_api_qps) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--kube-api-burst={} is below --kube-api-qps={}; raise the burst or lower the rate",
                            FLAGS_kube_api_burst, FLAGS_kube_api_qps));
  }
  return {};
}

double KubeApiQps() { return FLAGS_kube_api_qps; }
int KubeApiBurst() { return FLAGS_kube_api_burst; }

}  // namespace spillway::cmd
