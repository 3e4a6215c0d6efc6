#include <memory>
#include <string>
#include <utility>

#include "base/scope.h"
#include "base/sync.h"
#include "net/percent.h"
#include "sandbox/rest/api_core.h"
#include "sandbox/rest/api_server.h"

namespace spillway::sandbox {
namespace {

using Answer = base::OneShot<Result<kube::Response>>;

net::ServerRequest Arriving(const kube::Request& request, const std::string& user) {
  net::ServerRequest arriving;
  arriving.method = kube::ToString(request.method);
  const std::size_t mark = request.path.find('?');
  arriving.path = net::PercentDecoded(request.path.substr(0, mark)).value_or("");
  if (mark != std::string::npos) arriving.query = request.path.substr(mark + 1);
  arriving.body = request.body;
  arriving.client_common_name = user;
  arriving.headers.emplace_back("accept", request.accept.empty() ? "application/json" : request.accept);
  if (!request.body.empty()) {
    arriving.headers.emplace_back("content-type",
                                  request.content_type.empty() ? "application/json" : request.content_type);
  }
  return arriving;
}

// A deadline that moves with each sign of life; for a request without a sink it never moves.
class Deadline {
 public:
  Deadline(Runtime& runtime, Duration limit, Answer answer)
      : runtime_(runtime), limit_(limit), answer_(std::move(answer)) {
    Arm();
  }
  ~Deadline() { runtime_.CancelTimer(timer_); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  void Extend() {
    runtime_.CancelTimer(timer_);
    Arm();
  }

 private:
  void Arm() {
    timer_ = runtime_.PostAt(runtime_.Now() + limit_, [this] {
      answer_.Set(Fail(Code::kDeadlineExceeded, "no answer within " + base::FormatDuration(limit_)));
    });
  }
  Runtime& runtime_;
  const Duration limit_;
  const Answer answer_;
  TimerId timer_ = 0;
};

Error ConnectionBroke() { return Error{Code::kUnavailable, "the connection to the API server broke"}; }

class SinkStream final : public BreakableStream {
 public:
  SinkStream(std::shared_ptr<kube::BodySink> sink, Deadline& deadline) : sink_(std::move(sink)), deadline_(deadline) {}
  bool Write(std::string_view bytes) override {
    deadline_.Extend();
    if (!bytes.empty()) sink_->OnData(bytes);
    return true;
  }
  bool is_open() const override { return true; }
  std::size_t pending() const override { return 0; }
  void Break() override { is_broken_ = true; }
  bool is_broken() const { return is_broken_; }

 private:
  std::shared_ptr<kube::BodySink> sink_;
  Deadline& deadline_;
  bool is_broken_ = false;
};

// For a stream that the client wants whole.
class CollectSink final : public kube::BodySink {
 public:
  void OnData(std::string_view bytes) override { body.append(bytes); }
  std::string body;
};

class InProcessTransport final : public kube::Transport {
 public:
  InProcessTransport(Runtime& runtime, Runtime& client, ApiServer& api, std::string user, Duration latency)
      : runtime_(runtime), client_(client), api_(api), user_(std::move(user)), latency_(latency) {}

  Task<Result<kube::Response>> Send(kube::Request request) override {
    Answer answer(client_);
    if (request.cancel.is_cancelled()) co_return Fail(Code::kCancelled, "cancelled before it was sent");
    request.cancel.OnCancel([answer] { answer.Set(Fail(Code::kCancelled, "cancelled")); });
    Deadline deadline(client_, request.timeout, answer);
    base::TaskScope scope(runtime_);
    scope.Spawn(Exchange(std::move(request), answer, deadline));
    Result<kube::Response> result = co_await answer.Wait();
    co_return result;
  }

 private:
  // `deadline` lives in Send(), which outlives this flow.
  Task<void> Exchange(kube::Request request, Answer answer, Deadline& deadline) {
    co_await runtime_.SleepFor(latency_);
    net::ServerRequest arriving = Arriving(request, user_);
    net::ServerResponse response = co_await api_.Handle(std::move(arriving));
    if (response.status == kBrokenConnection) co_return answer.Set(Fail(ConnectionBroke()));
    kube::Response result{.status = response.status};
    for (const auto& [name, value] : response.headers) {
      if (name == "Retry-After") result.retry_after = std::chrono::seconds(std::strtol(value.c_str(), nullptr, 10));
    }
    const bool succeeded = response.status >= 200 && response.status < 300;
    auto collected = std::make_shared<CollectSink>();
    const std::shared_ptr<kube::BodySink> sink =
        request.sink && succeeded ? request.sink : std::static_pointer_cast<kube::BodySink>(collected);
    sink->OnStart();
    auto stream = std::make_shared<SinkStream>(sink, deadline);
    stream->Write(response.body);
    if (response.stream) {
      // What was written so far is on its way before the first event.
      Task<void> running = response.stream(stream);
      co_await std::move(running);
    }
    if (stream->is_broken()) co_return answer.Set(Fail(ConnectionBroke()));
    sink->OnEnd();
    result.body = std::move(collected->body);
    answer.Set(std::move(result));
  }

  Runtime& runtime_;  // the network's and the API server's
  Runtime& client_;
  ApiServer& api_;
  const std::string user_;
  const Duration latency_;
};

}  // namespace

std::unique_ptr<kube::Transport> ApiServer::NewTransport(std::string user) {
  return NewTransport(std::move(user), runtime_);
}

std::unique_ptr<kube::Transport> ApiServer::NewTransport(std::string user, Runtime& client) {
  return std::make_unique<InProcessTransport>(runtime_, client, *this, std::move(user), options_.latency);
}

}  // namespace spillway::sandbox
