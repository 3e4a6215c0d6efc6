#include "cmd/flags/endpoint_flags.h"

#include <fmt/core.h>

DEFINE_int32(port, 0, "Port to serve the API on, on 127.0.0.1. 0 takes any free one.");
DEFINE_string(
    kubeconfig_out, "",
    "Where to write an administrator's kubeconfig, once the API is served. Empty: into a temporary folder that "
    "goes with the process.");

namespace spillway::cmd {

Result<std::uint16_t> EndpointPort() {
  if (FLAGS_port < 0 || FLAGS_port > 65535)
    return Fail(Code::kInvalidArgument, fmt::format("--port={} is no port", FLAGS_port));
  return static_cast<std::uint16_t>(FLAGS_port);
}

std::string KubeconfigOut() { return FLAGS_kubeconfig_out; }

}  // namespace spillway::cmd
