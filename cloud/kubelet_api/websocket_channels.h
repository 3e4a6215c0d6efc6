#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/kubelet_api/stream_handshake.h"
#include "net/websocket.h"

namespace spillway::cloud {

struct ChannelMessage {
  std::uint8_t channel = 0;
  std::string bytes;
  bool is_close = false;  // the client sends no more on this channel (v5)
};

// The *.channel.k8s.io protocols: the first byte of each WebSocket message says which channel it belongs to; in base64
// it is a digit, and the rest is encoded. Pings are answered. Pure.
class WebSocketChannels {
 public:
  explicit WebSocketChannels(const StreamProtocol& protocol);

  // False: the client closes, or broke the rules; send TakeOutput() and end.
  bool Feed(std::string_view bytes, std::vector<ChannelMessage>& messages);
  void Put(std::uint8_t channel, std::string_view bytes);
  void PutClose();
  std::string TakeOutput() { return std::exchange(output_, {}); }

 private:
  bool Take(net::WebSocketMessage message, std::vector<ChannelMessage>& messages);

  const bool is_base64_, has_close_signal_;
  net::WebSocketDecoder decoder_;
  bool is_closed_ = false;
  std::string output_;
};

// Bytes carried in binary messages, in both directions. Pure.
class WebSocketTunnel {
 public:
  WebSocketTunnel();
  // As WebSocketChannels::Feed().
  bool Feed(std::string_view bytes, std::string& payload);
  void Put(std::string_view payload);
  std::string TakeOutput() { return std::exchange(output_, {}); }

 private:
  net::WebSocketDecoder decoder_;
  std::string output_;
};

}  // namespace spillway::cloud
