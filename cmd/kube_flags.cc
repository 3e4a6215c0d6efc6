#include "cmd/kube_flags.h"

#include <fmt/core.h>

#include "kube/credentials.h"

DEFINE_string(kubeconfig, "",
              "Path of a kubeconfig. Empty: $KUBECONFIG, then the ServiceAccount of the Pod, then ~/.kube/config.");
DEFINE_string(context, "", "Context of the kubeconfig. Empty: its current-context.");
DEFINE_double(kube_api_qps, 50, "Requests a second to the API server, on average; watches and events are not counted.");
DEFINE_int32(kube_api_burst, 100, "Requests that may be sent at once before --kube-api-qps holds them back.");

namespace spillway::cmd {

Status CheckKubeFlags() {
  if (FLAGS_kube_api_qps <= 0) {
    return Fail(Code::kInvalidArgument, fmt::format("--kube-api-qps={} must be above 0", FLAGS_kube_api_qps));
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

Result<ApiServer> NewTransportFromFlags(Runtime& runtime) {
  auto config = kube::LoadClientConfig(FLAGS_kubeconfig, FLAGS_context);
  if (!config) return Fail(std::move(config.error()));
  ApiServer api;
  const std::size_t scheme = config->server.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  api.host = config->server.substr(begin, config->server.find('/', begin) - begin);
  auto transport = kube::NewHttpsTransport(runtime, std::move(*config));
  if (!transport) return Fail(std::move(transport.error()));
  api.transport = std::move(*transport);
  return api;
}

}  // namespace spillway::cmd
