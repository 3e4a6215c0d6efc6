#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/real_runtime.h"
#include "base/scope.h"
#include "base/testing/run_until.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/testing/raw_socket.h"
#include "net/testing/test_pki.h"

namespace spillway::net::testing {

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A client and a peer that says what the test wants.
class Connections : public ::testing::Test {
 protected:
  HttpClientOptions Plain() const {
    HttpClientOptions options;
    options.base_url = fmt::format("http://localhost:{}", listener_.port());
    options.resolve = [](const std::string&) -> Result<std::vector<std::string>> { return {{"127.0.0.1"}}; };
    return options;
  }
  void Connect(HttpClientOptions options) {
    auto client = NewHttpClient(runtime_, std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    client_ = std::move(*client);
  }
  struct Flow {
    std::optional<Result<HttpResponse>> outcome;
    std::string Text() const {
      if (!outcome) return "under way";
      return *outcome ? fmt::format("{} {}", (*outcome)->status, (*outcome)->body) : outcome->error().message;
    }
  };
  static Task<void> Run(HttpClient& client, HttpRequest request, std::shared_ptr<Flow> flow) {
    flow->outcome.emplace(co_await client.Send(std::move(request)));
  }
  std::shared_ptr<Flow> Start(HttpRequest request = {}) {
    auto flow = std::make_shared<Flow>();
    scope_.Spawn(Run(*client_, std::move(request), flow));
    return flow;
  }
  std::shared_ptr<Flow> Post(std::string body = "{}", std::uint8_t lane = 0) {
    HttpRequest request;
    request.method = "POST";
    request.body = std::move(body);
    request.lane = lane;
    return Start(std::move(request));
  }
  std::string Finish(const std::shared_ptr<Flow>& flow) {
    EXPECT_TRUE(spillway::testing::RunUntil(runtime_, [&] { return flow->outcome.has_value(); }));
    return flow->Text();
  }
  // The next connection to the listener.
  RawConnection Accept() {
    std::optional<RawConnection> peer;
    EXPECT_TRUE(spillway::testing::RunUntil(runtime_, [&] { return (peer = listener_.Accept()).has_value(); }));
    return std::move(*peer);
  }
  void TakeRequest(RawConnection& peer) {
    EXPECT_TRUE(spillway::testing::RunUntil(runtime_, [&] { return peer.Contains("\r\n\r\n"); }));
    peer.Forget();
  }

  RealRuntime runtime_;
  TestPki pki_{runtime_};
  RawListener listener_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpClient> client_;
  TaskScope scope_{runtime_};
};

}  // namespace spillway::net::testing
