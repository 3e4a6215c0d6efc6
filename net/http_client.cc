#include "net/http_client.h"

#include <fmt/format.h>

#include <limits>
#include <map>

#include "net/client_pool.h"
#include "net/io_thread.h"
#include "net/request_head.h"
#include "net/watchdog.h"

namespace spillway::net {

using internal::ClientCall;
using internal::ClientExchange;
using internal::ClientPool;
using internal::IoThread;
using internal::Origin;

class HttpClientThreads {
 public:
  HttpClientThreads() {
    calls.Start();
    streams.Start();
  }
  ~HttpClientThreads() {
    for (IoThread* each : {&calls, &streams}) {
      each->io->stop();
      each->Join();
    }
  }
  HttpClientThreads(const HttpClientThreads&) = delete;
  HttpClientThreads& operator=(const HttpClientThreads&) = delete;

  IoThread calls, streams;
};

namespace {

constexpr ClientPool::Limits kCalls{.idle = 16, .open = 256};
constexpr ClientPool::Limits kStreams{.idle = 16, .open = std::numeric_limits<std::size_t>::max()};

class Client final : public HttpClient {
 public:
  Client(Runtime& runtime, HttpClientOptions options, BaseUrl base);
  ~Client() override;
  Task<Result<HttpResponse>> Send(HttpRequest request) override;

 private:
  std::shared_ptr<ClientPool> PoolFor(const HttpRequest& request);
  Error Silence(const HttpRequest& request) const;

  Runtime& runtime_;
  HttpClientOptions options_;
  std::shared_ptr<HttpClientThreads> threads_;
  std::shared_ptr<const Origin> origin_;
  std::shared_ptr<ClientPool> streams_;
  std::map<std::uint8_t, std::shared_ptr<ClientPool>> lanes_;
};

std::shared_ptr<const Origin> OriginOf(const HttpClientOptions& options, BaseUrl base) {
  const auto origin = std::make_shared<Origin>(
      Origin{.shown = base.ToString(),
             .verified_name = options.server_name.empty() ? base.host : options.server_name,
             .connect_timeout = options.connect_timeout,
             .lookup = internal::HostLookup(base.host, options.resolve),
             .tls = base.https ? std::make_unique<internal::ClientTlsContexts>(options.tls) : nullptr});
  origin->base = std::move(base);
  return origin;
}

Client::Client(Runtime& runtime, HttpClientOptions options, BaseUrl base)
    : runtime_(runtime),
      options_(std::move(options)),
      threads_(options_.threads ? options_.threads : StartHttpClientThreads()),
      origin_(OriginOf(options_, std::move(base))),
      streams_(std::make_shared<ClientPool>(threads_->streams.io, origin_, kStreams)) {}

Client::~Client() {
  streams_->Close();
  for (const auto& [lane, pool] : lanes_) pool->Close();
}

std::shared_ptr<ClientPool> Client::PoolFor(const HttpRequest& request) {
  if (request.on_data) return streams_;
  auto& pool = lanes_[request.lane];
  if (!pool) pool = std::make_shared<ClientPool>(threads_->calls.io, origin_, kCalls);
  return pool;
}

Error Client::Silence(const HttpRequest& request) const {
  const char* words = request.on_data ? "nothing came from {} for {}" : "no answer from {} within {}";
  return Error{Code::kDeadlineExceeded,
               fmt::format(fmt::runtime(words), origin_->shown, base::FormatDuration(request.timeout))};
}

Task<Result<HttpResponse>> Client::Send(HttpRequest request) {
  if (request.cancel.is_cancelled()) co_return Fail(Code::kCancelled, "the request was cancelled");
  if (options_.headers) {
    auto more = options_.headers();
    if (!more) co_return Fail(std::move(more.error()));
    for (auto& header : *more) request.headers.push_back(std::move(header));
  }
  Result<std::string> bytes = internal::RequestBytes(request, origin_->base);
  if (!bytes) co_return Fail(std::move(bytes.error()));

  OneShot<Result<HttpResponse>> done(runtime_);
  const auto finish = [done](Result<HttpResponse> result) { done.Set(std::move(result)); };
  const auto call = std::make_shared<ClientCall>();
  call->bytes = std::move(*bytes);
  call->is_repeatable = request.method == "GET";
  if (request.method == "HEAD") call->body = internal::ResponseParser::Body::kNone;
  call->exchange = std::make_shared<ClientExchange>(runtime_, request.on_data, request.on_end, finish);
  const std::shared_ptr<ClientPool> pool = PoolFor(request);
  // After this nothing of this flow is touched.
  const auto drop = [call, pool] {
    call->exchange->Close();
    if (!call->exchange->has_ended()) pool->Drop(call);
  };
  done.OnAbandoned(drop);
  request.cancel.OnCancel([weak = std::weak_ptr<ClientCall>(call), done] {
    if (weak.lock()) done.Set(Fail(Code::kCancelled, "the request was cancelled"));
  });
  internal::Watchdog watchdog(runtime_, [this, &request, done] { done.Set(Fail(Silence(request))); });
  if (request.on_data) {
    watchdog.RingAfterSilence(request.timeout, [call] { return call->exchange->activity(); });
  } else {
    watchdog.RingAt(runtime_.Now() + request.timeout);
  }
  pool->Start(call);
  Result<HttpResponse> result = co_await done.Wait();
  drop();
  co_return std::move(result);
}

}  // namespace

std::shared_ptr<HttpClientThreads> StartHttpClientThreads() { return std::make_shared<HttpClientThreads>(); }

Result<std::unique_ptr<HttpClient>> NewHttpClient(Runtime& runtime, HttpClientOptions options) {
  Result<BaseUrl> base = ParseBaseUrl(options.base_url);
  if (!base) return Fail(std::move(base.error()));
  if (!base->https && !base->host_is_loopback()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("\"{}\": http:// is only for this machine; use https://", options.base_url));
  }
  return std::make_unique<Client>(runtime, std::move(options), std::move(*base));
}

}  // namespace spillway::net
