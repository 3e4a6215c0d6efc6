#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cmd/flags/flags.h"

// Where an API that this process itself serves is found: --port, --kubeconfig-out.
namespace spillway::cmd {

inline constexpr FlagGroup kEndpointFlags = {"Endpoint", "cmd/flags/endpoint_flags.cc"};

Result<std::uint16_t> EndpointPort();
std::string KubeconfigOut();

}  // namespace spillway::cmd
