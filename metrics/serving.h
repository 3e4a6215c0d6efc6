#pragma once

#include "metrics/health.h"
#include "metrics/registry.h"
#include "net/http_server.h"

namespace spillway::metrics {

// GET /metrics. `registry` outlives the server that uses the handler.
net::Handler MetricsHandler(Registry& registry);
// GET /livez, /readyz, /healthz. `health` outlives the server that uses the handler.
net::Handler HealthHandler(const Health& health);

// Keeps process_* in `registry` up to date, from /proc/self.
[[nodiscard]] ScrapeHook ExportProcessMetrics(Registry& registry);

}  // namespace spillway::metrics
