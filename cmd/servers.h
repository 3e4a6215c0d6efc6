#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "metrics/serving.h"
#include "net/http_server.h"

namespace spillway::cmd {

// /metrics and the health endpoints, where --metrics-bind-address and --health-probe-bind-address say. What they serve
// outlives them.
struct ObservabilityServers {
  std::unique_ptr<net::HttpServer> metrics, health;  // null: switched off
};
// An error names the flag and the address that cannot be had.
Result<ObservabilityServers> ServeObservability(Runtime& runtime, metrics::Registry& registry,
                                                const metrics::Health& health);

}  // namespace spillway::cmd
