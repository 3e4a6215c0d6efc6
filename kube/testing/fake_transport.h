#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "kube/transport.h"

namespace spillway::kube::testing {

// A scripted API server for unit tests on SimRuntime. Exchanges are answered by the test: either at once by
// `on_request`, or by hand through the Exchange it finds in `open()`. Loop thread only.
//
//   FakeTransport transport(runtime);
//   transport.on_request = [](const Request& r) { return FakeTransport::Reply(200, "{}"); };   // or nullopt: stays
//   open
class FakeTransport final : public Transport {
 public:
  // One request that waits for its answer.
  class Exchange {
   public:
    Exchange(Runtime& runtime, Request request) : request_(std::move(request)), answer_(runtime) {}
    const Request& request() const { return request_; }
    // The whole answer; a 2xx body goes to the sink if there is one. A request that was cancelled hears nothing.
    void Answer(Response response) {
      if (closed_) return;
      if (request_.sink && response.status >= 200 && response.status <= 299) {
        Start();
        if (!response.body.empty()) request_.sink->OnData(response.body);
        request_.sink->OnEnd();
        response.body.clear();
      }
      Close(std::move(response));
    }
    // Parts of a streamed answer.
    void Start() {
      if (!closed_ && request_.sink && !std::exchange(started_, true)) request_.sink->OnStart();
    }
    void Data(std::string_view bytes) {
      Start();
      if (!closed_ && request_.sink) request_.sink->OnData(bytes);
    }
    void End() { Answer({.status = 200}); }
    // No complete response came.
    void Break(Error error) { Close(tl::unexpected<Error>(std::move(error))); }
    // Answered, cancelled or abandoned.
    bool is_closed() const { return closed_; }

   private:
    friend class FakeTransport;
    void Close(Result<Response> result) {
      if (std::exchange(closed_, true)) return;
      answer_.Set(std::move(result));
    }
    Request request_;
    OneShot<Result<Response>> answer_;
    bool closed_ = false, started_ = false;
  };

  explicit FakeTransport(Runtime& runtime) : runtime_(runtime) {}

  // Called for each request; nullopt leaves it open.
  std::function<std::optional<Result<Response>>(const Request&)> on_request;
  // How long an answer of on_request takes.
  Duration latency{0};

  Task<Result<Response>> Send(Request request) override {
    requests_.push_back(request);
    auto exchange = std::make_shared<Exchange>(runtime_, std::move(request));
    exchanges_.push_back(exchange);
    Guard guard(*exchange);
    exchange->request_.cancel.OnCancel([weak = std::weak_ptr(exchange)] {
      if (auto live = weak.lock()) live->Break({Code::kCancelled, "cancelled"});
    });
    if (on_request) {
      if (latency > Duration(0)) co_await runtime_.SleepFor(latency);
      if (auto answer = on_request(exchange->request_)) {
        if (*answer) {
          exchange->Answer(std::move(**answer));
        } else {
          exchange->Break(std::move(answer->error()));
        }
      }
    }
    Result<Response> result = co_await exchange->answer_.Wait();
    co_return result;
  }

  // All requests so far.
  const std::vector<Request>& requests() const { return requests_; }
  // The exchanges nobody has answered, oldest first.
  std::vector<std::shared_ptr<Exchange>> open() const {
    std::vector<std::shared_ptr<Exchange>> result;
    for (const auto& exchange : exchanges_) {
      if (!exchange->is_closed()) result.push_back(exchange);
    }
    return result;
  }

  static std::optional<Result<Response>> Reply(int status, std::string body, Duration retry_after = Duration(0)) {
    return Result<Response>(Response{status, std::move(body), retry_after});
  }
  static std::optional<Result<Response>> Broken(Code code, std::string message) {
    return Result<Response>(tl::unexpected<Error>(Error{code, std::move(message)}));
  }
  static std::string StatusBody(int code, const std::string& reason, const std::string& message) {
    return R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":")" + message + R"(","reason":")" +
           reason + R"(","code":)" + std::to_string(code) + "}";
  }

 private:
  // Closes the exchange when the awaiting flow is destroyed, as a real connection would.
  struct Guard {
    explicit Guard(Exchange& e) : exchange(e) {}
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { exchange.closed_ = true; }
    Exchange& exchange;
  };

  Runtime& runtime_;
  std::vector<Request> requests_;
  std::vector<std::shared_ptr<Exchange>> exchanges_;
};

}  // namespace spillway::kube::testing
