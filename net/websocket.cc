#include "net/websocket.h"

#include <openssl/evp.h>

#include <algorithm>

namespace spillway::net {
namespace {

constexpr std::size_t kMaxControl = 125;

bool IsControl(WebSocketOpcode opcode) { return (static_cast<unsigned>(opcode) & 8u) != 0; }

bool IsKnown(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

unsigned ByteAt(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

}  // namespace

std::string WebSocketAccept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) != 1) return {};
  unsigned char base64[64];
  const int length = EVP_EncodeBlock(base64, digest, static_cast<int>(size));
  return {reinterpret_cast<const char*>(base64), static_cast<std::size_t>(length)};
}

bool WebSocketDecoder::Violation(std::uint16_t code) {
  close_code_ = code;
  message_.payload.clear();
  return false;
}

bool WebSocketDecoder::ReadHead() {
  if (head_.size() < 2) return false;
  const unsigned first = ByteAt(head_, 0), second = ByteAt(head_, 1);
  const std::size_t length_size = (second & 0x7f) == 127 ? 8 : (second & 0x7f) == 126 ? 2 : 0;
  if ((first & 0x70) != 0 || !IsKnown(first & 0x0f) || (second & 0x80) == 0) return Violation(kWebSocketProtocolError);
  opcode_ = static_cast<WebSocketOpcode>(first & 0x0f);
  is_last_ = (first & 0x80) != 0;
  if (IsControl(opcode_) && (!is_last_ || length_size != 0)) return Violation(kWebSocketProtocolError);
  if (!IsControl(opcode_) && (opcode_ == WebSocketOpcode::kContinuation) != in_message_) {
    return Violation(kWebSocketProtocolError);
  }
  if (head_.size() < 2 + length_size + 4) return false;
  left_ = second & 0x7f;
  if (length_size > 0) {
    left_ = 0;
    for (std::size_t i = 0; i < length_size; ++i) left_ = left_ << 8 | ByteAt(head_, 2 + i);
  }
  if (!IsControl(opcode_) && left_ > max_message_ - message_.payload.size()) return Violation(kWebSocketMessageTooBig);
  std::copy_n(head_.end() - 4, 4, mask_);
  offset_ = 0;
  return true;
}

void WebSocketDecoder::EndFrame(std::vector<WebSocketMessage>& messages) {
  in_frame_ = false;
  head_.clear();
  if (IsControl(opcode_)) {
    messages.push_back({opcode_, std::move(control_)});
    control_.clear();
  } else if (is_last_) {
    messages.push_back(std::move(message_));
    message_ = {};
    in_message_ = false;
  }
}

bool WebSocketDecoder::Feed(std::string_view bytes, std::vector<WebSocketMessage>& messages) {
  while (close_code_ == 0 && (!bytes.empty() || (in_frame_ && left_ == 0))) {
    if (!in_frame_) {
      head_ += bytes.front();
      bytes.remove_prefix(1);
      in_frame_ = ReadHead();
      if (!in_frame_) continue;
      if (!IsControl(opcode_) && !in_message_) {
        message_.opcode = opcode_;
        in_message_ = true;
      }
    }
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    std::string& into = IsControl(opcode_) ? control_ : message_.payload;
    for (std::size_t i = 0; i < size; ++i) {
      into += static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ mask_[(offset_ + i) % 4]);
    }
    offset_ += size;
    left_ -= size;
    bytes.remove_prefix(size);
    if (left_ == 0) EndFrame(messages);
  }
  return close_code_ == 0;
}

std::string WebSocketFrame(WebSocketOpcode opcode, std::string_view payload) {
  std::string frame(1, static_cast<char>(0x80u | static_cast<unsigned>(opcode)));
  const std::size_t length_size = payload.size() <= kMaxControl ? 0 : payload.size() <= 0xffff ? 2 : 8;
  frame += static_cast<char>(length_size == 0 ? payload.size() : length_size == 2 ? 126 : 127);
  for (std::size_t i = length_size; i-- > 0;) frame += static_cast<char>(payload.size() >> (8 * i) & 0xff);
  return frame.append(payload);
}

std::string WebSocketCloseFrame(std::uint16_t code, std::string_view reason) {
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  payload += reason.substr(0, kMaxControl - 2);
  return WebSocketFrame(WebSocketOpcode::kClose, payload);
}

}  // namespace spillway::net
