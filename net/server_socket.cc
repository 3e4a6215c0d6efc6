#include "net/server_socket.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>

#include "base/log.h"

// GCC 12 with sanitizers takes the two halves of Asio's own frame allocator for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace spillway::net::internal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Then = IoDeadline::Then;
constexpr asio::use_awaitable_t<Executor> kAwaitSocket;

constexpr std::size_t kDrainSize = 16u << 10;
constexpr std::size_t kWriteSize = 256u << 10;
constexpr std::size_t kMaxLinger = 32u << 20;

Duration TickOf(const HttpServerOptions& o) {
  const Duration shortest =
      std::min({o.handshake_timeout, o.head_timeout, o.body_timeout, o.write_timeout, o.idle_timeout});
  return std::clamp<Duration>(shortest / 8, 5ms, 1s);
}

}  // namespace

ServerSocket::ServerSocket(Socket socket, const HttpServerOptions& options)
    : options_(options), socket_(std::move(socket)), deadline_(socket_, TickOf(options)) {}

void ServerSocket::Start(std::weak_ptr<void> owner) {
  deadline_.Start(std::move(owner));
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Awaitable<bool> ServerSocket::Handshake(ServerTlsContexts& contexts, PeerName& peer) {
  Result<std::shared_ptr<ssl_ctx_st>> context = contexts.Current();
  if (!context) co_return false;
  tls_context_ = std::move(*context);
  // Asio's context takes ownership of what it is given.
  SSL_CTX_up_ref(tls_context_.get());
  asio::ssl::context wrapped(tls_context_.get());
  tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, wrapped);
  deadline_.Arm(options_.handshake_timeout, Then::kClose);
  error_code ec;
  co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(kAwaitSocket, ec));
  deadline_.Disarm();
  if (ec) {
    log::Verbose(4, "TLS handshake failed", {{"error", ec.message()}});
    co_return false;
  }
  peer = VerifiedPeer(tls_->native_handle());
  co_return true;
}

Awaitable<std::size_t> ServerSocket::ReadSome(asio::mutable_buffer into, error_code& ec) {
  if (tls_) co_return co_await tls_->async_read_some(into, asio::redirect_error(kAwaitSocket, ec));
  co_return co_await socket_.async_read_some(into, asio::redirect_error(kAwaitSocket, ec));
}

Awaitable<void> ServerSocket::WriteOnce(asio::const_buffer piece, error_code& ec) {
  if (tls_) {
    co_await asio::async_write(*tls_, piece, asio::redirect_error(kAwaitSocket, ec));
  } else {
    co_await asio::async_write(socket_, piece, asio::redirect_error(kAwaitSocket, ec));
  }
}

Awaitable<void> ServerSocket::Write(std::string_view bytes, error_code& ec) {
  while (!bytes.empty() && !ec) {
    const asio::const_buffer piece(bytes.data(), std::min(bytes.size(), kWriteSize));
    deadline_.Arm(options_.write_timeout, Then::kClose);
    co_await WriteOnce(piece, ec);
    bytes.remove_prefix(piece.size());
  }
  deadline_.Disarm();
}

Awaitable<void> ServerSocket::WritePatiently(std::string_view bytes, error_code& ec) {
  if (!bytes.empty()) co_await WriteOnce(asio::const_buffer(bytes.data(), bytes.size()), ec);
}

Awaitable<void> ServerSocket::Goodbye() {
  error_code ec;
  deadline_.Arm(2s, Then::kClose);
  if (tls_) co_await tls_->async_shutdown(asio::redirect_error(kAwaitSocket, ec));
  ShutdownSend();
  Close();
}

Awaitable<void> ServerSocket::GoodbyeToSender() {
  error_code ec;
  deadline_.Arm(2s, Then::kClose);
  ShutdownSend();
  std::array<char, kDrainSize> scratch;
  for (std::size_t drained = 0; !ec && drained < kMaxLinger;) {
    drained += co_await socket_.async_read_some(asio::buffer(scratch), asio::redirect_error(kAwaitSocket, ec));
  }
  Close();
}

void ServerSocket::ShutdownSend() {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void ServerSocket::Close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace spillway::net::internal
