#include "cloud/kubelet_api/forward_channels.h"

#include <charconv>
#include <optional>

namespace spillway::cloud {
namespace {

constexpr std::size_t kMaxHalfOpen = 256;

std::optional<std::uint16_t> PortOf(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

std::unique_ptr<ForwardChannels> NewForwardChannels(const StreamProtocol& protocol,
                                                    const std::vector<std::uint16_t>& ports) {
  if (protocol.carrier == StreamCarrier::kWebSocket) return std::make_unique<WebSocketForward>(protocol, ports);
  return std::make_unique<SpdyForward>(protocol.carrier);
}

SpdyForward::SpdyForward(StreamCarrier carrier) : is_tunnelled_(carrier == StreamCarrier::kSpdyOverWebSocket) {}

std::string SpdyForward::TakeOutput() {
  if (!is_tunnelled_) return session_.TakeOutput();
  tunnel_.Put(session_.TakeOutput());
  return tunnel_.TakeOutput();
}

bool SpdyForward::Feed(std::string_view bytes, std::vector<ForwardEvent>& events) {
  std::string payload;
  const bool is_carried = !is_tunnelled_ || tunnel_.Feed(bytes, payload);
  std::vector<net::SpdyEvent> heard;
  const bool goes_on = session_.Feed(is_tunnelled_ ? std::string_view(payload) : bytes, heard);
  for (net::SpdyEvent& event : heard) OnEvent(std::move(event), events);
  return is_carried && goes_on;
}

void SpdyForward::OnOpened(const net::SpdyEvent& event, std::vector<ForwardEvent>& events) {
  const std::string_view type = event.Header("streamtype");
  const std::optional<std::uint16_t> port = PortOf(event.Header("port"));
  const bool is_data = type == "data";
  if (!port || (!is_data && type != "error") || half_open_.size() >= kMaxHalfOpen) {
    return session_.Reset(event.stream, net::SpdyResetStatus::kRefusedStream);
  }
  // Old clients give no id, but open the error stream directly before that for data.
  std::string id(event.Header("requestid"));
  if (id.empty()) id = "#" + std::to_string(is_data ? event.stream - 2 : event.stream);
  Pair& pair = half_open_[id];
  net::SpdyStreamId& place = is_data ? pair.data : pair.error;
  if (place != 0) return session_.Reset(event.stream, net::SpdyResetStatus::kProtocolError);
  place = event.stream;
  session_.Accept(event.stream);
  if (pair.data == 0 || pair.error == 0) return;
  pairs_[pair.data] = pair.error;
  events.push_back({ForwardEvent::Kind::kOpened, pair.data, *port, ""});
  half_open_.erase(id);
}

void SpdyForward::OnEvent(net::SpdyEvent event, std::vector<ForwardEvent>& events) {
  if (event.kind == net::SpdyEvent::Kind::kOpened) return OnOpened(event, events);
  if (event.kind == net::SpdyEvent::Kind::kReset) {
    std::erase_if(half_open_, [&](const auto& entry) {
      return entry.second.data == event.stream || entry.second.error == event.stream;
    });
  }
  if (!pairs_.contains(event.stream)) return;  // what comes on the error stream is of no interest
  switch (event.kind) {
    case net::SpdyEvent::Kind::kData:
      events.push_back({ForwardEvent::Kind::kData, event.stream, 0, std::move(event.bytes)});
      break;
    case net::SpdyEvent::Kind::kFinished:
      events.push_back({ForwardEvent::Kind::kFinished, event.stream, 0, ""});
      break;
    case net::SpdyEvent::Kind::kReset:
      events.push_back({ForwardEvent::Kind::kReset, event.stream, 0, ""});
      break;
    default:
      break;
  }
}

void SpdyForward::Put(ForwardId id, std::string_view bytes) { session_.Send(id, bytes); }

void SpdyForward::Finish(ForwardId id) {
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  session_.Finish(id);
  session_.Finish(found->second);
}

void SpdyForward::Break(ForwardId id, std::string_view why) {
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  session_.Send(found->second, why);
  session_.Finish(found->second);
  session_.Reset(id, net::SpdyResetStatus::kCancel);
}

// What the client has not finished is reset, so that no stream stays.
void SpdyForward::Forget(ForwardId id) {
  const auto found = pairs_.find(id);
  if (found == pairs_.end()) return;
  session_.Finish(id);
  session_.Finish(found->second);
  session_.Reset(id, net::SpdyResetStatus::kCancel);
  session_.Reset(found->second, net::SpdyResetStatus::kCancel);
  pairs_.erase(found);
}

WebSocketForward::WebSocketForward(const StreamProtocol& protocol, std::vector<std::uint16_t> ports)
    : ports_(std::move(ports)), channels_(protocol), open_(ports_.size()) {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const std::string port = {static_cast<char>(ports_[i] & 0xff), static_cast<char>(ports_[i] >> 8)};
    channels_.Put(static_cast<std::uint8_t>(2 * i), port);
    channels_.Put(static_cast<std::uint8_t>(2 * i + 1), port);
  }
}

bool WebSocketForward::Feed(std::string_view bytes, std::vector<ForwardEvent>& events) {
  if (!std::exchange(is_begun_, true)) {
    for (ForwardId id = 0; id < ports_.size(); ++id)
      events.push_back({ForwardEvent::Kind::kOpened, id, ports_[id], ""});
  }
  std::vector<ChannelMessage> messages;
  const bool goes_on = channels_.Feed(bytes, messages);
  for (ChannelMessage& message : messages) {
    if (message.channel % 2 != 0 || message.channel / 2 >= ports_.size()) continue;
    if (!message.bytes.empty()) {
      events.push_back({ForwardEvent::Kind::kData, message.channel / 2u, 0, std::move(message.bytes)});
    }
  }
  return goes_on;
}

void WebSocketForward::Put(ForwardId id, std::string_view bytes) {
  channels_.Put(static_cast<std::uint8_t>(2 * id), bytes);
}

void WebSocketForward::Finish(ForwardId /*id*/) {
  if (--open_ == 0) channels_.PutClose();
}

void WebSocketForward::Break(ForwardId id, std::string_view why) {
  channels_.Put(static_cast<std::uint8_t>(2 * id + 1), why);
  Finish(id);
}

}  // namespace spillway::cloud
