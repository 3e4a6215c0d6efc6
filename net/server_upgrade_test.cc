#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/real_runtime.h"
#include "base/testing/run_until.h"
#include "net/http_server.h"
#include "net/testing/raw_socket.h"

namespace spillway::net {
namespace {

using spillway::testing::RunUntil;
using ::testing::EndsWith;
using testing::RawConnection;
using ::testing::StartsWith;

constexpr std::string_view kUpgradeRequest =
    "POST /up HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n\r\n";

class UpgradedServer : public ::testing::Test {
 protected:
  using Speak = std::function<Task<void>(std::shared_ptr<UpgradedConnection>)>;
  RawConnection Serve(Speak speak) {
    auto server = NewHttpServer(runtime_, {}, [speak](const ServerRequest&) { return Respond(speak); });
    EXPECT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    return RawConnection::To(server_->port());
  }
  static Task<ServerResponse> Respond(Speak speak) {
    ServerResponse response;
    response.status = 101;
    response.headers = {{"Connection", "Upgrade"}, {"Upgrade", "echo"}};
    response.upgrade = speak;
    co_return response;
  }
  static Task<void> Echo(std::shared_ptr<UpgradedConnection> connection) {
    for (;;) {
      const std::string bytes = co_await connection->Read();
      if (bytes.empty()) co_return;
      co_await connection->Writable();
      connection->Write(bytes);
      if (bytes.find("bye") != std::string::npos) co_return;
    }
  }

  RealRuntime runtime_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(UpgradedServer, SpeaksAnotherProtocolFromTheByteAfterTheRequest) {
  RawConnection peer = Serve(Echo);
  peer.Send(std::string(kUpgradeRequest) + "early ");
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.Contains("early "); }));
  peer.Send("late bye");
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); }));
  EXPECT_THAT(peer.Received(), StartsWith("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"));
  EXPECT_THAT(peer.Received(), EndsWith("\r\n\r\nearly late bye"));
}

TEST_F(UpgradedServer, SlowReadersSlowTheWriterDownAndGetEverything) {
  std::size_t written = 0;
  constexpr std::size_t kAll = 20u << 20;
  RawConnection peer = Serve([&written](std::shared_ptr<UpgradedConnection> connection) -> Task<void> {
    return [](std::size_t& count, std::shared_ptr<UpgradedConnection> to) -> Task<void> {
      const std::string piece(64u << 10, 'x');
      for (; count < kAll; count += piece.size()) {
        co_await to->Writable();
        if (!to->Write(piece)) co_return;
      }
    }(written, std::move(connection));
  });
  peer.Send(kUpgradeRequest);
  (void)RunUntil(runtime_, [&] { return written > (1u << 20); });
  runtime_.RunUntil([] { return false; }, 50ms);
  EXPECT_LT(written, kAll) << "nobody reads";
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); }));
  EXPECT_GT(peer.Received().size(), kAll);
}

TEST_F(UpgradedServer, AClientThatGoesEndsTheReading) {
  bool has_ended = false;
  RawConnection peer = Serve([&has_ended](std::shared_ptr<UpgradedConnection> connection) -> Task<void> {
    return [](bool& ended, std::shared_ptr<UpgradedConnection> from) -> Task<void> {
      co_await Echo(std::move(from));
      ended = true;
    }(has_ended, std::move(connection));
  });
  peer.Send(std::string(kUpgradeRequest) + "x");
  ASSERT_TRUE(RunUntil(runtime_, [&] { return peer.Contains("\r\n\r\nx"); }));
  EXPECT_FALSE(has_ended);
  peer.Close();
  EXPECT_TRUE(RunUntil(runtime_, [&] { return has_ended; }));
}

TEST_F(UpgradedServer, WhoSendsWithoutBeingReadIsHeldBack) {
  bool may_read = false;
  std::size_t read = 0;
  RawConnection peer = Serve([&](std::shared_ptr<UpgradedConnection> connection) -> Task<void> {
    return [](Runtime& runtime, bool& may, std::size_t& count, std::shared_ptr<UpgradedConnection> from) -> Task<void> {
      while (!may) co_await runtime.SleepFor(1ms);
      for (;;) {
        const std::string bytes = co_await from->Read();
        if (bytes.empty()) co_return;
        EXPECT_LE(bytes.size(), 512u << 10);
        count += bytes.size();
      }
    }(runtime_, may_read, read, std::move(connection));
  });
  peer.Send(kUpgradeRequest);
  const std::string piece(1u << 20, 'y');
  std::size_t sent = 0;
  for (int i = 0; i < 64; ++i) {
    sent += peer.Send(piece);
    runtime_.RunUntil([] { return false; }, 1ms);
  }
  EXPECT_LT(sent, 64u << 20) << "kernel buffers and a quarter of a megabyte";
  may_read = true;
  EXPECT_TRUE(RunUntil(runtime_, [&] { return read == sent; }));
}

}  // namespace
}  // namespace spillway::net
