#include "net/http_client.h"

#include <utility>  // before Asio 1.74, which uses std::exchange without it

#define _TURN_OFF_PLATFORM_STRING  // the library's macro U() would break fmt
#include <cpprest/http_client.h>
#include <fmt/core.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>

#include "net/client_exchange.h"
#include "net/client_tls.h"
#include "net/header_text.h"
#include "net/url.h"
#include "net/watchdog.h"

// The only file that knows cpprestsdk. What it works around was read in its source (http_client_asio.cpp, 2.10.18) and
// is written down in docs/design/004-http-client.md.
namespace spillway::net {
namespace {

namespace rest = web::http;
using internal::ClientExchange;
using internal::IsHeaderText;
using internal::LowerCase;
using internal::TlsDiary;
using internal::Watchdog;

constexpr int kDefaultThreads = 8;
constexpr std::size_t kPieceSize = 1u << 20;  // of bodies with a length; chunked ones come chunk by chunk

void InitThreadsOnce(int threads) {
  static std::once_flag once;
  std::call_once(once, [threads] {
    try {
      crossplat::threadpool::initialize_with_threads(static_cast<std::size_t>(threads));
    } catch (const std::exception&) {
      // Somebody else has started the pool: its size is not ours to choose then.
    }
  });
}

// Carries our Error through the library's exceptions.
class ErrorException : public std::exception {
 public:
  explicit ErrorException(Error error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

// What the library wants of a stream buffer and neither of ours needs.
class InertBuffer : public concurrency::streams::details::streambuf_state_manager<unsigned char> {
 public:
  using streambuf_state_manager::streambuf_state_manager;
  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(size_t, std::ios_base::openmode) override {}
  size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return traits::eof(); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return traits::eof(); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override { return traits::eof(); }
  bool acquire(unsigned char*&, size_t&) override { return false; }
  void release(unsigned char*, size_t) override {}

 protected:
  pplx::task<int_type> Nothing() const { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<int_type> _putc(unsigned char) override { return Nothing(); }
  pplx::task<size_t> _putn(const unsigned char*, size_t) override { return pplx::task_from_result<size_t>(0); }
  pplx::task<int_type> _bumpc() override { return Nothing(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return Nothing(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return Nothing(); }
  pplx::task<int_type> _ungetc() override { return Nothing(); }
  pplx::task<size_t> _getn(unsigned char*, size_t) override { return pplx::task_from_result<size_t>(0); }
  size_t _scopy(unsigned char*, size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  unsigned char* _alloc(size_t) override { return nullptr; }
  void _commit(size_t) override {}
};

// Takes a response body. Owned by the library's response, so that it lives as long as something may be written.
class Sink final : public InertBuffer {
 public:
  explicit Sink(std::shared_ptr<ClientExchange> exchange)
      : InertBuffer(std::ios_base::out), exchange_(std::move(exchange)) {}

  // Past the base class, which would put four tasks around each chunk.
  pplx::task<size_t> putn_nocopy(const unsigned char* bytes, size_t count) override {
    const Status taken = exchange_->OnBytes({reinterpret_cast<const char*>(bytes), count});
    if (!taken) return pplx::task_from_exception<size_t>(ErrorException(taken.error()));
    return pplx::task_from_result(count);
  }

 private:
  std::shared_ptr<ClientExchange> exchange_;
};

// Gives a request body. It cannot be rewound, on purpose: the library resends a request whose body can be when a reused
// connection turns out to be closed, also a POST that may have been carried out.
class Source final : public InertBuffer {
 public:
  explicit Source(std::string bytes) : InertBuffer(std::ios_base::in), bytes_(std::move(bytes)) {}

 protected:
  pplx::task<size_t> _getn(unsigned char* into, size_t count) override {
    const std::size_t given = std::min(count, bytes_.size() - at_);
    std::memcpy(into, bytes_.data() + at_, given);
    at_ += given;
    return pplx::task_from_result(given);
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

class CpprestClient final : public HttpClient {
 public:
  CpprestClient(Runtime& runtime, HttpClientOptions options, BaseUrl base)
      : runtime_(runtime), options_(std::move(options)), base_(std::move(base)), shown_base_(base_.ToString()) {}

  Status Open();
  Task<Result<HttpResponse>> Send(HttpRequest request) override;

 private:
  struct Call;
  struct Outcome {
    Result<HttpResponse> result;
    bool had_head = false;
  };
  rest::client::http_client_config Config() const;
  Result<rest::http_request> ToLibrary(const HttpRequest& request) const;
  Task<Outcome> Once(HttpRequest request, Instant deadline);
  void Start(const std::shared_ptr<Call>& call, rest::http_request request);
  static Error ToError(const std::exception_ptr& thrown, bool has_head, const TlsDiary& diary,
                       const std::string& server);
  Error Silence(const HttpRequest& request) const;

  Runtime& runtime_;
  HttpClientOptions options_;
  BaseUrl base_;
  std::string shown_base_;
  std::string verified_name_;
  std::optional<std::string> host_header_;
  std::shared_ptr<TlsDiary> diary_ = std::make_shared<TlsDiary>();
  std::shared_ptr<rest::client::http_client> client_;
};

struct CpprestClient::Call {
  std::shared_ptr<ClientExchange> exchange;
  pplx::cancellation_token_source cancellation;

  // After this nothing of the waiting flow is touched, and the connection is dropped unless the response is complete.
  void Drop() {
    exchange->Close();
    if (!exchange->has_ended()) cancellation.cancel();
  }
};

Status CpprestClient::Open() {
  verified_name_ = options_.server_name.empty() ? base_.host : LowerCase(options_.server_name);
  // The library verifies, and asks by SNI for, the name in the Host header where there is one. It resolves an IPv6
  // address only without its brackets, and then writes a Host header that needs to be ours.
  if (verified_name_ != base_.host || base_.host.find(':') != std::string::npos) host_header_ = verified_name_;
  try {
    client_ = std::make_shared<rest::client::http_client>(
        fmt::format("{}://{}:{}", base_.https ? "https" : "http", base_.host, base_.port), Config());
  } catch (const std::exception& thrown) {
    return Fail(Code::kInvalidArgument, fmt::format("\"{}\" cannot be used: {}", shown_base_, thrown.what()));
  }
  return {};
}

rest::client::http_client_config CpprestClient::Config() const {
  rest::client::http_client_config config;
  config.set_timeout(std::chrono::hours(24));  // deadlines are ours: the library's is reset by each byte
  config.set_chunksize(kPieceSize);
  config.set_max_redirects(0);  // a redirect would carry credentials to a server nobody named
  BaseUrl verified;
  verified.host = verified_name_;
  config.set_tlsext_sni_enabled(!verified.host_is_ip());
  // Called for each new connection, on an I/O thread.
  config.set_ssl_context_callback(
      [tls = options_.tls, name = verified_name_, diary = diary_](boost::asio::ssl::context& context) {
        Result<TlsMaterial> material = tls ? tls() : TlsMaterial();
        if (!material) throw ErrorException(std::move(material.error()));
        const Status ready = internal::SetUpClientTls(context.native_handle(), *material, name, diary);
        if (!ready) throw ErrorException(ready.error());
      });
  return config;
}

Result<rest::http_request> CpprestClient::ToLibrary(const HttpRequest& request) const {
  try {
    rest::http_request message(request.method);
    message.set_request_uri(web::uri(base_.path + request.path));
    if (host_header_) message.headers().add("Host", *host_header_);
    std::string content_type = "application/json";
    for (const auto& [name, value] : request.headers) {
      if (!IsHeaderText(name) || !IsHeaderText(value)) {
        return Fail(Code::kInvalidArgument, fmt::format("header {} holds a line break", LowerCase(name)));
      }
      const std::string lower = LowerCase(name);
      if (lower == "content-type") content_type = value;
      // Host decides which name is verified, the others how the body is framed: they are ours.
      if (lower != "host" && lower != "content-type" && lower != "content-length" && lower != "transfer-encoding") {
        message.headers().add(name, value);
      }
    }
    if (!request.body.empty()) {
      const auto source = std::make_shared<Source>(request.body);
      const concurrency::streams::streambuf<unsigned char> buffer(source);
      message.set_body(concurrency::streams::istream(buffer), request.body.size(), content_type);
    }
    return message;
  } catch (const std::exception& thrown) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{} {} is no usable request: {}", request.method, request.path, thrown.what()));
  }
}

void CpprestClient::Start(const std::shared_ptr<Call>& call, rest::http_request message) {
  const auto exchange = call->exchange;
  const concurrency::streams::streambuf<unsigned char> buffer(std::make_shared<Sink>(exchange));
  message.set_response_stream(concurrency::streams::ostream(buffer));
  const auto failed = [exchange, diary = diary_, shown = shown_base_] {
    exchange->OnError(ToError(std::current_exception(), exchange->has_head(), *diary, shown));
  };
  const auto ended = [exchange, failed](pplx::task<rest::http_response> body) {
    try {
      body.get();
      exchange->OnComplete();
    } catch (...) {
      failed();
    }
  };
  const auto answered = [exchange, failed, ended, diary = diary_](pplx::task<rest::http_response> head) {
    try {
      const rest::http_response response = head.get();
      diary->Clear();
      ClientExchange::Headers headers;
      for (const auto& [name, value] : response.headers()) headers.emplace_back(LowerCase(name), value);
      exchange->OnHead(response.status_code(), std::move(headers));
      response.content_ready().then(ended, pplx::cancellation_token::none());
    } catch (...) {
      failed();
    }
  };
  // Not from here: the library sets up the TLS of a new connection, which reads files, on the thread that asks.
  const auto ask = [client = client_, message, token = call->cancellation.get_token(), answered, failed] {
    try {
      client->request(message, token).then(answered, pplx::cancellation_token::none());
    } catch (...) {
      failed();
    }
  };
  boost::asio::post(crossplat::threadpool::shared_instance().service(), ask);
}

Error CpprestClient::Silence(const HttpRequest& request) const {
  const char* words = request.on_data ? "nothing came from {} for {}" : "no answer from {} within {}";
  return Error{Code::kDeadlineExceeded,
               fmt::format(fmt::runtime(words), shown_base_, base::FormatDuration(request.timeout))};
}

Task<CpprestClient::Outcome> CpprestClient::Once(HttpRequest request, Instant deadline) {
  Outcome outcome;
  Result<rest::http_request> message = ToLibrary(request);
  if (!message) {
    outcome.result = Fail(std::move(message.error()));
    co_return outcome;
  }
  OneShot<Result<HttpResponse>> done(runtime_);
  const auto finish = [done](Result<HttpResponse> result) { done.Set(std::move(result)); };
  const auto call = std::make_shared<Call>();
  call->exchange = std::make_shared<ClientExchange>(runtime_, request.on_data, request.on_end, finish);
  done.OnAbandoned([call] { call->Drop(); });
  request.cancel.OnCancel([weak = std::weak_ptr<Call>(call), done] {
    if (weak.lock()) done.Set(Fail(Code::kCancelled, "the request was cancelled"));
  });
  Watchdog watchdog(runtime_, [this, &request, done] { done.Set(Fail(Silence(request))); });
  if (request.on_data) {
    watchdog.RingAfterSilence(request.timeout, [call] { return call->exchange->activity(); });
  } else {
    watchdog.RingAt(deadline);
  }
  Start(call, std::move(*message));
  outcome.result = co_await done.Wait();
  outcome.had_head = call->exchange->has_head();
  call->Drop();
  co_return outcome;
}

Task<Result<HttpResponse>> CpprestClient::Send(HttpRequest request) {
  if (request.cancel.is_cancelled()) co_return Fail(Code::kCancelled, "the request was cancelled");
  if (options_.headers) {
    auto more = options_.headers();
    if (!more) co_return Fail(std::move(more.error()));
    for (auto& header : *more) request.headers.push_back(std::move(header));
  }
  const Instant deadline = runtime_.Now() + request.timeout;
  const bool repeatable = request.method == "GET";
  HttpRequest again;
  if (repeatable) again = request;
  Outcome outcome = co_await Once(std::move(request), deadline);
  // Most likely a kept connection that the server had closed. Once only, and only what changes nothing.
  const bool broke = !outcome.result && outcome.result.error().code == Code::kUnavailable && !outcome.had_head;
  if (broke && repeatable) outcome = co_await Once(std::move(again), deadline);
  co_return std::move(outcome.result);
}

// The library's texts are fixed strings; its error codes are too coarse (a refused connection is "host unreachable").
Error CpprestClient::ToError(const std::exception_ptr& thrown, bool has_head, const TlsDiary& diary,
                             const std::string& server) {
  std::string text;
  int number = 0;
  try {
    std::rethrow_exception(thrown);
  } catch (const ErrorException& ours) {
    return Error(ours.error()).Annotated(fmt::format("cannot connect to {}", server));
  } catch (const rest::http_exception& failed) {
    text = failed.what();
    number = failed.error_code().value();
  } catch (const std::exception& other) {
    text = other.what();
  }
  const auto is = [&text](std::string_view known) { return text.find(known) != std::string::npos; };
  const std::string tls_reason = has_head ? std::string() : diary.reason();
  if (is("resolv") && is("address")) {
    return {Code::kUnavailable, fmt::format("cannot find the address of {}: its host name does not resolve", server)};
  }
  if (is("Failed to connect")) {
    if (number == EHOSTUNREACH || number == ECONNREFUSED) {
      return {Code::kUnavailable,
              fmt::format("connection to {} refused: nothing listens there, or there is no route to it", server)};
    }
    return {Code::kUnavailable,
            fmt::format("cannot connect to {}: {}", server, std::generic_category().message(number))};
  }
  if (is("Invalid HTTP status line")) return {Code::kMalformed, fmt::format("{} does not speak HTTP", server)};
  if (!tls_reason.empty()) {
    return {Code::kUnauthenticated, fmt::format("no TLS connection to {}: {}", server, tls_reason)};
  }
  if (is("SSL handshake")) {
    return {Code::kUnavailable, fmt::format("no TLS connection to {}: it hung up, or does not speak TLS 1.2", server)};
  }
  return {Code::kUnavailable, has_head ? fmt::format("the connection to {} broke in the middle of its answer", server)
                                       : fmt::format("the connection to {} broke before its answer", server)};
}

}  // namespace

void InitHttpClients(int threads) { InitThreadsOnce(threads); }

Result<std::unique_ptr<HttpClient>> NewHttpClient(Runtime& runtime, HttpClientOptions options) {
  Result<BaseUrl> base = ParseBaseUrl(options.base_url);
  if (!base) return Fail(std::move(base.error()));
  if (!base->https && !base->host_is_loopback()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("\"{}\": http:// is only for this machine; use https://", options.base_url));
  }
  InitThreadsOnce(kDefaultThreads);
  auto client = std::make_unique<CpprestClient>(runtime, std::move(options), std::move(*base));
  Status open = client->Open();
  if (!open) return Fail(std::move(open.error()));
  return client;
}

}  // namespace spillway::net

#ifdef __SANITIZE_ADDRESS__
// When the process ends the library's pool drops what it has queued, for one the end of an exchange just cancelled, and
// keeps it by plain pointers.
extern "C" const char* __lsan_default_suppressions() { return "leak:_ScheduleFuncWithAutoInline\nleak:_ThenImpl"; }
#endif

#ifdef __SANITIZE_THREAD__
// cpprestsdk and OpenSSL come without instrumentation: TSan sees neither the reference counts by which a cancelled
// exchange frees its state, nor how the library's scheduler is made once, nor OpenSSL's locks around what connections
// share. None of our code runs below these frames.
extern "C" const char* __tsan_default_suppressions() {
  return "race:pplx::details::_CancellationTokenState::_Cancel\nrace:asio_context::~asio_context\n"
         "race:pplx::_pplx_g_sched_t::get_scheduler\nrace:pplx::scheduler_ptr::scheduler_ptr\n"
         "called_from_lib:libcrypto.so\ncalled_from_lib:libssl.so";
}
#endif
