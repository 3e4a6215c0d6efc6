#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The server's side of RFC 6455 after the handshake: pure, no I/O, no extensions.
namespace spillway::net {

// Sec-WebSocket-Accept for a client's Sec-WebSocket-Key.
std::string WebSocketAccept(std::string_view key);

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

struct WebSocketMessage {
  WebSocketOpcode opcode = WebSocketOpcode::kBinary;  // never kContinuation
  std::string payload;
};

// Makes messages of the bytes a client sends. Whatever these are, it holds at most one message of `max_message` bytes.
class WebSocketDecoder {
 public:
  explicit WebSocketDecoder(std::size_t max_message) : max_message_(max_message) {}

  // Appends what is complete. False from the first violation of the protocol on: the connection has to be closed, with
  // close_code().
  bool Feed(std::string_view bytes, std::vector<WebSocketMessage>& messages);
  std::uint16_t close_code() const { return close_code_; }

 private:
  // True when a frame's head was read; false when it is not complete, or wrong.
  bool ReadHead();
  bool Violation(std::uint16_t code);
  void EndFrame(std::vector<WebSocketMessage>& messages);

  std::size_t max_message_;
  std::string head_;  // of the frame that begins, as far as it has come
  bool in_frame_ = false, is_last_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::kBinary;
  std::uint64_t left_ = 0;    // of the frame's payload
  std::uint64_t offset_ = 0;  // of the next byte in it
  unsigned char mask_[4] = {};
  std::string control_;       // payload of a control frame, which may come between the parts of a message
  WebSocketMessage message_;  // the parts that have come
  bool in_message_ = false;
  std::uint16_t close_code_ = 0;  // not 0: broken
};

// One whole, unmasked frame, as servers send them.
std::string WebSocketFrame(WebSocketOpcode opcode, std::string_view payload);
std::string WebSocketCloseFrame(std::uint16_t code, std::string_view reason);

inline constexpr std::uint16_t kWebSocketNormalClosure = 1000, kWebSocketProtocolError = 1002,
                               kWebSocketMessageTooBig = 1009;

}  // namespace spillway::net
