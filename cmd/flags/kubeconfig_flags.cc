#include "cmd/flags/kubeconfig_flags.h"

#include "kube/credentials.h"

DEFINE_string(kubeconfig, "",
              "Path of a kubeconfig. Empty: $KUBECONFIG, then the ServiceAccount of the Pod, then ~/.kube/config.");
DEFINE_string(context, "", "Context of the kubeconfig. Empty: its current-context.");

namespace spillway::cmd {

Result<ApiServer> NewTransportFromFlags(Runtime& runtime) {
  auto config = kube::LoadClientConfig(FLAGS_kubeconfig, FLAGS_context);
  if (!config) return Fail(std::move(config.error()));
  ApiServer api;
  const std::size_t scheme = config->server.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  api.host = config->server.substr(begin, config->server.find('/', begin) - begin);
  api.ns = config->ns;
  auto transport = kube::NewHttpsTransport(runtime, std::move(*config));
  if (!transport) return Fail(std::move(transport.error()));
  api.transport = std::move(*transport);
  return api;
}

}  // namespace spillway::cmd
