#pragma once

#include <memory>
#include <string_view>

#include "base/runtime.h"
#include "cloud/kubelet_api/command_channels.h"
#include "cloud/streams.h"
#include "net/http_server.h"

namespace spillway::cloud {

// The query of /exec and /attach.
struct CommandQuery {
  CommandStreams streams;
  std::vector<std::string> command;
};
// kInvalidArgument: nothing is to be connected. A terminal has no stderr of its own, whatever the client asks for.
Result<CommandQuery> ParseCommandQuery(std::string_view query);

// Connects a client with a command until the command has ended and all it put out is sent, or until the client goes,
// which ends the command. Each side is read only as fast as the other takes it.
Task<void> ServeCommand(Runtime& runtime, std::shared_ptr<ContainerSession> session, StreamProtocol protocol,
                        CommandStreams streams, std::shared_ptr<net::UpgradedConnection> connection);

}  // namespace spillway::cloud
