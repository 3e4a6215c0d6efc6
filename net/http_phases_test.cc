#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <ostream>

#include "net/testing/connections.h"

// How the client opens connections, and how it lets go of an exchange wherever it is stuck.
namespace spillway::net {
namespace {

using spillway::testing::RunUntil;
using testing::Connections;
using ::testing::HasSubstr;
using testing::kOk;
using testing::RawConnection;
using testing::RawListener;

TEST_F(Connections, AllAddressesAreTried) {
  HttpClientOptions options = Plain();
  options.resolve = [](const std::string& host) -> Result<std::vector<std::string>> {
    EXPECT_EQ(host, "localhost");
    return {{"127.0.0.77", "rubbish", "::1", "127.0.0.1"}};
  };
  Connect(options);
  const auto call = Start();
  RawConnection peer = Accept();
  TakeRequest(peer);
  peer.Send(kOk);
  EXPECT_EQ(Finish(call), "200 ok");

  options.resolve = [](const std::string&) -> Result<std::vector<std::string>> { return {{"127.0.0.77", "::1"}}; };
  Connect(options);
  EXPECT_EQ(Finish(Start()), fmt::format("connection to http://localhost:{} refused: nothing listens there (the last "
                                         "of 2 addresses)",
                                         listener_.port()));
}

// Where an exchange is stuck, with a client of its own.
struct Stuck {
  std::string phase;
  std::string says;  // when connect_timeout has passed; empty: not its business
};
std::ostream& operator<<(std::ostream& out, const Stuck& stuck) { return out << stuck.phase; }

class InPhase : public Connections, public ::testing::WithParamInterface<Stuck> {
 protected:
  ~InPhase() override { release_.set_value(); }

  std::shared_ptr<Flow> StartStuck(Duration connect_timeout) {
    HttpClientOptions options = Plain();
    options.connect_timeout = connect_timeout;
    HttpRequest request;
    request.cancel = cancel_;
    const std::string& phase = GetParam().phase;
    if (phase == "resolve") {
      options.resolve = [released = released_](const std::string&) -> Result<std::vector<std::string>> {
        released.wait();
        return {{"127.0.0.1"}};
      };
    }
    if (phase == "connect") {
      FillBacklog();
      options.base_url = fmt::format("http://localhost:{}", full_.port());
    }
    if (phase == "handshake") {
      options.base_url = fmt::format("https://localhost:{}", listener_.port());
      options.tls = pki_.ClientTls();
    }
    if (phase == "write") request.body.assign(64u << 20, 'x');
    request.method = phase == "write" ? "POST" : "GET";
    Connect(options);
    const auto flow = Start(std::move(request));
    if (phase == "resolve" || phase == "connect") return flow;
    peer_ = Accept();
    const char* sign = phase == "handshake" ? "localhost" : "\r\n\r\n";  // of the SNI; of a request's head
    EXPECT_TRUE(RunUntil(runtime_, [&] { return phase == "write" || peer_->Contains(sign); }));
    if (phase == "head") peer_->Send("HTTP/1.1 200 OK\r\nX-A: b");
    if (phase == "body") peer_->Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    return flow;
  }
  // Connections that are never accepted, until no more fit: the next one's SYN is not answered.
  void FillBacklog() {
    for (int i = 0; i < 8; ++i) waiting_.push_back(RawConnection::Begin(full_.port()));
  }
  void ExpectPeerGone() {
    if (!peer_) return;
    EXPECT_TRUE(RunUntil(runtime_, [&] { return peer_->ClosedByPeer(); }));
  }

  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  RawListener full_{RawListener::kNoBacklog};
  std::vector<RawConnection> waiting_;
  std::optional<RawConnection> peer_;
  CancelToken cancel_;
};

TEST_P(InPhase, CancellingEndsItAtOnce) {
  const auto flow = StartStuck(20s);
  EXPECT_FALSE(flow->outcome) << flow->Text();
  const Instant start = runtime_.Now();
  cancel_.Cancel();
  EXPECT_EQ(Finish(flow), "the request was cancelled");
  EXPECT_EQ(flow->outcome->error().code, Code::kCancelled);
  EXPECT_LT(runtime_.Now() - start, 5s);
  ExpectPeerGone();
}

TEST_P(InPhase, DestroyingTheFlowAndTheClientWaitsForNobody) {
  const auto flow = StartStuck(20s);
  const Instant start = runtime_.Now();
  scope_.Clear();
  client_.reset();
  EXPECT_LT(runtime_.Now() - start, 5s);
  EXPECT_FALSE(flow->outcome);
  ExpectPeerGone();
}

TEST_P(InPhase, ConnectingHasATimeOfItsOwn) {
  const auto flow = StartStuck(200ms);
  if (GetParam().says.empty()) {
    EXPECT_FALSE(flow->outcome);
    return;
  }
  EXPECT_THAT(Finish(flow), HasSubstr(GetParam().says));
  EXPECT_EQ(flow->outcome->error().code, Code::kUnavailable);
  ExpectPeerGone();
}

INSTANTIATE_TEST_SUITE_P(All, InPhase,
                         ::testing::Values(Stuck{"resolve", "cannot find the address of http://localhost"},
                                           Stuck{"connect", "cannot connect to http://localhost"},
                                           Stuck{"handshake", "no TLS connection to https://localhost"},
                                           Stuck{"write", ""}, Stuck{"head", ""}, Stuck{"body", ""}),
                         [](const auto& info) { return info.param.phase; });

TEST_F(Connections, NothingOlderThanTls12IsSpoken) {
  HttpClientOptions options = Plain();
  options.base_url = fmt::format("https://127.0.0.1:{}", listener_.port());
  Connect(options);
  const auto call = Start();
  RawConnection peer = Accept();
  ASSERT_TRUE(RunUntil(runtime_, [&] { return !peer.Received().empty(); }));
  peer.Forget();
  // A ServerHello of TLS 1.1, with a cipher of that time.
  std::string hello("\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02", 11);
  hello += std::string(32, 'r') + std::string("\x00\x00\x2f\x00", 4);
  peer.Send(hello);
  EXPECT_THAT(Finish(call), HasSubstr("it hung up, or does not speak TLS 1.2"));
  const std::string alert("\x02\x46", 2);  // fatal, protocol_version
  EXPECT_TRUE(RunUntil(runtime_, [&] { return peer.ClosedByPeer(); }));
  EXPECT_THAT(peer.Received(), ::testing::EndsWith(alert));
}

}  // namespace
}  // namespace spillway::net
