#include "net/rest_client.h"

#include <utility>  // before Asio 1.74, which uses std::exchange without it

#define _TURN_OFF_PLATFORM_STRING  // NOLINT(bugprone-reserved-identifier): the library's macro U() would break fmt
#include <cpprest/http_client.h>
#include <fmt/core.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "net/client_exchange.h"
#include "net/client_tls.h"
#include "net/header_text.h"
#include "net/url.h"
#include "net/watchdog.h"

// The only file that knows cpprestsdk. What it works around is written down in docs/design/004-http-client.md.
namespace spillway::net {
namespace {

namespace rest = web::http;
using internal::ClientExchange;
using internal::IsHeaderText;
using internal::LowerCase;

constexpr int kDefaultThreads = 4;
constexpr std::size_t kPieceSize = 1u << 20;  // of bodies with a length; chunked ones come chunk by chunk
constexpr std::size_t kMaxPiece = 1u << 30;   // the library passes on negative chunk sizes as huge ones
constexpr Duration kLibraryTimeout = 60s;     // of silence, after which it drops what we have given up
constexpr Duration kLongestParting = 2s;      // for the library to let go of its requests

void InitThreadsOnce(int threads) {
  static std::once_flag once;
  std::call_once(once, [threads] {
    try {
      crossplat::threadpool::initialize_with_threads(static_cast<std::size_t>(threads));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
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

// Takes a response body as it comes, so that its size is bounded.
class Sink final : public InertBuffer {
 public:
  explicit Sink(std::shared_ptr<ClientExchange> exchange)
      : InertBuffer(std::ios_base::out), exchange_(std::move(exchange)) {}

  pplx::task<size_t> putn_nocopy(const unsigned char* bytes, size_t count) override {
    const Status taken = count > kMaxPiece ? Fail(Code::kMalformed, "a chunk of the response has an impossible size")
                                           : exchange_->OnBytes({reinterpret_cast<const char*>(bytes), count});
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

// The requests that the library still has in hand. Counted on any thread.
class Flights : public std::enable_shared_from_this<Flights> {
 public:
  // Ends with its last copy.
  std::shared_ptr<void> Begin() {
    const std::lock_guard lock(mutex_);
    ++count_;
    return std::shared_ptr<void>(nullptr, [self = shared_from_this()](void*) {
      const std::lock_guard end(self->mutex_);
      if (--self->count_ == 0) self->none_.notify_all();
    });
  }
  void WaitForAll(Duration at_most) {
    std::unique_lock lock(mutex_);
    none_.wait_for(lock, at_most, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

class RestClient final : public HttpClient {
 public:
  RestClient(Runtime& runtime, HttpClientOptions options, BaseUrl base)
      : runtime_(runtime), options_(std::move(options)), base_(std::move(base)), shown_base_(base_.ToString()) {}
  // What the library has in hand when the process ends, it leaks, or runs when its threads are gone.
  ~RestClient() override { flights_->WaitForAll(kLongestParting); }

  Status Open();
  Task<Result<HttpResponse>> Send(HttpRequest request) override;

 private:
  rest::client::http_client_config Config() const;
  Result<rest::http_request> ToLibrary(const HttpRequest& request) const;
  void Start(const std::shared_ptr<ClientExchange>& exchange, rest::http_request request);
  static Error ToError(const std::exception_ptr& thrown, bool has_head, const std::string& server);

  Runtime& runtime_;
  HttpClientOptions options_;
  BaseUrl base_;
  std::string shown_base_;
  std::shared_ptr<rest::client::http_client> client_;
  std::shared_ptr<Flights> flights_ = std::make_shared<Flights>();
};

// The library puts a port that is named into the Host header, the scheme's own too: clouds sign that header without it.
std::string Authority(const BaseUrl& base) {
  const std::string scheme = base.https ? "https" : "http";
  if (base.port == (base.https ? 443 : 80)) return fmt::format("{}://{}", scheme, base.host);
  return fmt::format("{}://{}:{}", scheme, base.host, base.port);
}

Status RestClient::Open() {
  try {
    client_ = std::make_shared<rest::client::http_client>(Authority(base_), Config());
  } catch (const std::exception& thrown) {
    return Fail(Code::kInvalidArgument, fmt::format("\"{}\" cannot be used: {}", shown_base_, thrown.what()));
  }
  return {};
}

rest::client::http_client_config RestClient::Config() const {
  rest::client::http_client_config config;
  config.set_timeout(kLibraryTimeout);
  config.set_chunksize(kPieceSize);
  config.set_max_redirects(0);  // a redirect would carry credentials to a server nobody named
  config.set_tlsext_sni_enabled(!base_.host_is_ip());
  // Called for each new connection, on an I/O thread. The library verifies the host's name.
  config.set_ssl_context_callback([tls = options_.tls](boost::asio::ssl::context& context) {
    Result<TlsMaterial> material = tls ? tls() : TlsMaterial();
    if (!material) throw ErrorException(std::move(material.error()));
    const Status ready = internal::SetUpClientTls(context.native_handle(), *material);
    if (!ready) throw ErrorException(ready.error());
  });
  return config;
}

Result<rest::http_request> RestClient::ToLibrary(const HttpRequest& request) const {
  if (request.on_data) return Fail(Code::kInvalidArgument, "a REST client does not stream");
  try {
    rest::http_request message(request.method);
    message.set_request_uri(web::uri(base_.path + request.path));
    std::string content_type = "application/json";
    for (const auto& [name, value] : request.headers) {
      const std::string lower = LowerCase(name);
      if (!IsHeaderText(name) || !IsHeaderText(value)) {
        return Fail(Code::kInvalidArgument, fmt::format("header {} holds a line break", lower));
      }
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

void RestClient::Start(const std::shared_ptr<ClientExchange>& exchange, rest::http_request message) {
  const concurrency::streams::streambuf<unsigned char> buffer(std::make_shared<Sink>(exchange));
  message.set_response_stream(concurrency::streams::ostream(buffer));
  const auto failed = [exchange, shown = shown_base_, flight = flights_->Begin()] {
    exchange->OnError(ToError(std::current_exception(), exchange->has_head(), shown));
  };
  const auto ended = [exchange, failed](pplx::task<rest::http_response> body) {
    try {
      body.get();
      exchange->OnComplete();
    } catch (...) {
      failed();
    }
  };
  const auto answered = [exchange, failed, ended](pplx::task<rest::http_response> head) {
    try {
      const rest::http_response response = head.get();
      ClientExchange::Headers headers;
      for (const auto& [name, value] : response.headers()) headers.emplace_back(LowerCase(name), value);
      exchange->OnHead(response.status_code(), std::move(headers));
      response.content_ready().then(ended);
    } catch (...) {
      failed();
    }
  };
  // Not from here: the library sets up the TLS of a new connection, which reads files, on the thread that asks.
  const auto ask = [client = client_, message, answered, failed] {
    try {
      client->request(message).then(answered);
    } catch (...) {
      failed();
    }
  };
  boost::asio::post(crossplat::threadpool::shared_instance().service(), ask);
}

Task<Result<HttpResponse>> RestClient::Send(HttpRequest request) {
  if (request.cancel.is_cancelled()) co_return Fail(Code::kCancelled, "the request was cancelled");
  if (options_.headers) {
    auto more = options_.headers();
    if (!more) co_return Fail(std::move(more.error()));
    for (auto& header : *more) request.headers.push_back(std::move(header));
  }
  Result<rest::http_request> message = ToLibrary(request);
  if (!message) co_return Fail(std::move(message.error()));
  OneShot<Result<HttpResponse>> done(runtime_);
  const auto finish = [done](Result<HttpResponse> result) { done.Set(std::move(result)); };
  const auto exchange = std::make_shared<ClientExchange>(runtime_, nullptr, nullptr, finish);
  done.OnAbandoned([exchange] { exchange->Close(); });
  request.cancel.OnCancel([weak = std::weak_ptr<ClientExchange>(exchange), done] {
    if (weak.lock()) done.Set(Fail(Code::kCancelled, "the request was cancelled"));
  });
  internal::Watchdog watchdog(runtime_, [this, &request, done] {
    done.Set(Fail(Code::kDeadlineExceeded,
                  fmt::format("no answer from {} within {}", shown_base_, base::FormatDuration(request.timeout))));
  });
  watchdog.RingAt(runtime_.Now() + request.timeout);
  Start(exchange, *message);
  Result<HttpResponse> result = co_await done.Wait();
  exchange->Close();
  co_return std::move(result);
}

// The library's texts are fixed strings; its error codes are too coarse (a refused connection is "host unreachable").
Error RestClient::ToError(const std::exception_ptr& thrown, bool has_head, const std::string& server) {
  std::string text;
  try {
    std::rethrow_exception(thrown);
  } catch (const ErrorException& ours) {
    return Error(ours.error()).Annotated(fmt::format("cannot connect to {}", server));
  } catch (const std::exception& other) {
    text = other.what();
  }
  const auto is = [&text](std::string_view known) { return text.find(known) != std::string::npos; };
  if (is("resolv") && is("address")) {
    return {Code::kUnavailable, fmt::format("cannot find the address of {}: its host name does not resolve", server)};
  }
  if (is("Failed to connect")) {
    return {Code::kUnavailable,
            fmt::format("connection to {} refused: nothing listens there, or there is no route to it", server)};
  }
  if (is("Invalid HTTP status line")) return {Code::kMalformed, fmt::format("{} does not speak HTTP", server)};
  if (is("SSL handshake")) {
    return {Code::kUnauthenticated,
            fmt::format("no TLS connection to {}: its certificate is not good for us, ours not for it, or it does not "
                        "speak TLS 1.2",
                        server)};
  }
  return {Code::kUnavailable, has_head ? fmt::format("the connection to {} broke in the middle of its answer", server)
                                       : fmt::format("the connection to {} broke before its answer", server)};
}

}  // namespace

void InitRestClients(int threads) { InitThreadsOnce(threads); }

Result<std::unique_ptr<HttpClient>> NewRestClient(Runtime& runtime, HttpClientOptions options) {
  Result<BaseUrl> base = ParseBaseUrl(options.base_url);
  if (!base) return Fail(std::move(base.error()));
  if (!base->https && !base->host_is_loopback() && !base->host_is_metadata_service()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("\"{}\": http:// is only for this machine; use https://", options.base_url));
  }
  if (!options.server_name.empty()) {
    return Fail(Code::kInvalidArgument, "a REST client verifies the name of the host, no other");
  }
  InitThreadsOnce(kDefaultThreads);
  auto client = std::make_unique<RestClient>(runtime, std::move(options), std::move(*base));
  Status open = client->Open();
  if (!open) return Fail(std::move(open.error()));
  return client;
}

}  // namespace spillway::net
