#include "net/server_connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "net/header_text.h"
#include "net/percent.h"
#include "net/response_head.h"

// GCC 12 with sanitizers takes the two halves of Asio's own frame allocator for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace spillway::net::internal {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Parser = http::request_parser<http::string_body>;
constexpr asio::use_awaitable_t<Executor> kAwait;

constexpr std::size_t kReadSize = 16u << 10;
constexpr std::size_t kMaxHead = 64u << 10;
constexpr std::size_t kMaxPipelined = 64u << 10;
constexpr std::size_t kSmallBody = 16u << 10;
constexpr Duration kLinger = 5s;

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
  ~Connection();
  Awaitable<void> Run();

 private:
  void Wait();  // from now on until StopWaiting() this may have to make room for another
  void StopWaiting() { shared_->waiting.Leave(std::exchange(ticket_, 0)); }
  Awaitable<Outcome> ReadRequest(Parser& parser);
  std::optional<ServerRequest> ToRequest(Parser& parser) const;
  Awaitable<bool> Answer(ServerRequest request, bool keep_alive, bool http10);  // true: keep the connection
  Awaitable<bool> SendWhole(ServerResponse response, bool head_only, bool keep_alive);
  Awaitable<bool> SendStream(std::shared_ptr<Exchange> exchange, ServerResponse head, std::string bytes,
                             std::size_t payload, bool ended, bool keep_alive);
  Awaitable<void> ServeUpgrade(std::shared_ptr<Upgrade> upgrade, ServerResponse head);
  static Awaitable<void> ReceiveUpgraded(std::shared_ptr<Connection> self, std::shared_ptr<Upgrade> upgrade);
  static Awaitable<void> WatchForClose(std::shared_ptr<Connection> self);
  static Awaitable<void> WaitFor(Timer& timer);
  void OnWake();
  void TellClientGone(std::shared_ptr<Exchange> exchange);

  std::shared_ptr<ServerShared> shared_;
  std::weak_ptr<asio::io_context> io_;
  ServerSocket socket_;
  PeerName peer_;
  boost::beast::flat_buffer buffer_;
  Timer wake_;
  Timer read_wake_;           // of ReceiveUpgraded()
  std::uint64_t ticket_ = 0;  // among those that wait
  bool streaming_ = false;
  bool watching_ = false;  // WatchForClose() or ReceiveUpgraded() is reading
  std::shared_ptr<Exchange> current_;
  bool upgraded_ = false;  // and its flow has not returned
  bool gone_ = false;      // the client is, or is to be treated so
};

Connection::Connection(std::shared_ptr<ServerShared> shared, std::weak_ptr<asio::io_context> io, Socket socket)
    : shared_(std::move(shared)),
      io_(std::move(io)),
      socket_(std::move(socket), shared_->options),
      wake_(socket_.executor()),
      read_wake_(socket_.executor()) {}

Connection::~Connection() {
  StopWaiting();
  --shared_->connections;
}

void Connection::Wait() {
  ticket_ = shared_->waiting.Enter([executor = socket_.executor(), weak = weak_from_this()] {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) self->socket_.Close();
    });
  });
}

Awaitable<Outcome> Connection::ReadRequest(Parser& parser) {
  bool begun = buffer_.size() > 0;
  bool head_read = false;
  socket_.deadline().Arm(begun ? shared_->options.head_timeout : shared_->options.idle_timeout, Then::kCancel);
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
          co_await socket_.Write("HTTP/1.1 100 Continue\r\n\r\n", failed);
          if (failed) co_return Outcome::kClosed;
        }
        socket_.deadline().Arm(shared_->options.body_timeout, Then::kCancel);
      }
      if (used > 0 && buffer_.size() > 0) continue;
    }
    error_code ec;
    const std::size_t got = co_await socket_.ReadSome(buffer_.prepare(kReadSize), ec);
    if (ec) co_return socket_.deadline().has_passed() && begun ? Outcome::kTimeout : Outcome::kClosed;
    buffer_.commit(got);
    if (!begun) {
      begun = true;
      socket_.deadline().Arm(shared_->options.head_timeout, Then::kCancel);
    }
  }
  socket_.deadline().Disarm();
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
    co_await socket_.Write(head, ec);
  } else {
    co_await socket_.Write(head, ec);
    if (!bodyless) co_await socket_.Write(response.body, ec);
  }
  co_return !ec && keep_alive;
}

Awaitable<void> Connection::WaitFor(Timer& timer) {
  error_code cancelled;
  timer.expires_at(Timer::time_point::max());
  co_await timer.async_wait(asio::redirect_error(kAwait, cancelled));
}

// While a stream is idle nothing is written, so only reading shows that the client has gone.
Awaitable<void> Connection::WatchForClose(std::shared_ptr<Connection> self) {
  do {
    error_code ec;
    const std::size_t got = co_await self->socket_.ReadSome(self->buffer_.prepare(kReadSize), ec);
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
  asio::co_spawn(socket_.executor(), WatchForClose(shared_from_this()), asio::detached);
  for (;;) {
    if (ended) bytes += "0\r\n\r\n";
    error_code ec;
    co_await socket_.Write(bytes, ec);
    exchange->Sent(payload);
    gone_ = gone_ || ec;
    if (ended || gone_) break;
    Exchange::Batch batch = exchange->Take();
    while (batch.bytes.empty() && !batch.ended && !batch.overrun && !gone_) {
      co_await WaitFor(wake_);
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
  socket_.deadline().Arm(shared_->options.idle_timeout, Then::kClose);
  while (keep_alive && watching_ && !gone_) co_await WaitFor(wake_);
  co_return !gone_ && keep_alive;
}

Awaitable<void> Connection::ReceiveUpgraded(std::shared_ptr<Connection> self, std::shared_ptr<Upgrade> upgrade) {
  for (error_code ec; !ec;) {
    while (upgrade->is_full() && self->upgraded_) co_await WaitFor(self->read_wake_);
    const std::size_t got = co_await self->socket_.ReadSome(self->buffer_.prepare(kReadSize), ec);
    if (self->upgraded_) self->socket_.deadline().Arm(self->shared_->options.upgraded_idle_timeout, Then::kClose);
    self->buffer_.commit(got);
    // What comes after the end is drained, so that the client reads our last words before it hears of a reset.
    if (self->upgraded_ && got > 0) {
      upgrade->Received({static_cast<const char*>(self->buffer_.data().data()), self->buffer_.size()});
    }
    self->buffer_.consume(self->buffer_.size());
  }
  upgrade->EndOfInput();
  self->watching_ = false;
  self->wake_.cancel();
}

Awaitable<void> Connection::ServeUpgrade(std::shared_ptr<Upgrade> upgrade, ServerResponse head) {
  error_code ec;
  const std::string first = ResponseHead(head, false, true);
  co_await socket_.Write(first, ec);
  socket_.deadline().Arm(shared_->options.upgraded_idle_timeout, Then::kClose);
  if (buffer_.size() > 0) upgrade->Received({static_cast<const char*>(buffer_.data().data()), buffer_.size()});
  buffer_.consume(buffer_.size());
  upgraded_ = watching_ = true;
  asio::co_spawn(socket_.executor(), ReceiveUpgraded(shared_from_this(), upgrade), asio::detached);
  while (!ec) {
    const Upgrade::Output output = upgrade->Take();
    if (output.bytes.empty() && output.ended) break;
    if (output.bytes.empty()) {
      co_await WaitFor(wake_);
      continue;
    }
    co_await socket_.WritePatiently(output.bytes, ec);
    upgrade->Sent(output.bytes.size());
    socket_.deadline().Arm(shared_->options.upgraded_idle_timeout, Then::kClose);
  }
  upgraded_ = false;
  upgrade->Close();
  read_wake_.cancel();
  socket_.ShutdownSend();
  socket_.deadline().Arm(kLinger, Then::kClose);
  while (watching_) co_await WaitFor(wake_);
}

void Connection::OnWake() {
  wake_.cancel();
  read_wake_.cancel();
  if (current_ && current_->is_overrun()) socket_.Close();  // ends the write that is stuck
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
    co_await WaitFor(wake_);
    batch = exchange->Take();
  }
  if (batch.upgrade) {
    co_await ServeUpgrade(std::move(batch.upgrade), std::move(*batch.response));
    gone_ = true;
    co_return false;
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
  socket_.Start(self);
  Wait();
  if (shared_->tls && !co_await socket_.Handshake(*shared_->tls, peer_)) co_return;
  for (bool keep = true; keep;) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(kMaxHead);
    parser.body_limit(shared_->options.max_body);
    const Outcome outcome = co_await ReadRequest(parser);
    StopWaiting();
    if (outcome == Outcome::kClosed) break;
    const bool http10 = parser.get().version() < 11;
    keep = outcome == Outcome::kComplete && parser.get().keep_alive() && !http10;
    auto request = outcome == Outcome::kComplete ? ToRequest(parser) : std::nullopt;
    if (!request) {
      ServerResponse refusal;
      refusal.status = StatusOf(outcome);
      refusal.content_type = "text/plain";
      co_await SendWhole(std::move(refusal), false, false);
      co_await socket_.GoodbyeToSender();
      co_return;
    }
    keep = co_await Answer(std::move(*request), keep, http10);
    if (keep) Wait();
  }
  if (gone_ || watching_) {
    socket_.Close();
  } else {
    co_await socket_.Goodbye();
  }
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
