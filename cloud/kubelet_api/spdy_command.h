#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/kubelet_api/command_channels.h"
#include "net/spdy.h"

namespace spillway::cloud {

// Exec and attach over SPDY/3.1: streams that name their purpose in the header streamType.
class SpdyCommand final : public CommandChannels {
 public:
  SpdyCommand(StreamProtocol protocol, const CommandStreams& streams);

  bool Feed(std::string_view bytes, std::vector<CommandInput>& inputs) override;
  bool is_ready() const override;
  void PutOutput(OutputStream stream, std::string_view bytes) override;
  void EndOutput(OutputStream stream) override;
  void PutStatus(const CommandStatus& status) override;
  std::string TakeOutput() override { return session_.TakeOutput(); }

 private:
  void OnOpened(const net::SpdyEvent& event);
  // 0 when the client has not opened it.
  net::SpdyStreamId StreamOf(const std::string& purpose) const;

  const StreamProtocol protocol_;
  std::map<std::string, net::SpdyStreamId> wanted_;  // by purpose; 0 until it is opened
  net::SpdySession session_;
  ResizeReader resize_;
};

}  // namespace spillway::cloud
