#include "net/response_parser.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::net::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Parsed {
  int status = 0;
  ResponseParser::Headers headers;
  std::string body;
  std::size_t left = 0;  // bytes behind the answer
  bool done = false;
  std::string error;
};

// Shows the parser `piece` more bytes at a time.
Parsed Parse(std::string_view bytes, std::size_t piece, ResponseParser::Body body = ResponseParser::Body::kAsFramed) {
  ResponseParser parser(body);
  Parsed parsed;
  std::string input;
  while (!parser.is_done() && !bytes.empty()) {
    input += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    const auto used = parser.Put(input);
    if (!used) {
      parsed.error = used.error().message;
      return parsed;
    }
    input.erase(0, *used);
    parsed.body += parser.TakeBody();
  }
  parsed.left = input.size() + bytes.size();
  parsed.done = parser.is_done();
  parsed.status = parser.status();
  parsed.headers = parser.TakeHeaders();
  return parsed;
}

TEST(ResponseParser, AnswersReadTheSameInPiecesOfAnySize) {
  const std::string length = "HTTP/1.1 201 Created\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nT: r\r\n\r\n";
  const std::string empty = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + length;
  for (std::size_t piece = 1; piece < 200; ++piece) {
    for (const std::string& text : {length, chunked, interim}) {
      const Parsed parsed = Parse(text, piece);
      EXPECT_TRUE(parsed.done) << piece << text << parsed.error;
      EXPECT_EQ(parsed.body, "hello");
      EXPECT_EQ(parsed.headers.size(), 2u) << "no trailer, no field of an interim answer";
      EXPECT_EQ(parsed.headers.front(), (std::pair<std::string, std::string>("x-a", "1")));
      EXPECT_EQ(parsed.left, 0u);
    }
    EXPECT_TRUE(Parse(empty, piece).done) << piece;
  }
}

TEST(ResponseParser, AnswersWithoutABody) {
  EXPECT_TRUE(Parse("HTTP/1.1 204 No Content\r\n\r\n", 1).done);
  EXPECT_TRUE(Parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 1).done);
  EXPECT_TRUE(Parse("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 1, ResponseParser::Body::kNone).done);
}

TEST(ResponseParser, WhatComesBehindAnAnswerIsLeft) {
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", 1000).left, 17u);
}

TEST(ResponseParser, WithoutALengthTheEndOfTheConnectionIsTheEnd) {
  ResponseParser parser;
  ASSERT_TRUE(parser.Put("HTTP/1.1 200 OK\r\n\r\nhello"));
  EXPECT_FALSE(parser.is_done());
  EXPECT_TRUE(parser.PutEnd());
  EXPECT_EQ(parser.TakeBody(), "hello");
  EXPECT_FALSE(parser.may_keep_connection());

  for (const char* text : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello"}) {
    ResponseParser cut;
    ASSERT_TRUE(cut.Put(text));
    EXPECT_FALSE(cut.PutEnd()) << text;
  }
}

TEST(ResponseParser, ConnectionsAreKeptWhereBothSidesSaySo) {
  const auto kept = [](const std::string& head) {
    ResponseParser parser;
    EXPECT_TRUE(parser.Put(head + "Content-Length: 0\r\n\r\n"));
    return parser.may_keep_connection();
  };
  EXPECT_TRUE(kept("HTTP/1.1 200 OK\r\n"));
  EXPECT_FALSE(kept("HTTP/1.1 200 OK\r\nConnection: close\r\n"));
  EXPECT_FALSE(kept("HTTP/1.0 200 OK\r\n"));
}

TEST(ResponseParser, HostileAnswersAreRefused) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Parse("SSH-2.0-OpenSSH_9.2\r\n", 70).error, "does not speak HTTP");
  EXPECT_EQ(Parse("HTTP/2.0 200 OK\r\n\r\n", 7).error, "does not speak HTTP");
  EXPECT_EQ(Parse(ok + "X: " + std::string(70'000, 'x'), 4096).error, "sent a head of more than 64 KiB");
  EXPECT_EQ(Parse("HTTP/1.1 200 " + std::string(70'000, 'x'), 4096).error, "sent a head of more than 64 KiB");
  EXPECT_THAT(Parse(chunked + "-1\r\nab\r\n", 5).error, HasSubstr("malformed"));
  EXPECT_THAT(Parse(chunked + "5\r\nhelloX\r\n0\r\n\r\n", 5).error, HasSubstr("malformed"));
  EXPECT_EQ(Parse(chunked + "1;" + std::string(70'000, 'x'), 4096).error, "sent a chunk header without end");
  EXPECT_EQ(Parse(chunked + "0\r\nT: " + std::string(70'000, 'x'), 4096).error, "sent a chunk header without end");
  // Two lengths: whoever believed the other one would take the rest for the next answer.
  EXPECT_NE(Parse(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 5).error, "");
  EXPECT_NE(Parse(ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 5).error, "");
  EXPECT_NE(Parse("HTTP/1.1 101 Switching Protocols\r\n\r\n", 5).error, "");
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  EXPECT_NE(Parse(interim, 1000).error, "");
}

}  // namespace
}  // namespace spillway::net::internal
