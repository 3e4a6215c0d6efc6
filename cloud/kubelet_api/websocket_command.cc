#include "cloud/kubelet_api/websocket_command.h"

namespace spillway::cloud {
namespace {

constexpr std::uint8_t kStdin = 0, kStdout = 1, kStderr = 2, kErrorChannel = 3, kResizeChannel = 4;

}  // namespace

WebSocketCommand::WebSocketCommand(StreamProtocol protocol, const CommandStreams& streams)
    : protocol_(std::move(protocol)), streams_(streams), channels_(protocol_) {
  // An empty message tells clients that the connection stands.
  channels_.Put(streams.has_stdout ? kStdout : streams.has_stderr ? kStderr : kErrorChannel, "");
}

bool WebSocketCommand::Feed(std::string_view bytes, std::vector<CommandInput>& inputs) {
  std::vector<ChannelMessage> messages;
  const bool goes_on = channels_.Feed(bytes, messages);
  for (ChannelMessage& message : messages) {
    const bool is_stdin = streams_.has_stdin && message.channel == kStdin;
    if (message.is_close) {
      if (is_stdin) inputs.push_back({CommandInput::Kind::kStdinEnd, "", {}});
    } else if (is_stdin && !message.bytes.empty()) {
      inputs.push_back({CommandInput::Kind::kStdin, std::move(message.bytes), {}});
    } else if (message.channel == kResizeChannel && !resize_.Feed(message.bytes, inputs)) {
      channels_.PutClose();
      return false;
    }
  }
  return goes_on;
}

void WebSocketCommand::PutOutput(OutputStream stream, std::string_view bytes) {
  const bool is_wanted = stream == OutputStream::kStdout ? streams_.has_stdout : streams_.has_stderr;
  if (is_wanted) channels_.Put(stream == OutputStream::kStdout ? kStdout : kStderr, bytes);
}

void WebSocketCommand::PutStatus(const CommandStatus& status) {
  const std::string text = protocol_.has_status()
                               ? StatusOf(status).dump(-1, ' ', false, Json::error_handler_t::replace)
                               : StatusText(status);
  if (!text.empty()) channels_.Put(kErrorChannel, text);
  channels_.PutClose();
}

}  // namespace spillway::cloud
