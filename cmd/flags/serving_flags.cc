#include "cmd/flags/serving_flags.h"

#include <fmt/core.h>

#include <charconv>

DEFINE_string(metrics_bind_address, ":8080", "Where /metrics is served, as host:port; 0 switches it off.");
DEFINE_string(health_probe_bind_address, ":8081",
              "Where /livez, /readyz and /healthz are served, as host:port; 0 switches them off.");

namespace spillway::cmd {

Result<std::optional<BindAddress>> ParseBindAddress(std::string_view flag, std::string_view text) {
  if (text == "0" || text.empty()) return std::nullopt;
  const std::size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  const std::string_view port_text = colon == std::string_view::npos ? text : text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);

  BindAddress bind{host.empty() ? "0.0.0.0" : std::string(host)};
  const char* end = port_text.data() + port_text.size();
  const auto [stop, error] = std::from_chars(port_text.data(), end, bind.port);
  if (colon == std::string_view::npos || error != std::errc() || stop != end) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--{}={}: want host:port such as :8080 or 127.0.0.1:8080, or 0 for none", flag, text));
  }
  return bind;
}

Result<std::optional<BindAddress>> MetricsBindAddress() {
  return ParseBindAddress("metrics-bind-address", FLAGS_metrics_bind_address);
}
Result<std::optional<BindAddress>> HealthProbeBindAddress() {
  return ParseBindAddress("health-probe-bind-address", FLAGS_health_probe_bind_address);
}

}  // namespace spillway::cmd
