#include "net/server_connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "base/log.h"
#include "net/header_text.h"
#include "net/io_deadline.h"
#include "net/percent.h"
#include "net/response_head.h"

// GCC 12 with sanitizers takes the two halves of Asio's own frame allocator for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace spillway::net::internal {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Parser = http::request_parser<http::string_body>;
constexpr asio::use_awaitable_t<Executor> kAwait;

constexpr std::size_t kReadSize = 16u << 10;
constexpr std::size_t kWriteSize = 256u << 10;
constexpr std::size_t kMaxHead = 64u << 10;
constexpr std::size_t kMaxPipelined = 64u << 10;
constexpr std::size_t kMaxLinger = 32u << 20;
constexpr std::size_t kSmallBody = 16u << 10;

enum class Outcome { kComplete, kClosed, kTimeout, kTooLarge, kHeadTooLarge, kMalformed };
using Then = IoDeadline::Then;

int StatusOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kTimeout:
      return 408;
    case Outcome::kTooLarge:
      return 413;
    case Outcome::kHeadTooLarge:
      return 431;
    default:
      return 400;
  }
}

Outcome OutcomeOf(const error_code& ec) {
  if (ec == http::error::body_limit) return Outcome::kTooLarge;
  if (ec == http::error::header_limit) return Outcome::kHeadTooLarge;
  return Outcome::kMalformed;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerShared> shared, std::weak_ptr<asio::io_context> io, Socket socket);
  ~Connection() { --shared_->connections; }
  Awaitable<void> Run();

 private:
  // Bytes, over TLS or not.
  Awaitable<std::size_t> ReadSome(asio::mutable_buffer into, error_code& ec);
  Awaitable<void> Write(std::string_view bytes, error_code& ec);
  Awaitable<bool> Handshake();
  Awaitable<void> Goodbye(bool linger);

  Awaitable<Outcome> ReadRequest(Parser& parser);
  std::optional<ServerRequest> ToRequest(Parser& parser) const;
  Awaitable<bool> Answer(ServerRequest request, bool keep_alive, bool http10);  // true: keep the connection
  Awaitable<bool> SendWhole(ServerResponse response, bool head_only, bool keep_alive);
  Awaitable<bool> SendStream(std::shared_ptr<Exchange> exchange, ServerResponse head, std::string bytes,
                             std::size_t payload, bool ended, bool keep_alive);
  static Awaitable<void> WatchForClose(std::shared_ptr<Connection> self);
  Awaitable<void> WaitForWake();
  void OnWake();
  void TellClientGone(std::shared_ptr<Exchange> exchange);

  std::shared_ptr<ServerShared> shared_;
  std::weak_ptr<asio::io_context> io_;
  Socket socket_;
  std::shared_ptr<ssl_ctx_st> tls_context_;
  std::unique_ptr<asio::ssl::stream<Socket&>> tls_;
  PeerName peer_;
  boost::beast::flat_buffer buffer_;
  IoDeadline deadline_;
  Timer wake_;
  bool streaming_ = false;
  bool watching_ = false;  // WatchForClose() is reading
  std::shared_ptr<Exchange> current_;
  bool gone_ = false;  // the client is, or is to be treated so
};

Duration TickOf(const HttpServerOptions& o) {
  const Duration shortest =
      std::min({o.handshake_timeout, o.head_timeout, o.body_timeout, o.write_timeout, o.idle_timeout});
  return std::clamp<Duration>(shortest / 8, 5ms, 1s);
}

Connection::Connection(std::shared_ptr<ServerShared> shared, std::weak_ptr<asio::io_context> io, Socket socket)
    : shared_(std::move(shared)),
      io_(std::move(io)),
      socket_(std::move(socket)),
      deadline_(socket_, TickOf(shared_->options)),
      wake_(socket_.get_executor()) {}

Awaitable<std::size_t> Connection::ReadSome(asio::mutable_buffer into, error_code& ec) {
  if (tls_) co_return co_await tls_->async_read_some(into, asio::redirect_error(kAwait, ec));
  co_return co_await socket_.async_read_some(into, asio::redirect_error(kAwait, ec));
}

Awaitable<void> Connection::Write(std::string_view bytes, error_code& ec) {
  while (!bytes.empty() && !ec) {
    const asio::const_buffer piece(bytes.data(), std::min(bytes.size(), kWriteSize));
    deadline_.Arm(shared_->options.write_timeout, Then::kClose);
    if (tls_) {
      co_await asio::async_write(*tls_, piece, asio::redirect_error(kAwait, ec));
    } else {
      co_await asio::async_write(socket_, piece, asio::redirect_error(kAwait, ec));
    }
    bytes.remove_prefix(piece.size());
  }
  deadline_.Disarm();
}

Awaitable<bool> Connection::Handshake() {
  Result<std::shared_ptr<ssl_ctx_st>> context = shared_->tls->Current();
  if (!context) {
    log::Error("no TLS connections: no usable serving certificate", {{"error", context.error().message}});
    co_return false;
  }
  tls_context_ = std::move(*context);
  // Asio's context takes ownership of what it is given.
  SSL_CTX_up_ref(tls_context_.get());
  asio::ssl::context wrapped(tls_context_.get());
  tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, wrapped);
  deadline_.Arm(shared_->options.handshake_timeout, Then::kClose);
  error_code ec;
  co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(kAwait, ec));
  deadline_.Disarm();
  if (ec) {
    log::Verbose(4, "TLS handshake failed", {{"error", ec.message()}});
    co_return false;
  }
  peer_ = VerifiedPeer(tls_->native_handle());
  co_return true;
}

Awaitable<void> Connection::Goodbye(bool linger) {
  error_code ec;
  if (gone_ || watching_) {
    socket_.close(ec);
    co_return;
  }
  deadline_.Arm(2s, Then::kClose);
  if (tls_) {
    if (!linger) co_await tls_->async_shutdown(asio::redirect_error(kAwait, ec));
  }
  ec = {};
  socket_.shutdown(Socket::shutdown_send, ec);
  // A client that is still sending would be answered by a reset, and might never read why it was refused.
  std::array<char, kReadSize> scratch;
  for (std::size_t drained = 0; linger && !ec && drained < kMaxLinger;) {
    drained += co_await socket_.async_read_some(asio::buffer(scratch), asio::redirect_error(kAwait, ec));
  }
  socket_.close(ec);
}

Awaitable<Outcome> Connection::ReadRequest(Parser& parser) {
  bool begun = buffer_.size() > 0;
  bool head_read = false;
  deadline_.Arm(begun ? shared_->options.head_timeout : shared_->options.idle_timeout, Then::kCancel);
  for (;;) {
    if (buffer_.size() > 0) {
      error_code ec;
      const std::size_t used = parser.put(buffer_.data(), ec);
      buffer_.consume(used);
      if (ec && ec != http::error::need_more) co_return OutcomeOf(ec);
      if (parser.is_done()) break;
      if (parser.is_header_done() && !head_read) {
        head_read = true;
        if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
          error_code failed;
          co_await Write("HTTP/1.1 100 Continue\r\n\r\n", failed);
          if (failed) co_return Outcome::kClosed;
        }
        deadline_.Arm(shared_->options.body_timeout, Then::kCancel);
      }
      if (used > 0 && buffer_.size() > 0) continue;
    }
    error_code ec;
    const std::size_t got = co_await ReadSome(buffer_.prepare(kReadSize), ec);
    if (ec) co_return deadline_.has_passed() && begun ? Outcome::kTimeout : Outcome::kClosed;
    buffer_.commit(got);
    if (!begun) {
      begun = true;
      deadline_.Arm(shared_->options.head_timeout, Then::kCancel);
    }
  }
  deadline_.Disarm();
  co_return Outcome::kComplete;
}

std::optional<ServerRequest> Connection::ToRequest(Parser& parser) const {
  auto& message = parser.get();
  const std::string_view target(message.target().data(), message.target().size());
  if (target.empty() || target.front() != '/') return std::nullopt;
  const std::size_t path_end = std::min(target.find('?'), target.size());
  auto path = PercentDecoded(target.substr(0, path_end));
  if (!path || path->find('\0') != std::string::npos) return std::nullopt;

  ServerRequest request;
  request.method = std::string(message.method_string());
  request.path = std::move(*path);
  request.query = path_end < target.size() ? target.substr(path_end + 1) : std::string_view();
  for (const auto& field : message) {
    const auto name = field.name_string();
    request.headers.emplace_back(LowerCase({name.data(), name.size()}), std::string(field.value()));
  }
  request.body = std::move(message.body());
  request.client_common_name = peer_.common_name;
  request.client_organizations = peer_.organizations;
  return request;
}

Awaitable<bool> Connection::SendWhole(ServerResponse response, bool head_only, bool keep_alive) {
  std::string head = ResponseHead(response, false, keep_alive);
  const bool bodyless = head_only || !MayHaveBody(response.status);
  error_code ec;
  if (!bodyless && response.body.size() <= kSmallBody) {
    head += response.body;  // one TLS record, one system call
    co_await Write(head, ec);
  } else {
    co_await Write(head, ec);
    if (!bodyless) co_await Write(response.body, ec);
  }
  co_return !ec && keep_alive;
}

Awaitable<void> Connection::WaitForWake() {
  error_code cancelled;
  wake_.expires_at(Timer::time_point::max());
  co_await wake_.async_wait(asio::redirect_error(kAwait, cancelled));
}

// While a stream is idle nothing is written, so only reading shows that the client has gone.
Awaitable<void> Connection::WatchForClose(std::shared_ptr<Connection> self) {
  do {
    error_code ec;
    const std::size_t got = co_await self->ReadSome(self->buffer_.prepare(kReadSize), ec);
    self->buffer_.commit(got);
    self->gone_ = self->gone_ || ec || self->buffer_.size() > kMaxPipelined;
  } while (self->streaming_ && !self->gone_);
  self->watching_ = false;
  self->wake_.cancel();
}

Awaitable<bool> Connection::SendStream(std::shared_ptr<Exchange> exchange, ServerResponse head, std::string bytes,
                                       std::size_t payload, bool ended, bool keep_alive) {
  bytes.insert(0, ResponseHead(head, true, keep_alive));
  streaming_ = watching_ = true;
  asio::co_spawn(socket_.get_executor(), WatchForClose(shared_from_this()), asio::detached);
  for (;;) {
    if (ended) bytes += "0\r\n\r\n";
    error_code ec;
    co_await Write(bytes, ec);
    exchange->Sent(payload);
    gone_ = gone_ || ec;
    if (ended || gone_) break;
    Exchange::Batch batch = exchange->Take();
    while (batch.bytes.empty() && !batch.ended && !batch.overrun && !gone_) {
      co_await WaitForWake();
      batch = exchange->Take();
    }
    bytes = std::move(batch.bytes);
    payload = batch.payload;
    ended = batch.ended;
    gone_ = gone_ || batch.overrun;
    if (gone_) break;
  }
  streaming_ = false;
  exchange->Close();
  if (gone_ && !ended) TellClientGone(exchange);
  // The watcher's read goes on to bring the beginning of the next request: two reads at once are not allowed.
  deadline_.Arm(shared_->options.idle_timeout, Then::kClose);
  while (keep_alive && watching_ && !gone_) co_await WaitForWake();
  co_return !gone_ && keep_alive;
}

void Connection::OnWake() {
  wake_.cancel();
  error_code ignored;
  if (current_ && current_->is_overrun()) socket_.close(ignored);  // ends the write that is stuck
}

void Connection::TellClientGone(std::shared_ptr<Exchange> exchange) {
  shared_->runtime.Post([flows = shared_->flows, exchange = std::move(exchange)] {
    if (const auto alive = flows.lock()) alive->ClientGone(exchange.get());
  });
}

Awaitable<bool> Connection::Answer(ServerRequest request, bool keep_alive, bool http10) {
  const bool head_only = request.method == "HEAD";
  auto exchange = std::make_shared<Exchange>([io = io_, weak = weak_from_this()] {
    if (const auto context = io.lock()) {
      asio::post(*context, [weak] {
        if (const auto self = weak.lock()) self->OnWake();
      });
    }
  });
  current_ = exchange;
  shared_->runtime.Post(
      [flows = shared_->flows, exchange, request = std::make_shared<ServerRequest>(std::move(request))] {
        if (const auto alive = flows.lock()) alive->Start(exchange, std::move(*request));
      });
  Exchange::Batch batch = exchange->Take();
  while (!batch.response) {
    co_await WaitForWake();
    batch = exchange->Take();
  }
  const bool streams = !batch.complete;
  if (streams && (head_only || http10)) {
    exchange->Close();
    TellClientGone(exchange);
    ServerResponse refusal;
    refusal.status = http10 ? 505 : batch.response->status;
    refusal.content_type = http10 ? "text/plain" : batch.response->content_type;
    co_return co_await SendWhole(std::move(refusal), head_only, false);
  }
  if (!streams) co_return co_await SendWhole(std::move(*batch.response), head_only, keep_alive);
  co_return co_await SendStream(exchange, std::move(*batch.response), std::move(batch.bytes), batch.payload,
                                batch.ended, keep_alive);
}

Awaitable<void> Connection::Run() {
  const auto self = shared_from_this();
  deadline_.Start(self);
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (shared_->tls && !co_await Handshake()) co_return;
  for (bool keep = true; keep;) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(kMaxHead);
    parser.body_limit(shared_->options.max_body);
    const Outcome outcome = co_await ReadRequest(parser);
    if (outcome == Outcome::kClosed) break;
    const bool http10 = parser.get().version() < 11;
    keep = outcome == Outcome::kComplete && parser.get().keep_alive() && !http10;
    auto request = outcome == Outcome::kComplete ? ToRequest(parser) : std::nullopt;
    if (!request) {
      ServerResponse refusal;
      refusal.status = StatusOf(outcome);
      refusal.content_type = "text/plain";
      co_await SendWhole(std::move(refusal), false, false);
      co_await Goodbye(true);
      co_return;
    }
    keep = co_await Answer(std::move(*request), keep, http10);
  }
  co_await Goodbye(false);
}

}  // namespace

Awaitable<void> ServeConnection(std::shared_ptr<ServerShared> shared, std::weak_ptr<asio::io_context> io,
                                Socket socket) {
  try {
    const auto connection = std::make_shared<Connection>(std::move(shared), std::move(io), std::move(socket));
    co_await connection->Run();
  } catch (const std::exception& thrown) {
    log::Error("a connection failed", {{"error", thrown.what()}});
  }
}

}  // namespace spillway::net::internal
