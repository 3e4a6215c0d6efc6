#include "cmd/servers.h"

#include <fmt/core.h>

#include "base/log.h"
#include "cmd/flags/serving_flags.h"

namespace spillway::cmd {
namespace {

constexpr std::size_t kMaxProbeBody = 4096;  // nobody has anything to say to these
constexpr std::size_t kMaxConnections = 256;

Result<std::unique_ptr<net::HttpServer>> Serve(Runtime& runtime, std::string_view flag,
                                               const Result<std::optional<BindAddress>>& bind, net::Handler handler) {
  if (!bind) return Fail(bind.error());
  if (!*bind) return nullptr;
  net::HttpServerOptions options;
  options.address = (*bind)->address;
  options.port = (*bind)->port;
  options.max_body = kMaxProbeBody;
  options.max_connections = kMaxConnections;
  auto server = net::NewHttpServer(runtime, std::move(options), std::move(handler));
  if (!server) return Fail(std::move(server.error()).Annotated(fmt::format("--{}", flag)));
  log::Info("serving", {{"flag", flag}, {"address", (*bind)->address}, {"port", (*server)->port()}});
  return server;
}

}  // namespace

Result<ObservabilityServers> ServeObservability(Runtime& runtime, net::Handler at_metrics,
                                                const metrics::Health& health) {
  ObservabilityServers servers;
  auto metrics = Serve(runtime, "metrics-bind-address", MetricsBindAddress(), std::move(at_metrics));
  if (!metrics) return Fail(std::move(metrics.error()));
  servers.metrics = std::move(*metrics);
  auto probes = Serve(runtime, "health-probe-bind-address", HealthProbeBindAddress(), metrics::HealthHandler(health));
  if (!probes) return Fail(std::move(probes.error()));
  servers.health = std::move(*probes);
  return servers;
}

}  // namespace spillway::cmd
