#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "metrics/serving.h"
#include "net/http_server.h"

namespace spillway::cmd {

// What a process has to end in order: within the 30 s of terminationGracePeriodSeconds.
inline constexpr Duration kShutdownGrace = std::chrono::seconds(20);

// What --metrics-bind-address and --health-probe-bind-address serve; it outlives them.
struct ObservabilityServers {
  std::unique_ptr<net::HttpServer> metrics, health;  // null: switched off
};
// `at_metrics`: /metrics and what else there is (metrics::MetricsHandler, ExplainHandler). An error names the flag and
// the address that cannot be had.
Result<ObservabilityServers> ServeObservability(Runtime& runtime, net::Handler at_metrics,
                                                const metrics::Health& health);

}  // namespace spillway::cmd
