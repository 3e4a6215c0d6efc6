#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/kubelet_api/command_channels.h"
#include "cloud/kubelet_api/websocket_channels.h"

namespace spillway::cloud {

// Exec and attach over a WebSocket: stdin, stdout, stderr, error and resize are the channels 0 to 4.
class WebSocketCommand final : public CommandChannels {
 public:
  WebSocketCommand(StreamProtocol protocol, const CommandStreams& streams);

  bool Feed(std::string_view bytes, std::vector<CommandInput>& inputs) override;
  bool is_ready() const override { return true; }
  void PutOutput(OutputStream stream, std::string_view bytes) override;
  void EndOutput(OutputStream /*stream*/) override {}  // these protocols have no way to say so
  void PutStatus(const CommandStatus& status) override;
  std::string TakeOutput() override { return channels_.TakeOutput(); }

 private:
  const StreamProtocol protocol_;
  const CommandStreams streams_;
  WebSocketChannels channels_;
  ResizeReader resize_;
};

}  // namespace spillway::cloud
