#include "net/http_server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/real_runtime.h"
#include "base/testing/run_until.h"
#include "net/testing/raw_socket.h"

namespace spillway::net {
namespace {

using spillway::testing::RunUntil;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using testing::RawConnection;
using ::testing::StartsWith;

Task<ServerResponse> Echo(ServerRequest request) {
  ServerResponse response;
  response.content_type = "text/plain";
  response.body = fmt::format("[{} {} {} {}]", request.method, request.path, request.query, request.body);
  co_return response;
}

// A stream that writes whatever it is told, and tells when it is destroyed.
struct Tap {
  std::shared_ptr<ResponseStream> out;
  bool running = false;

  struct Mark {
    explicit Mark(bool& flag) : flag_(flag) { flag_ = true; }
    ~Mark() { flag_ = false; }
    bool& flag_;
  };
  static Task<void> Hold(Tap& self, Runtime& runtime, std::shared_ptr<ResponseStream> out) {
    const Mark mark(self.running);
    self.out = std::move(out);
    while (self.out->is_open()) co_await runtime.SleepFor(1h);
  }
  static Task<ServerResponse> Respond(Tap& self, Runtime& runtime) {
    ServerResponse response;
    response.body = "first";
    response.stream = [&self, &runtime](std::shared_ptr<ResponseStream> out) {
      return Hold(self, runtime, std::move(out));
    };
    co_return response;
  }
  Handler AsHandler(Runtime& runtime) {
    return [this, &runtime](const ServerRequest&) { return Respond(*this, runtime); };
  }
};

class Server : public ::testing::Test {
 protected:
  RawConnection Serve(HttpServerOptions options = {}, Handler handler = Echo) {
    auto server = NewHttpServer(runtime_, std::move(options), std::move(handler));
    EXPECT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    return Connect();
  }
  RawConnection Connect() { return RawConnection::To(server_->port()); }
  // What the server has said by the time it hangs up.
  std::string AllSaid(RawConnection& peer) {
    EXPECT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); })) << "the server does not hang up";
    return peer.Received();
  }
  [[nodiscard]] bool Says(RawConnection& peer, std::string_view text) {
    return RunUntil(runtime_, [&] { return peer.Contains(text); });
  }

  RealRuntime runtime_;
  Tap tap_;  // what flows use is declared before what owns flows
  std::unique_ptr<HttpServer> server_;
};

TEST_F(Server, AnswersInOrderOnOneConnection) {
  RawConnection peer = Serve();
  peer.Send(
      "GET /a%2Fb?x=%20 HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /two HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "GET /three HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(
      AllSaid(peer),
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n\r\n[GET /a/b x=%20 ]"
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\n[POST /two  abc]"
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\nConnection: close\r\n\r\n[GET /three  ]");
}

TEST_F(Server, TakesARequestByteByByte) {
  RawConnection peer = Serve();
  const std::string request =
      "POST /slow HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (const char c : request) {
    peer.Send({&c, 1});
    runtime_.RunUntil([] { return false; }, 0ns);
  }
  EXPECT_TRUE(Says(peer, "[POST /slow  abcde]"));
}

TEST_F(Server, TakesTheEndOfAnEmptyBodyInPieces) {
  RawConnection peer = Serve();
  // The first answer says that the beginning of the second request has been read.
  peer.Send("GET /one HTTP/1.1\r\n\r\nPOST /two HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
  ASSERT_TRUE(Says(peer, "[GET /one  ]"));
  peer.Send("\r");
  runtime_.RunUntil([] { return false; }, 0ns);
  peer.Send("\n");
  EXPECT_TRUE(Says(peer, "[POST /two  ]"));
}

TEST_F(Server, InvitesABodyThatWaitsForIt) {
  RawConnection peer = Serve();
  peer.Send("PUT /big HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  ASSERT_TRUE(Says(peer, "HTTP/1.1 100 Continue\r\n\r\n"));
  peer.Send("body");
  EXPECT_TRUE(Says(peer, "[PUT /big  body]"));
}

TEST_F(Server, HeadHasNoBodyAndNoContentNeither) {
  struct Empty {
    static Task<ServerResponse> Run() {
      ServerResponse response;
      response.status = 204;
      co_return response;
    }
  };
  RawConnection peer = Serve();
  peer.Send("HEAD /x HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(AllSaid(peer),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\nConnection: close\r\n\r\n");
  RawConnection second = Serve({}, [](const ServerRequest&) { return Empty::Run(); });
  second.Send("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(AllSaid(second), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST_F(Server, RefusesWhatIsMalformed) {
  for (const char* request :
       {"rubbish\r\n\r\n", "GET noslash HTTP/1.1\r\n\r\n", "GET /%zz HTTP/1.1\r\n\r\n", "GET /%00 HTTP/1.1\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        // Two ideas of where the body ends: request smuggling.
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    RawConnection peer = Serve();
    peer.Send(request);
    EXPECT_THAT(AllSaid(peer), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
  }
}

TEST_F(Server, RefusesWhatIsTooLarge) {
  HttpServerOptions options;
  options.max_body = 1000;
  RawConnection announced = Serve(options);
  announced.Send("POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'));
  EXPECT_THAT(AllSaid(announced), StartsWith("HTTP/1.1 413 Payload Too Large\r\n"));
  RawConnection chunked = Connect();
  chunked.Send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 5; ++i) chunked.Send("100\r\n" + std::string(256, 'x') + "\r\n");
  EXPECT_THAT(AllSaid(chunked), StartsWith("HTTP/1.1 413 Payload Too Large\r\n"));
  RawConnection head = Connect();
  head.Send("GET / HTTP/1.1\r\nX-Big: " + std::string(100'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(AllSaid(head), StartsWith("HTTP/1.1 431 "));
  RawConnection fits = Connect();
  fits.Send("POST / HTTP/1.1\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + std::string(1000, 'x'));
  EXPECT_THAT(AllSaid(fits), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Server, DoesNotWaitForSlowClients) {
  HttpServerOptions options;
  options.head_timeout = options.body_timeout = options.idle_timeout = 100ms;
  RawConnection head = Serve(options);
  head.Send("GET / HTTP/1.1\r\nX-Slow");
  RawConnection body = Connect();
  body.Send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  RawConnection idle = Connect();
  EXPECT_THAT(AllSaid(head), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_THAT(AllSaid(body), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_EQ(AllSaid(idle), "");
}

TEST_F(Server, DripFedHeadsEndAllTheSame) {
  HttpServerOptions options;
  options.head_timeout = 200ms;
  RawConnection peer = Serve(options);
  peer.Send("GET / HTTP/1.1\r\n");
  EXPECT_TRUE(RunUntil(runtime_, [&] {
    peer.Send("X: y\r\n");
    return peer.ClosedByPeer();
  }));
}

TEST_F(Server, KeepsOnlySoManyConnections) {
  HttpServerOptions options;
  options.max_connections = 2;
  RawConnection first = Serve(options, tap_.AsHandler(runtime_));
  RawConnection second = Connect();
  first.Send("GET /1 HTTP/1.1\r\n\r\n");
  second.Send("GET /2 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(Says(first, "first") && Says(second, "first"));
  RawConnection third = Connect();
  EXPECT_EQ(AllSaid(third), "");
  first.Close();
  EXPECT_TRUE(RunUntil(runtime_, [&] {
    RawConnection fourth = Connect();
    fourth.Send("GET /4 HTTP/1.1\r\n\r\n");
    return RunUntil(runtime_, [&] { return fourth.Contains("first") || fourth.ClosedByPeer(); }) &&
           fourth.Contains("first");
  }));
}

TEST_F(Server, WhoSaysNothingMakesRoom) {
  HttpServerOptions options;
  options.max_connections = 3;
  RawConnection mute = Serve(options);
  RawConnection half = Connect();
  half.Send("GET / HTTP/1.1\r\nX-Slow");
  RawConnection kept = Connect();
  kept.Send("GET /kept HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(Says(kept, "[GET /kept"));
  std::vector<RawConnection> others;
  for (int i = 0; i < 2; ++i) {
    RawConnection probe = Connect();
    probe.Send("GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(AllSaid(probe), StartsWith("HTTP/1.1 200 OK\r\n"));
    others.push_back(Connect());
    others.back().Send("GET /other HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(Says(others.back(), "[GET /other"));
  }
  EXPECT_EQ(AllSaid(mute), "");
  EXPECT_EQ(AllSaid(half), "");
}

TEST_F(Server, AHandlerCannotBreakOutOfAHeader) {
  struct Evil {
    static Task<ServerResponse> Run() {
      ServerResponse response;
      response.content_type = "text/plain\r\nX-Injected: 1";
      response.headers.emplace_back("X-A", "1\r\nX-Injected: 2");
      response.headers.emplace_back("X-B", "kept");
      co_return response;
    }
  };
  RawConnection peer = Serve({}, [](const ServerRequest&) { return Evil::Run(); });
  peer.Send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string said = AllSaid(peer);
  EXPECT_THAT(said, Not(HasSubstr("Injected")));
  EXPECT_THAT(said, HasSubstr("X-B: kept\r\n"));
}

TEST_F(Server, StreamsChunkByChunkAndNoticesThatAnIdleClientHasGone) {
  RawConnection peer = Serve({}, tap_.AsHandler(runtime_));
  peer.Send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(Says(peer, "\r\n\r\n5\r\nfirst\r\n"));
  EXPECT_THAT(peer.Received(), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(tap_.out->Write("0123456789abcdef"));
  ASSERT_TRUE(Says(peer, "10\r\n0123456789abcdef\r\n"));
  EXPECT_TRUE(RunUntil(runtime_, [&] { return tap_.out->pending() == 0; }));
  peer.Close();
  EXPECT_TRUE(RunUntil(runtime_, [&] { return !tap_.running; }));
  EXPECT_FALSE(tap_.out->is_open());
  EXPECT_FALSE(tap_.out->Write("more"));
}

TEST_F(Server, AClientThatReadsTooSlowlyIsDropped) {
  RawConnection peer = Serve({}, tap_.AsHandler(runtime_));
  peer.Send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(RunUntil(runtime_, [&] { return tap_.running; }));
  const std::string block(1u << 20, 'x');
  int accepted = 0;
  while (tap_.out->Write(block) && accepted < 200) ++accepted;
  EXPECT_GE(accepted, 60);
  EXPECT_LE(accepted, 80);  // 64 MiB, and what the kernel has taken
  EXPECT_FALSE(tap_.out->is_open());
  EXPECT_TRUE(RunUntil(runtime_, [&] { return !tap_.running; }));
}

TEST_F(Server, AClientThatStopsReadingIsDroppedInTime) {
  HttpServerOptions options;
  options.write_timeout = 200ms;
  RawConnection peer = Serve(options, tap_.AsHandler(runtime_));
  peer.Send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(RunUntil(runtime_, [&] { return tap_.running; }));
  tap_.out->Write(std::string(32u << 20, 'x'));
  EXPECT_TRUE(RunUntil(runtime_, [&] { return !tap_.running; }));
}

TEST_F(Server, RequestsSentDuringAStreamAreAnsweredAfterIt) {
  RawConnection peer = Serve({}, [&](ServerRequest request) {
    return request.path == "/stream" ? Tap::Respond(tap_, runtime_) : Echo(std::move(request));
  });
  peer.Send("GET /stream HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(Says(peer, "first"));
  peer.Send("GET /next HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(tap_.out->Write("last"));
  ASSERT_TRUE(Says(peer, "last"));
  EXPECT_THAT(peer.Received(), Not(HasSubstr("/next")));
}

TEST_F(Server, DestroyingItEndsEverything) {
  RawConnection peer = Serve({}, tap_.AsHandler(runtime_));
  RawConnection idle = Connect();
  peer.Send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(RunUntil(runtime_, [&] { return tap_.running; }));
  server_.reset();
  EXPECT_FALSE(tap_.running);
  EXPECT_TRUE(peer.ClosedByPeer());
  EXPECT_TRUE(idle.ClosedByPeer());
  tap_.out->Write("into the void");  // a stream somebody has kept does no harm
}

TEST_F(Server, AnAddressThatCannotBeHadIsNamed) {
  RawConnection peer = Serve();
  HttpServerOptions options;
  options.port = server_->port();
  const auto second = NewHttpServer(runtime_, options, Echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, fmt::format("cannot listen on 127.0.0.1:{}: Address already in use", options.port));
  options.address = "nowhere";
  EXPECT_THAT(NewHttpServer(runtime_, options, Echo).error().message, HasSubstr("\"nowhere\" is not an IP address"));
}

TEST(ParseQuery, DecodesInOrderAndKeepsWhatDoesNotDecode) {
  EXPECT_THAT(ParseQuery("watch=1&labelSelector=a%3Db%2Cc&x&y=&&z=1+2&bad=%zz&eq=a=b"),
              ElementsAre(Pair("watch", "1"), Pair("labelSelector", "a=b,c"), Pair("x", ""), Pair("y", ""),
                          Pair("z", "1 2"), Pair("bad", "%zz"), Pair("eq", "a=b")));
  EXPECT_THAT(ParseQuery(""), ElementsAre());
}

}  // namespace
}  // namespace spillway::net
