#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "cloud/kubelet_api/stream_handshake.h"
#include "cloud/streams.h"
#include "net/http_server.h"

namespace spillway::cloud {

// The ports of /portForward's query; none over SPDY, where each connection names its own.
Result<std::vector<std::uint16_t>> ParseForwardQuery(std::string_view query, const StreamProtocol& protocol);

// Connects a client with ports of an instance until the client goes: any number of connections, each half-closed on its
// own. What cannot be connected is told on the connection's error stream.
Task<void> ServePortForward(Runtime& runtime, InstanceStreams& streams, std::string instance_id,
                            StreamProtocol protocol, std::vector<std::uint16_t> ports,
                            std::shared_ptr<net::UpgradedConnection> connection);

}  // namespace spillway::cloud
