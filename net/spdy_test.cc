#include "net/spdy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include "net/big_endian.h"
#include "net/spdy_headers.h"

namespace spillway::net {
namespace {

using internal::AppendBigEndian;
using internal::SpdyHeaderCodec;
using internal::SpdyHeaders;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What a client sends.
class SpdyClient {
 public:
  static std::string Control(std::uint16_t type, std::uint8_t flags, std::string_view payload) {
    std::string frame;
    AppendBigEndian(frame, 0x80030000u | type);
    AppendBigEndian(frame, static_cast<std::uint32_t>(flags) << 24 | static_cast<std::uint32_t>(payload.size()));
    return frame.append(payload);
  }
  static std::string Data(std::uint32_t stream, std::string_view bytes, std::uint8_t flags = 0) {
    std::string frame;
    AppendBigEndian(frame, stream);
    AppendBigEndian(frame, static_cast<std::uint32_t>(flags) << 24 | static_cast<std::uint32_t>(bytes.size()));
    return frame.append(bytes);
  }
  std::string Open(std::uint32_t stream, const SpdyHeaders& headers, std::uint8_t flags = 0) {
    return OpenWith(stream, codec_.Encode(headers), flags);
  }
  static std::string OpenWith(std::uint32_t stream, std::string_view block, std::uint8_t flags = 0) {
    std::string payload;
    AppendBigEndian(payload, stream);
    AppendBigEndian(payload, 0);
    payload.append(2, '\0').append(block);
    return Control(1, flags, payload);
  }

 private:
  SpdyHeaderCodec codec_;
};

std::string Describe(const SpdyEvent& event) {
  static constexpr const char* kNames[] = {"opened", "data", "finished", "reset", "goaway"};
  std::string text = std::string(kNames[static_cast<int>(event.kind)]) + " " + std::to_string(event.stream);
  for (const auto& [name, value] : event.headers) text += " " + name + "=" + value;
  return event.bytes.empty() ? text : text + " " + event.bytes;
}

// Joins data that came in pieces.
std::vector<std::string> Listen(SpdySession& session, std::string_view bytes, std::size_t step,
                                bool* goes_on = nullptr) {
  std::vector<SpdyEvent> events;
  bool ok = true;
  while (ok && !bytes.empty()) {
    ok = session.Feed(bytes.substr(0, step), events);
    bytes.remove_prefix(std::min(step, bytes.size()));
  }
  if (goes_on) *goes_on = ok;
  std::vector<std::string> texts;
  const SpdyEvent* last = nullptr;
  for (const SpdyEvent& event : events) {
    const bool is_more =
        last && event.kind == SpdyEvent::Kind::kData && last->kind == event.kind && last->stream == event.stream;
    if (is_more) {
      texts.back() += event.bytes;
    } else {
      texts.push_back(Describe(event));
    }
    last = &event;
  }
  return texts;
}

TEST(Spdy, TheDictionaryIsThatOfTheProtocol) {
  const std::string dictionary = internal::SpdyDictionary();
  EXPECT_THAT(dictionary, SizeIs(1423));
  EXPECT_EQ(::adler32(1, reinterpret_cast<const Bytef*>(dictionary.data()), 1423), 0xe3c6a7c2u);
}

TEST(Spdy, StreamsAreOpenedUsedAndFinished) {
  for (const std::size_t step : {1, 7, 100000}) {
    SpdyClient client;
    SpdySession session;
    // One after the other: each header block continues the one before.
    std::string bytes = client.Open(1, {{"streamType", "error"}});
    bytes += client.Open(3, {{"streamtype", "stdin"}});
    bytes += SpdyClient::Data(3, "hello ") + SpdyClient::Data(3, "world") + SpdyClient::Data(3, "", 1) +
             SpdyClient::Control(3, 0, std::string("\0\0\0\1\0\0\0\5", 8)) +
             SpdyClient::Control(7, 0, std::string(8, '\0'));
    EXPECT_THAT(Listen(session, bytes, step), ElementsAre("opened 1 streamtype=error", "opened 3 streamtype=stdin",
                                                          "data 3 hello world", "finished 3", "reset 1", "goaway 0"));
    EXPECT_EQ(session.open_streams(), 1u) << "3 may still be written to";
    session.Finish(3);
    EXPECT_EQ(session.open_streams(), 0u);
  }
}

TEST(Spdy, AnswersAreFramesThatAClientReads) {
  SpdyClient client;
  SpdySession session;
  Listen(session, client.Open(1, {{"streamtype", "stdout"}}), 1000);
  session.Accept(1);
  const std::string reply = session.TakeOutput();
  ASSERT_GT(reply.size(), 12u);
  EXPECT_EQ(internal::BigEndianAt(reply, 0), 0x80030002u);
  EXPECT_EQ(internal::BigEndianAt(reply, 4), reply.size() - 8);
  EXPECT_EQ(internal::BigEndianAt(reply, 8), 1u);
  SpdyHeaderCodec reader;
  EXPECT_EQ(reader.Decode(std::string_view(reply).substr(12), 100, 10), SpdyHeaders());
  session.Send(1, std::string(70000, 'x'));
  const std::string data = session.TakeOutput();
  EXPECT_EQ(data.size(), 70000u + 16) << "in frames of 64 KiB";
  session.Finish(1);
  EXPECT_EQ(session.TakeOutput(), SpdyClient::Data(1, "", 1));
  session.Send(1, "too late");
  session.Finish(1);
  EXPECT_EQ(session.TakeOutput(), "");
}

TEST(Spdy, PingsAreAnsweredOnlyWhenTheyAreTheClients) {
  SpdySession session;
  Listen(session, SpdyClient::Control(6, 0, std::string("\0\0\0\7", 4)), 100);
  EXPECT_EQ(session.TakeOutput(), SpdyClient::Control(6, 0, std::string("\0\0\0\7", 4)));
  Listen(session, SpdyClient::Control(6, 0, std::string("\0\0\0\2", 4)), 100);
  EXPECT_EQ(session.TakeOutput(), "");
}

TEST(Spdy, UnknownStreamsAndFramesAreSkipped) {
  SpdyClient client;
  SpdySession session;
  bool goes_on = false;
  const std::string bytes = SpdyClient::Data(99, "nobody's") + SpdyClient::Control(4, 0, std::string(12, 'x')) +
                            SpdyClient::Control(9, 0, std::string(8, 'x')) + client.Open(1, {});
  EXPECT_THAT(Listen(session, bytes, 5, &goes_on), ElementsAre("opened 1"));
  EXPECT_TRUE(goes_on);
}

TEST(Spdy, MoreStreamsThanAllowedAreRefused) {
  SpdyClient client;
  SpdyLimits limits;
  limits.streams = 2;
  SpdySession session(limits);
  std::string bytes = client.Open(1, {});
  bytes += client.Open(3, {});
  bytes += client.Open(5, {});
  EXPECT_THAT(Listen(session, bytes, 1000), ElementsAre("opened 1", "opened 3"));
  EXPECT_EQ(session.TakeOutput(), SpdyClient::Control(3, 0, std::string("\0\0\0\5\0\0\0\3", 8)));
}

TEST(Spdy, EndsWithWhoBreaksTheRules) {
  SpdyClient client;
  const std::string bomb_text = [] {
    std::string text;
    AppendBigEndian(text, 1);
    AppendBigEndian(text, 1);
    text += "a";
    AppendBigEndian(text, 10u << 20);
    return text.append(10u << 20, 'b');
  }();
  std::string bomb(100000, '\0');
  {
    z_stream out{};
    const std::string dictionary = internal::SpdyDictionary();
    ::deflateInit(&out, 9);
    ::deflateSetDictionary(&out, reinterpret_cast<const Bytef*>(dictionary.data()), 1423);
    out.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bomb_text.data()));
    out.avail_in = static_cast<uInt>(bomb_text.size());
    out.next_out = reinterpret_cast<Bytef*>(bomb.data());
    out.avail_out = static_cast<uInt>(bomb.size());
    ::deflate(&out, Z_SYNC_FLUSH);
    bomb.resize(bomb.size() - out.avail_out);
    ::deflateEnd(&out);
  }
  ASSERT_LT(bomb.size(), 16u << 10) << "small enough to be let in";
  const std::string wrong_version = [] {
    std::string frame = SpdyClient::Control(6, 0, "abcd");
    frame[1] = 2;
    return frame;
  }();
  SpdyHeaders many(65, {"n", "v"});
  for (const std::string& bytes :
       {client.Open(2, {}), SpdyClient::OpenWith(1, "no zlib"), SpdyClient::OpenWith(1, bomb), wrong_version,
        SpdyClient().Open(1, many), SpdyClient::Control(1, 0, "short"), SpdyClient::Control(3, 0, "abc"),
        SpdyClient::Control(6, 0, ""), SpdyClient::Control(1, 0, std::string(20000, 'x')),
        SpdyClient::Data(0, "zero")}) {
    SpdySession session;
    bool goes_on = true;
    EXPECT_THAT(Listen(session, bytes, 4096, &goes_on), IsEmpty());
    EXPECT_FALSE(goes_on) << ::testing::PrintToString(bytes.substr(0, 40));
    EXPECT_EQ(internal::BigEndianAt(session.TakeOutput(), 0), 0x80030007u) << "GOAWAY";
    EXPECT_THAT(Listen(session, SpdyClient::Data(1, "more"), 100), IsEmpty());
  }
  SpdySession session;
  SpdyClient again;
  bool goes_on = true;
  std::string backwards = again.Open(5, {});
  backwards += again.Open(3, {});
  Listen(session, backwards, 100, &goes_on);
  EXPECT_FALSE(goes_on) << "ids only grow";
}

TEST(Spdy, AFloodOfPingsThatNobodyReadsEndsIt) {
  SpdySession session;
  std::string flood;
  for (int i = 0; i < 200000; ++i) flood += SpdyClient::Control(6, 0, std::string("\0\0\0\1", 4));
  bool goes_on = true;
  Listen(session, flood, flood.size(), &goes_on);
  EXPECT_FALSE(goes_on);
}

RC_GTEST_PROP(Spdy, AnyBytesAreReadTheSameInAnyPieces, ()) {
  SpdyClient one, two;
  const auto noise = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  const auto type = *rc::gen::inRange(0, 12);
  const auto frame = SpdyClient::Control(static_cast<std::uint16_t>(type), 0, noise) + noise;
  SpdySession whole, bytewise;
  RC_ASSERT(Listen(whole, one.Open(1, {{"a", "b"}}) + frame, 100000) ==
            Listen(bytewise, two.Open(1, {{"a", "b"}}) + frame, 1));
  RC_ASSERT(whole.TakeOutput() == bytewise.TakeOutput());
}

}  // namespace
}  // namespace spillway::net
