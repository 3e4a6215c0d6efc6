#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "net/client_tls.h"
#include "net/testing/connections.h"

// How the client keeps, shares and drops connections, and how much it takes of what comes.
namespace spillway::net {
namespace {

using spillway::testing::RunUntil;
using testing::Connections;
using ::testing::HasSubstr;
using testing::kOk;
using testing::RawConnection;
using testing::TestPki;

TEST_F(Connections, CallsAreAnsweredWhileManyWatchesAreOpen) {
  constexpr int kWatches = 64;
  struct Tap {
    static Task<void> Open(Signal& event, int& open, std::shared_ptr<ResponseStream> out) {
      ++open;
      co_await event.Wait();
      out->Write("event");
    }
    static Task<ServerResponse> Serve(ServerRequest request, std::vector<std::unique_ptr<Signal>>& events, int& open) {
      ServerResponse response;
      if (request.path == "/watch") {
        Signal& event = *events.at(std::stoul(request.query));
        response.stream = [&](std::shared_ptr<ResponseStream> out) { return Open(event, open, std::move(out)); };
      }
      co_return response;
    }
  };
  std::vector<std::unique_ptr<Signal>> events;
  for (int i = 0; i < kWatches; ++i) events.push_back(std::make_unique<Signal>(runtime_));
  int open = 0;
  HttpServerOptions options;
  options.tls = pki_.ServerTls(pki_.Server(), false);
  server_ = std::move(*NewHttpServer(
      runtime_, options, [&](ServerRequest request) { return Tap::Serve(std::move(request), events, open); }));
  HttpClientOptions to;
  to.base_url = fmt::format("https://127.0.0.1:{}", server_->port());
  to.tls = pki_.ClientTls();
  Connect(to);

  std::atomic<int> seen = 0;
  std::vector<std::shared_ptr<Flow>> watches;
  for (int i = 0; i < kWatches; ++i) {
    HttpRequest request;
    request.path = fmt::format("/watch?{}", i);
    request.on_data = [&](std::string_view bytes) { seen += bytes == "event" ? 1 : 0; };
    watches.push_back(Start(std::move(request)));
  }
  ASSERT_TRUE(RunUntil(runtime_, [&] { return open == kWatches; }));
  std::vector<std::shared_ptr<Flow>> calls;
  for (int i = 0; i < 300; ++i) calls.push_back(Post());
  for (const auto& call : calls) EXPECT_EQ(Finish(call), "200 ");
  for (const auto& watch : watches) EXPECT_FALSE(watch->outcome);
  for (const auto& event : events) event->Notify();
  for (const auto& watch : watches) EXPECT_EQ(Finish(watch), "200 ");
  EXPECT_EQ(seen, kWatches);
  scope_.Clear();
  server_.reset();
}

TEST_F(Connections, AConnectionThatTheServerClosedBetweenTwoCallsIsNotUsed) {
  Connect(Plain());
  const auto first = Post();
  RawConnection peer = Accept();
  TakeRequest(peer);
  peer.Send(kOk);
  EXPECT_EQ(Finish(first), "200 ok");
  peer.Close();
  const auto second = Post();  // would be lost on the old connection, and may not be sent twice
  RawConnection next = Accept();
  TakeRequest(next);
  next.Send(kOk);
  EXPECT_EQ(Finish(second), "200 ok");
}

TEST_F(Connections, AKeptConnectionIsUsedAgain) {
  Connect(Plain());
  const auto first = Post();
  RawConnection peer = Accept();
  for (auto call = first;; call = Post()) {
    TakeRequest(peer);
    peer.Send(kOk);
    EXPECT_EQ(Finish(call), "200 ok");
    if (call != first) break;
  }
  EXPECT_FALSE(listener_.Accept());
}

TEST_F(Connections, ABurstDoesNotOpenConnectionsAgainAndAgain) {
  struct Burst {
    static Task<ServerResponse> Answer() { co_return ServerResponse{}; }
    static Task<void> Run(HttpClient& client, int calls) {
      for (; calls > 0; --calls) {
        const auto response = co_await client.Send(HttpRequest());
        EXPECT_TRUE(response);
      }
    }
  };
  std::atomic<int> connections = 0;
  HttpServerOptions options;
  const auto shown = pki_.ServerTls(pki_.Server(), false);
  options.tls = [&] {
    ++connections;
    return shown();
  };
  server_ = std::move(*NewHttpServer(runtime_, options, [](const ServerRequest&) { return Burst::Answer(); }));
  HttpClientOptions to;
  to.base_url = fmt::format("https://127.0.0.1:{}", server_->port());
  to.tls = pki_.ClientTls();
  Connect(to);
  for (int i = 0; i < 64; ++i) scope_.Spawn(Burst::Run(*client_, 20));
  ASSERT_TRUE(RunUntil(runtime_, [&] { return scope_.size() == 0; }, 60s));
  EXPECT_LT(connections, 200);  // of 1,280 calls; 64 and the server's own look, if nothing pauses this process
  server_.reset();
}

TEST_F(Connections, WhatComesAfterTheEndIsNobodysAnswer) {
  Connect(Plain());
  for (int round = 0; round < 40; ++round) {
    const bool at_once = round % 2 == 0;
    const auto first = Start();
    RawConnection peer = Accept();
    TakeRequest(peer);
    const std::string stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
    peer.Send(at_once ? std::string(kOk) + stray : kOk);
    EXPECT_EQ(Finish(first), "200 ok");
    if (!at_once) peer.Send(stray);
    const auto second = Start();
    RawConnection next = Accept();
    TakeRequest(next);
    next.Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmine");
    EXPECT_EQ(Finish(second), "200 mine");
  }
}

TEST_F(Connections, AnAnswerThatComesBeforeTheRequestIsReadToItsEndCounts) {
  Connect(Plain());
  const auto call = Post(std::string(32u << 20, 'x'));
  RawConnection peer = Accept();
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.HasMore(); }));
  peer.Send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
  EXPECT_EQ(Finish(call), "413 big");
  EXPECT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); }));
}

TEST_F(Connections, CallsBeyondTheLimitWaitInLineAndOtherLanesDoNot) {
  Connect(Plain());
  constexpr std::size_t kOpen = 256;
  std::vector<std::shared_ptr<Flow>> calls;
  std::vector<RawConnection> peers;
  for (std::size_t i = 0; i < kOpen + 1; ++i) {
    calls.push_back(Start());
    if (i < kOpen) peers.push_back(Accept());
  }
  const auto urgent = Post("lease", 1);
  RawConnection lane = Accept();
  TakeRequest(lane);
  lane.Send(kOk);
  EXPECT_EQ(Finish(urgent), "200 ok");
  EXPECT_FALSE(listener_.Accept());
  TakeRequest(peers[7]);
  peers[7].Send(kOk);
  EXPECT_EQ(Finish(calls[7]), "200 ok");
  TakeRequest(peers[7]);
  peers[7].Send(kOk);
  EXPECT_EQ(Finish(calls[kOpen]), "200 ok");
}

TEST_F(Connections, ADroppedCallGivesItsPlaceToTheNext) {
  Connect(Plain());
  std::vector<RawConnection> peers;
  for (int i = 0; i < 256; ++i) {
    Start();
    peers.push_back(Accept());
  }
  CancelToken cancel;
  HttpRequest request;
  request.cancel = cancel;
  const auto in_line = Start(request);
  cancel.Cancel();
  EXPECT_EQ(Finish(in_line), "the request was cancelled");
  const auto next = Post("next");
  peers[3].Close();  // that call fails; its GET has no kept connection to be repeated for
  RawConnection peer = Accept();
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.Contains("next"); }));
  peer.Send(kOk);
  EXPECT_EQ(Finish(next), "200 ok");
}

TEST_F(Connections, AStreamIsReadNoFasterThanTheLoopTakesIt) {
  Connect(Plain());
  std::atomic<std::size_t> seen = 0;
  HttpRequest request;
  request.on_data = [&](std::string_view bytes) { seen += bytes.size(); };
  const auto stream = Start(std::move(request));
  RawConnection peer = Accept();
  TakeRequest(peer);
  constexpr std::size_t kTotal = 64u << 20;
  peer.Send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kTotal));
  const std::string block(64u << 10, 'x');
  // The loop stands still: what is taken is bounded, and stays so.
  std::size_t sent = 0;
  for (int full = 0; full < 200 && sent < kTotal;) {
    const std::size_t now = peer.Send(std::string_view(block).substr(0, kTotal - sent));
    sent += now;
    full = now == 0 ? full + 1 : 0;
    if (now == 0) std::this_thread::yield();
  }
  EXPECT_LT(seen, 8u << 20);
  ASSERT_TRUE(RunUntil(runtime_, [&] {
    while (sent < kTotal) {
      const std::size_t now = peer.Send(std::string_view(block).substr(0, kTotal - sent));
      sent += now;
      if (now == 0) break;
    }
    return stream->outcome.has_value();
  }));
  EXPECT_EQ(seen, kTotal);
  EXPECT_EQ(stream->Text(), "200 ");
}

TEST_F(Connections, ACollectedBodyWithoutEndIsGivenUp) {
  Connect(Plain());
  HttpRequest request;
  request.timeout = 120s;
  const auto call = Start(std::move(request));
  RawConnection peer = Accept();
  TakeRequest(peer);
  peer.Send("HTTP/1.1 200 OK\r\n\r\n");
  const std::string block(1u << 20, 'x');
  ASSERT_TRUE(RunUntil(
      runtime_,
      [&] {
        peer.Send(block);
        return call->outcome.has_value();
      },
      120s));
  EXPECT_EQ(call->Text(), "the response is larger than 256 MiB");
  EXPECT_EQ(call->outcome->error().code, Code::kMalformed);
}

TEST_F(Connections, AnAnswerThatTricklesInHasADeadlineToo) {
  Connect(Plain());
  for (const char* first : {"H", "HTTP/1.1 200 OK\r\nX:", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"}) {
    HttpRequest request;
    request.timeout = 300ms;
    const auto call = Start(std::move(request));
    RawConnection peer = Accept();
    TakeRequest(peer);
    peer.Send(first);
    ASSERT_TRUE(RunUntil(runtime_, [&] {
      if (*first != 'H' || first[1] != 0) peer.Send("x");
      return call->outcome.has_value();
    }));
    EXPECT_THAT(call->Text(), HasSubstr("within 300ms"));
    EXPECT_EQ(call->outcome->error().code, Code::kDeadlineExceeded);
    EXPECT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); }));
  }
}

TEST_F(Connections, AHeadThatNeverComesIsSilenceToAStream) {
  Connect(Plain());
  HttpRequest request;
  request.timeout = 300ms;
  request.on_data = [](std::string_view) {};
  const auto stream = Start(std::move(request));
  RawConnection peer = Accept();
  TakeRequest(peer);
  peer.Send("HTTP/1.1 200 OK\r\nX: ");
  ASSERT_TRUE(RunUntil(runtime_, [&] {
    peer.Send("x");
    return stream->outcome.has_value();
  }));
  EXPECT_EQ(stream->outcome->error().code, Code::kDeadlineExceeded);
}

TEST(ClientTlsContexts, LoadCertificatesOnceUntilTheyChange) {
  RealRuntime runtime;
  const TestPki pki(runtime);
  TlsMaterial material{pki.ca_pem(), "", ""};
  internal::ClientTlsContexts contexts([&]() -> Result<TlsMaterial> { return material; });
  const auto first = contexts.Current();
  ASSERT_TRUE(first);
  EXPECT_EQ(contexts.Current()->context, first->context);
  const CertificateAndKey shown = pki.Client("rotated");
  material.client_cert_pem = shown.cert_pem;
  material.client_key_pem = shown.key_pem;
  const auto second = contexts.Current();
  ASSERT_TRUE(second);
  EXPECT_NE(second->context, first->context);
  material.client_key_pem = "half a rotation";
  EXPECT_FALSE(contexts.Current());
}

}  // namespace
}  // namespace spillway::net
