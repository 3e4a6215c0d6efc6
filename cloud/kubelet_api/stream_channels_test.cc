#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cloud/kubelet_api/command_channels.h"
#include "cloud/kubelet_api/forward_channels.h"
#include "cloud/kubelet_api/port_forward.h"
#include "cloud/kubelet_api/remote_command.h"
#include "cloud/kubelet_api/stream_handshake.h"
#include "net/big_endian.h"
#include "net/spdy_headers.h"

namespace spillway::cloud {
namespace {

using net::internal::AppendBigEndian;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

net::ServerRequest Upgrade(const char* method, std::vector<std::pair<std::string, std::string>> headers) {
  net::ServerRequest request;
  request.method = method;
  request.headers = std::move(headers);
  request.headers.emplace_back("connection", "Upgrade");
  return request;
}
net::ServerRequest SocketUpgrade(const std::string& protocols) {
  return Upgrade("GET", {{"upgrade", "websocket"},
                         {"sec-websocket-version", "13"},
                         {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="},
                         {"sec-websocket-protocol", protocols}});
}
StreamProtocol Spoken(const std::string& name) {
  StreamProtocol protocol;
  protocol.carrier = StreamCarrier::kWebSocket;
  protocol.name = name;
  protocol.is_base64 = name.find("base64") != std::string::npos;
  return protocol;
}
std::string SocketFrame(std::string_view payload, unsigned first = 0x82) {
  std::string frame = {static_cast<char>(first), static_cast<char>(0x80 | payload.size()), 1, 2, 3, 4};
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame += static_cast<char>(payload[i] ^ static_cast<char>(i % 4 + 1));
  return frame;
}
// What kubectl sends over SPDY.
class SpdyPeer {
 public:
  std::string Open(std::uint32_t stream, const net::internal::SpdyHeaders& headers) {
    std::string payload;
    AppendBigEndian(payload, stream);
    AppendBigEndian(payload, 0);
    payload += std::string(2, '\0') + codec_.Encode(headers);
    return Frame(0x80030001, payload);
  }
  static std::string Frame(std::uint32_t word, std::string_view payload, std::uint32_t flags = 0) {
    std::string frame;
    AppendBigEndian(frame, word);
    AppendBigEndian(frame, flags << 24 | static_cast<std::uint32_t>(payload.size()));
    return frame.append(payload);
  }

 private:
  net::internal::SpdyHeaderCodec codec_;
};
std::vector<std::string> Texts(const std::vector<CommandInput>& inputs) {
  std::vector<std::string> texts;
  for (const CommandInput& input : inputs) {
    if (input.kind == CommandInput::Kind::kStdin) texts.push_back("stdin " + input.bytes);
    if (input.kind == CommandInput::Kind::kStdinEnd) texts.push_back("end");
    if (input.kind == CommandInput::Kind::kResize) {
      texts.push_back(std::to_string(input.size.columns) + "x" + std::to_string(input.size.rows));
    }
  }
  return texts;
}

TEST(StreamHandshake, SpeaksTheFirstThatTheClientWants) {
  const auto spdy =
      AcceptCommandStream(Upgrade("POST", {{"upgrade", "SPDY/3.1"},
                                           {"x-stream-protocol-version", "v9.channel.k8s.io"},
                                           {"x-stream-protocol-version", "v4.channel.k8s.io, channel.k8s.io"}}));
  ASSERT_TRUE(spdy);
  EXPECT_EQ(spdy->carrier, StreamCarrier::kSpdy);
  EXPECT_THAT(spdy->headers, ElementsAre(Pair("Connection", "Upgrade"), Pair("Upgrade", "SPDY/3.1"),
                                         Pair("X-Stream-Protocol-Version", "v4.channel.k8s.io")));
  const auto socket = AcceptCommandStream(SocketUpgrade("v5.channel.k8s.io,v4.channel.k8s.io"));
  ASSERT_TRUE(socket);
  EXPECT_TRUE(socket->has_close_signal() && socket->has_status());
  EXPECT_THAT(socket->headers, ::testing::Contains(Pair("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
  const auto tunnel = AcceptPortForward(SocketUpgrade("SPDY/3.1+portforward.k8s.io"));
  ASSERT_TRUE(tunnel);
  EXPECT_EQ(tunnel->carrier, StreamCarrier::kSpdyOverWebSocket);
  EXPECT_EQ(tunnel->name, "portforward.k8s.io");
}

TEST(StreamHandshake, RefusesWhatItDoesNotSpeak) {
  const auto status = [](const net::ServerRequest& request) {
    return AcceptCommandStream(request).error().http_status;
  };
  net::ServerRequest plain;
  plain.method = "POST";
  EXPECT_EQ(status(plain), 400);
  EXPECT_EQ(status(Upgrade("POST", {{"upgrade", "h2c"}})), 400);
  EXPECT_EQ(status(Upgrade("POST", {{"upgrade", "SPDY/3.1"}})), 400);
  EXPECT_EQ(status(Upgrade("POST", {{"upgrade", "SPDY/3.1"}, {"x-stream-protocol-version", "v9.channel.k8s.io"}})),
            403);
  EXPECT_EQ(status(SocketUpgrade("v9.channel.k8s.io")), 403);
  EXPECT_EQ(status(Upgrade("GET", {{"upgrade", "websocket"}, {"sec-websocket-version", "12"}})), 400);
}

TEST(CommandQuery, ATerminalHasNoStderrOfItsOwn) {
  const auto query = ParseCommandQuery("input=1&output=1&error=1&tty=1&command=sh&command=-c&command=echo+a%26b");
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->streams.has_stdin && query->streams.has_stdout && query->streams.is_terminal);
  EXPECT_FALSE(query->streams.has_stderr);
  EXPECT_THAT(query->command, ElementsAre("sh", "-c", "echo a&b"));
  EXPECT_FALSE(ParseCommandQuery("command=ls"));
}

TEST(CommandChannels, OverSpdyWaitForTheStreamsThatWereAnnounced) {
  StreamProtocol protocol;
  protocol.name = "v4.channel.k8s.io";
  const auto channels = NewCommandChannels(protocol, {true, true, false, true});
  SpdyPeer peer;
  std::vector<CommandInput> inputs;
  std::uint32_t stream = 1;
  for (const char* type : {"error", "stdin", "stdout", "resize"}) {
    EXPECT_FALSE(channels->is_ready());
    EXPECT_TRUE(channels->Feed(peer.Open(stream, {{"streamType", type}}), inputs));
    stream += 2;
  }
  EXPECT_TRUE(channels->is_ready());
  channels->TakeOutput();
  EXPECT_TRUE(channels->Feed(peer.Open(9, {{"streamtype", "mystery"}}), inputs));
  EXPECT_EQ(net::internal::BigEndianAt(channels->TakeOutput(), 0), 0x80030003u) << "refused";
  EXPECT_TRUE(channels->Feed(SpdyPeer::Frame(3, "ls\n") + SpdyPeer::Frame(7, "{\"Width\":80,\"Hei") +
                                 SpdyPeer::Frame(7, "ght\":24}\n{\"Width\":0,\"Height\":7}") +
                                 SpdyPeer::Frame(3, "", 1),
                             inputs));
  EXPECT_THAT(Texts(inputs), ElementsAre("stdin ls\n", "80x24", "end"));
  channels->PutOutput(OutputStream::kStdout, "out");
  EXPECT_EQ(channels->TakeOutput(), SpdyPeer::Frame(5, "out"));
  channels->PutStatus({3, ""});
  EXPECT_THAT(channels->TakeOutput(), HasSubstr(R"("reason":"NonZeroExitCode")"));
}

TEST(CommandChannels, OverWebSocketsKnowTheCloseSignalOfV5) {
  const auto channels = NewCommandChannels(Spoken("v5.channel.k8s.io"), {true, true, true, false});
  EXPECT_EQ(channels->TakeOutput(), std::string("\x82\x01\x01")) << "an empty message says that it stands";
  std::vector<CommandInput> inputs;
  EXPECT_TRUE(channels->Feed(SocketFrame(std::string("\0abc", 4)) + SocketFrame("ping", 0x89) +
                                 SocketFrame("\x04{\"Width\":5,\"Height\":6}") + SocketFrame(std::string("\xff\0", 2)),
                             inputs));
  EXPECT_THAT(Texts(inputs), ElementsAre("stdin abc", "5x6", "end"));
  EXPECT_EQ(channels->TakeOutput(), "\x8a\x04ping");
  channels->PutOutput(OutputStream::kStderr, "err");
  EXPECT_EQ(channels->TakeOutput(),
            "\x82\x04\x02"
            "err");
  channels->PutStatus({0, ""});
  EXPECT_THAT(channels->TakeOutput(), HasSubstr(R"("status":"Success"})"));
  const auto older = NewCommandChannels(Spoken("v4.channel.k8s.io"), {true, true, true, false});
  inputs.clear();
  EXPECT_TRUE(older->Feed(SocketFrame(std::string("\xff\0", 2)), inputs)) << "just a channel that nobody listens to";
  EXPECT_THAT(inputs, IsEmpty());
}

TEST(CommandChannels, OverWebSocketsMayBeText) {
  const auto channels = NewCommandChannels(Spoken("v4.base64.channel.k8s.io"), {true, true, false, false});
  channels->TakeOutput();
  std::vector<CommandInput> inputs;
  EXPECT_TRUE(channels->Feed(SocketFrame("0bHMK", 0x81) + SocketFrame("0YQ==", 0x81), inputs));
  EXPECT_THAT(Texts(inputs), ElementsAre("stdin ls\n", "stdin a"));
  channels->PutOutput(OutputStream::kStdout, "hi");
  EXPECT_EQ(channels->TakeOutput(),
            "\x81\x05"
            "1aGk=");
  EXPECT_FALSE(channels->Feed(SocketFrame("0!!!!", 0x81), inputs)) << "no base64";
}

TEST(CommandChannels, EndWhenTheClientClosesOrBreaksTheRules) {
  for (const std::string& bytes :
       {SocketFrame("\x03\xe8", 0x88), std::string("\x82\x01x"), SocketFrame("\xff"), SocketFrame("\x04no size")}) {
    const auto channels = NewCommandChannels(Spoken("v5.channel.k8s.io"), {true, true, true, false});
    std::vector<CommandInput> inputs;
    EXPECT_FALSE(channels->Feed(bytes, inputs)) << ::testing::PrintToString(bytes);
    EXPECT_FALSE(channels->Feed(SocketFrame(std::string("\0more", 5)), inputs));
  }
}

RC_GTEST_PROP(CommandChannels, TakeAnyBytes, ()) {
  const auto noise =
      *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
  StreamProtocol spdy;
  spdy.name = "v4.channel.k8s.io";
  for (const auto& protocol : {spdy, Spoken("v5.channel.k8s.io"), Spoken("base64.channel.k8s.io")}) {
    const auto channels = NewCommandChannels(protocol, {true, true, true, true});
    std::vector<CommandInput> inputs;
    for (const std::string& piece : noise) {
      if (!channels->Feed(piece, inputs)) break;
    }
    channels->PutStatus({0, ""});
    channels->TakeOutput();
  }
}

TEST(ForwardChannels, PairStreamsOverSpdyAlsoInATunnel) {
  for (const StreamCarrier carrier : {StreamCarrier::kSpdy, StreamCarrier::kSpdyOverWebSocket}) {
    StreamProtocol protocol;
    protocol.carrier = carrier;
    const auto channels = NewForwardChannels(protocol, {});
    const auto carried = [carrier](const std::string& bytes) {
      return carrier == StreamCarrier::kSpdy ? bytes : SocketFrame(bytes);
    };
    SpdyPeer peer;
    std::vector<ForwardEvent> events;
    EXPECT_TRUE(
        channels->Feed(carried(peer.Open(1, {{"streamtype", "error"}, {"port", "80"}, {"requestid", "0"}})), events));
    EXPECT_THAT(events, IsEmpty());
    EXPECT_TRUE(
        channels->Feed(carried(peer.Open(3, {{"streamtype", "data"}, {"port", "80"}, {"requestid", "0"}})), events));
    EXPECT_TRUE(channels->Feed(carried(SpdyPeer::Frame(3, "GET")), events));
    EXPECT_TRUE(channels->Feed(carried(SpdyPeer::Frame(3, "", 1)), events));
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].kind, ForwardEvent::Kind::kOpened);
    EXPECT_EQ(events[0].port, 80);
    EXPECT_EQ(events[1].bytes, "GET");
    EXPECT_EQ(events[2].kind, ForwardEvent::Kind::kFinished);
    channels->TakeOutput();
    channels->Put(3, "200");
    EXPECT_THAT(channels->TakeOutput(), HasSubstr(SpdyPeer::Frame(3, "200")));
    channels->Break(3, "nobody listens");
    EXPECT_THAT(channels->TakeOutput(), HasSubstr(SpdyPeer::Frame(1, "nobody listens")));
  }
}

TEST(ForwardChannels, RefuseStreamsThatMakeNoPair) {
  StreamProtocol protocol;
  const auto channels = NewForwardChannels(protocol, {});
  SpdyPeer peer;
  std::vector<ForwardEvent> events;
  std::uint32_t stream = 1;
  for (const net::internal::SpdyHeaders& headers :
       std::vector<net::internal::SpdyHeaders>{{{"streamtype", "data"}},
                                               {{"streamtype", "data"}, {"port", "0"}},
                                               {{"streamtype", "data"}, {"port", "65536"}},
                                               {{"streamtype", "x"}, {"port", "80"}}}) {
    EXPECT_TRUE(channels->Feed(peer.Open(stream, headers), events));
    EXPECT_EQ(net::internal::BigEndianAt(channels->TakeOutput(), 0), 0x80030003u);
    stream += 2;
  }
  EXPECT_THAT(events, IsEmpty());
}

TEST(ForwardChannels, OverWebSocketsHaveTwoChannelsForEachPort) {
  const auto channels = NewForwardChannels(Spoken("v4.channel.k8s.io"), {80, 8080});
  EXPECT_EQ(channels->TakeOutput(),
            std::string("\x82\x03\0\x50\0\x82\x03\x01\x50\0\x82\x03\x02\x90\x1f\x82\x03\x03\x90\x1f", 20));
  std::vector<ForwardEvent> events;
  EXPECT_TRUE(channels->Feed(SocketFrame("\x02hi") + SocketFrame("\x09nobody"), events));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[2].id, 1u);
  EXPECT_EQ(events[2].bytes, "hi");
}

}  // namespace
}  // namespace spillway::cloud
