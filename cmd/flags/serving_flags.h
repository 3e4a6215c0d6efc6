#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "cmd/flags/flags.h"

// Where a subcommand serves metrics and health: --metrics-bind-address, --health-probe-bind-address.
namespace spillway::cmd {

inline constexpr FlagGroup kServingFlags = {"Serving", "cmd/flags/serving_flags.cc"};

struct BindAddress {
  std::string address;  // "0.0.0.0", "127.0.0.1", "::"
  std::uint16_t port = 0;
  bool operator==(const BindAddress&) const = default;
};

// ":8080", "127.0.0.1:8080", "[::1]:8080"; "0" switches the server off (nullopt); port 0 takes any free one.
Result<std::optional<BindAddress>> ParseBindAddress(std::string_view flag, std::string_view text);

Result<std::optional<BindAddress>> MetricsBindAddress();
Result<std::optional<BindAddress>> HealthProbeBindAddress();

}  // namespace spillway::cmd
