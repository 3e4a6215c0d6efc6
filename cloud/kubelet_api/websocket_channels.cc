#include "cloud/kubelet_api/websocket_channels.h"

#include <openssl/evp.h>

#include <algorithm>
#include <optional>

namespace spillway::cloud {
namespace {

using net::WebSocketOpcode;

constexpr std::size_t kMaxMessage = 4u << 20;
constexpr std::size_t kPayload = 32u << 10;  // of one message of ours
constexpr std::uint8_t kCloseSignal = 255;
constexpr std::size_t kMaxPongs = 1u << 20;  // of answers to pings

std::optional<std::string> Base64Decoded(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const auto padding =
      static_cast<std::size_t>(std::count(text.end() - std::min<std::size_t>(2, text.size()), text.end(), '='));
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::string Base64Encoded(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// What is not data: answers a ping, and says whether the conversation goes on.
bool OnControl(const net::WebSocketMessage& message, std::string& output) {
  if (message.opcode == WebSocketOpcode::kPing) output += net::WebSocketFrame(WebSocketOpcode::kPong, message.payload);
  if (message.opcode == WebSocketOpcode::kClose) output += net::WebSocketCloseFrame(net::kWebSocketNormalClosure, "");
  return message.opcode != WebSocketOpcode::kClose && output.size() <= kMaxPongs;
}

bool IsData(const net::WebSocketMessage& message) {
  return message.opcode == WebSocketOpcode::kBinary || message.opcode == WebSocketOpcode::kText;
}

}  // namespace

WebSocketChannels::WebSocketChannels(const StreamProtocol& protocol)
    : is_base64_(protocol.is_base64), has_close_signal_(protocol.has_close_signal()), decoder_(kMaxMessage) {}

bool WebSocketChannels::Take(net::WebSocketMessage message, std::vector<ChannelMessage>& messages) {
  if (!IsData(message)) return OnControl(message, output_);
  std::string& payload = message.payload;
  if (payload.empty()) return true;
  auto channel = static_cast<std::uint8_t>(payload.front());
  if (has_close_signal_ && channel == kCloseSignal) {
    if (payload.size() != 2) return false;
    messages.push_back({static_cast<std::uint8_t>(payload[1]), "", true});
    return true;
  }
  payload.erase(0, 1);
  if (is_base64_) {
    channel = static_cast<std::uint8_t>(channel - '0');
    std::optional<std::string> decoded = Base64Decoded(payload);
    if (!decoded) return false;
    payload = *std::move(decoded);
  }
  messages.push_back({channel, std::move(payload), false});
  return true;
}

bool WebSocketChannels::Feed(std::string_view bytes, std::vector<ChannelMessage>& messages) {
  if (is_closed_) return false;
  std::vector<net::WebSocketMessage> frames;
  bool goes_on = decoder_.Feed(bytes, frames);
  if (!goes_on) output_ += net::WebSocketCloseFrame(decoder_.close_code(), "");
  for (net::WebSocketMessage& frame : frames) {
    if (is_closed_) break;
    is_closed_ = !Take(std::move(frame), messages);
  }
  is_closed_ = is_closed_ || !goes_on;
  return !is_closed_;
}

void WebSocketChannels::Put(std::uint8_t channel, std::string_view bytes) {
  do {
    const std::string_view piece = bytes.substr(0, kPayload);
    bytes.remove_prefix(piece.size());
    if (is_base64_) {
      output_ += net::WebSocketFrame(WebSocketOpcode::kText,
                                     std::string(1, static_cast<char>('0' + channel)) + Base64Encoded(piece));
    } else {
      output_ +=
          net::WebSocketFrame(WebSocketOpcode::kBinary, std::string(1, static_cast<char>(channel)).append(piece));
    }
  } while (!bytes.empty());
}

void WebSocketChannels::PutClose() {
  output_ += net::WebSocketCloseFrame(net::kWebSocketNormalClosure, "");
  is_closed_ = true;
}

WebSocketTunnel::WebSocketTunnel() : decoder_(kMaxMessage) {}

bool WebSocketTunnel::Feed(std::string_view bytes, std::string& payload) {
  std::vector<net::WebSocketMessage> frames;
  const bool goes_on = decoder_.Feed(bytes, frames);
  if (!goes_on) output_ += net::WebSocketCloseFrame(decoder_.close_code(), "");
  for (const net::WebSocketMessage& frame : frames) {
    if (IsData(frame)) {
      payload += frame.payload;
    } else if (!OnControl(frame, output_)) {
      return false;
    }
  }
  return goes_on;
}

void WebSocketTunnel::Put(std::string_view payload) {
  if (!payload.empty()) output_ += net::WebSocketFrame(WebSocketOpcode::kBinary, payload);
}

}  // namespace spillway::cloud
