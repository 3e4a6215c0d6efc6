#include "net/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace spillway::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A client's frame.
std::string ClientFrame(unsigned first, std::string_view payload, std::string_view mask = "\x01\x7f\x80\xff") {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += static_cast<char>(0x80 | 127);
    for (int i = 7; i >= 0; --i) frame += static_cast<char>(payload.size() >> (8 * i) & 0xff);
  }
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

struct Heard {
  std::vector<std::string> messages;  // "<opcode>:<payload>"
  std::uint16_t close_code = 0;
};
// Byte by byte or at once, the same is heard.
Heard Hear(std::string_view bytes, std::size_t step, std::size_t limit = 1000) {
  WebSocketDecoder decoder(limit);
  Heard heard;
  while (!bytes.empty()) {
    std::vector<WebSocketMessage> messages;
    const bool goes_on = decoder.Feed(bytes.substr(0, step), messages);
    for (const auto& m : messages) {
      heard.messages.push_back(std::to_string(static_cast<int>(m.opcode)) + ":" + m.payload);
    }
    if (!goes_on) break;
    bytes.remove_prefix(std::min(step, bytes.size()));
  }
  heard.close_code = decoder.close_code();
  return heard;
}

TEST(WebSocket, AcceptsAsTheStandardsExampleDoes) {
  EXPECT_EQ(WebSocketAccept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocket, ReadsMessagesAndTheirPartsAndWhatComesBetween) {
  const std::string bytes = ClientFrame(0x82, "binary") + ClientFrame(0x81, "text") + ClientFrame(0x02, "in ") +
                            ClientFrame(0x89, "ping") + ClientFrame(0x00, "three ") + ClientFrame(0x80, "parts") +
                            ClientFrame(0x82, "") + ClientFrame(0x82, std::string(300, 'l')) +
                            ClientFrame(0x88, "\x03\xe8");
  for (const std::size_t step : {1, 3, 100000}) {
    const Heard heard = Hear(bytes, step);
    EXPECT_THAT(heard.messages, ElementsAre("2:binary", "1:text", "9:ping", "2:in three parts",
                                            "2:", "2:" + std::string(300, 'l'), "8:\x03\xe8"));
    EXPECT_EQ(heard.close_code, 0);
  }
}

TEST(WebSocket, EndsWithWhoBreaksTheRules) {
  const std::string unmasked = "\x82\x01x";
  const std::string huge = std::string("\x82\xff", 2) + std::string(8, '\xff') + "mask";
  for (const auto& [bytes, code] : std::vector<std::pair<std::string, int>>{
           {unmasked, 1002},
           {ClientFrame(0xc2, "reserved bit"), 1002},
           {ClientFrame(0x83, "unknown opcode"), 1002},
           {ClientFrame(0x09, "a ping in parts"), 1002},
           {ClientFrame(0x89, std::string(126, 'p')), 1002},
           {ClientFrame(0x80, "continues nothing"), 1002},
           {ClientFrame(0x02, "begun") + ClientFrame(0x82, "begun again"), 1002},
           {ClientFrame(0x82, std::string(1001, 'b')), 1009},
           {ClientFrame(0x02, std::string(600, 'b')) + ClientFrame(0x80, std::string(600, 'b')), 1009},
           {huge, 1009}}) {
    EXPECT_EQ(Hear(bytes, 1).close_code, code) << ::testing::PrintToString(bytes);
    EXPECT_EQ(Hear(bytes, 100000).close_code, code);
  }
}

RC_GTEST_PROP(WebSocket, AnyBytesAreReadTheSameInAnyPieces, ()) {
  const auto bytes = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  const Heard whole = Hear(bytes, 100000, 64), bytewise = Hear(bytes, 1, 64);
  RC_ASSERT(whole.messages == bytewise.messages);
  RC_ASSERT(whole.close_code == bytewise.close_code);
}

TEST(WebSocket, WritesFramesOfAnyLength) {
  EXPECT_EQ(WebSocketFrame(WebSocketOpcode::kBinary, "abc"),
            "\x82\x03"
            "abc");
  EXPECT_EQ(WebSocketFrame(WebSocketOpcode::kBinary, std::string(126, 'x')).substr(0, 4),
            std::string("\x82\x7e\x00\x7e", 4));
  EXPECT_EQ(WebSocketFrame(WebSocketOpcode::kBinary, std::string(65536, 'x')).substr(0, 10),
            std::string("\x82\x7f\0\0\0\0\0\x01\0\0", 10));
  EXPECT_EQ(WebSocketCloseFrame(1000, "done"), std::string("\x88\x06\x03\xe8"
                                                           "done"));
}

}  // namespace
}  // namespace spillway::net
