#include "cloud/kubelet_api/spdy_command.h"

#include <algorithm>

namespace spillway::cloud {
namespace {

constexpr char kErrorStream[] = "error", kStdinStream[] = "stdin", kResizeStream[] = "resize";

const char* PurposeOf(OutputStream stream) { return stream == OutputStream::kStdout ? "stdout" : "stderr"; }

}  // namespace

SpdyCommand::SpdyCommand(StreamProtocol protocol, const CommandStreams& streams) : protocol_(std::move(protocol)) {
  wanted_[kErrorStream] = 0;
  if (streams.has_stdin) wanted_[kStdinStream] = 0;
  if (streams.has_stdout) wanted_["stdout"] = 0;
  if (streams.has_stderr) wanted_["stderr"] = 0;
  if (streams.is_terminal && protocol_.has_resize()) wanted_[kResizeStream] = 0;
}

net::SpdyStreamId SpdyCommand::StreamOf(const std::string& purpose) const {
  const auto found = wanted_.find(purpose);
  return found == wanted_.end() ? 0 : found->second;
}

void SpdyCommand::OnOpened(const net::SpdyEvent& event) {
  const auto wanted = wanted_.find(std::string(event.Header("streamtype")));
  if (wanted == wanted_.end() || wanted->second != 0) {
    session_.Reset(event.stream, net::SpdyResetStatus::kRefusedStream);
    return;
  }
  wanted->second = event.stream;
  session_.Accept(event.stream);
}

bool SpdyCommand::Feed(std::string_view bytes, std::vector<CommandInput>& inputs) {
  std::vector<net::SpdyEvent> events;
  const bool goes_on = session_.Feed(bytes, events);
  for (net::SpdyEvent& event : events) {
    const bool is_stdin = event.stream != 0 && event.stream == StreamOf(kStdinStream);
    const bool is_resize = event.stream != 0 && event.stream == StreamOf(kResizeStream);
    switch (event.kind) {
      case net::SpdyEvent::Kind::kOpened:
        OnOpened(event);
        break;
      case net::SpdyEvent::Kind::kData:
        if (is_stdin) inputs.push_back({CommandInput::Kind::kStdin, std::move(event.bytes), {}});
        if (is_resize && !resize_.Feed(event.bytes, inputs)) return false;
        break;
      case net::SpdyEvent::Kind::kFinished:
      case net::SpdyEvent::Kind::kReset:
        if (is_stdin) inputs.push_back({CommandInput::Kind::kStdinEnd, "", {}});
        break;
      case net::SpdyEvent::Kind::kGoAway:
        break;  // no new streams; the open ones go on
    }
  }
  return goes_on;
}

bool SpdyCommand::is_ready() const {
  return std::all_of(wanted_.begin(), wanted_.end(), [](const auto& entry) { return entry.second != 0; });
}

void SpdyCommand::PutOutput(OutputStream stream, std::string_view bytes) {
  session_.Send(StreamOf(PurposeOf(stream)), bytes);
}

void SpdyCommand::EndOutput(OutputStream stream) { session_.Finish(StreamOf(PurposeOf(stream))); }

void SpdyCommand::PutStatus(const CommandStatus& status) {
  const std::string text = protocol_.has_status()
                               ? StatusOf(status).dump(-1, ' ', false, Json::error_handler_t::replace)
                               : StatusText(status);
  session_.Send(StreamOf(kErrorStream), text);
  for (const auto& [purpose, stream] : wanted_) session_.Finish(stream);
}

}  // namespace spillway::cloud
