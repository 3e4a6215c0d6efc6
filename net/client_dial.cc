#include "net/client_dial.h"

#include <fmt/core.h>
#include <openssl/err.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace spillway::net::internal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

Error ConnectError(const std::string& server, const error_code& ec) {
  if (ec == asio::error::connection_refused) {
    return {Code::kUnavailable, fmt::format("connection to {} refused: nothing listens there", server)};
  }
  return {Code::kUnavailable, fmt::format("cannot connect to {}: {}", server, ec.message())};
}

}  // namespace

ByteStream::ByteStream(asio::io_context& io) : socket(io) {}
ByteStream::~ByteStream() = default;
void ByteStream::Close() {
  error_code ignored;
  socket.close(ignored);
}

ClientDial::ClientDial(std::weak_ptr<asio::io_context> io, std::shared_ptr<const Origin> origin,
                       std::shared_ptr<ByteStream> stream)
    : io_(std::move(io)),
      origin_(std::move(origin)),
      stream_(std::move(stream)),
      timer_(stream_->socket.get_executor()) {}

void ClientDial::Start(Done done) {
  done_ = std::move(done);
  if (origin_->base.host_is_ip()) {
    addresses_ = {origin_->base.host};
    ConnectNext();
  } else {
    LookUp();
  }
}

void ClientDial::Cancel() {
  done_ = nullptr;
  timer_.cancel();
  stream_->Close();
}

void ClientDial::Finish(Status status) {
  timer_.cancel();
  if (const Done done = std::exchange(done_, nullptr)) done(std::move(status));
}

// Closing the socket ends what it is being used for; a look-up cannot be ended, only given up.
void ClientDial::Arm() {
  timed_out_ = false;
  timer_.expires_after(origin_->connect_timeout);
  timer_.async_wait([weak = weak_from_this(), step = ++step_](const error_code& cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self || self->step_ != step) return;
    self->timed_out_ = true;
    self->stream_->Close();
    if (!self->addresses_.empty()) return;
    self->Finish(Fail(Code::kUnavailable,
                      fmt::format("cannot find the address of {}: {}", self->origin_->shown, self->Timeout())));
  });
}

std::string ClientDial::Timeout() const {
  return fmt::format("no answer within {}", base::FormatDuration(origin_->connect_timeout));
}

void ClientDial::LookUp() {
  Arm();
  origin_->lookup.Ask([io = io_, weak = weak_from_this()](const HostLookup::Answer& answer) {
    const auto context = io.lock();
    if (!context) return;
    asio::post(*context, [weak, answer] {
      const auto self = weak.lock();
      if (!self || !self->done_) return;
      if (!answer) {
        return self->Finish(Fail(Code::kUnavailable, fmt::format("cannot find the address of {}: its host name does "
                                                                 "not resolve ({})",
                                                                 self->origin_->shown, answer.error().message)));
      }
      self->addresses_ = *answer;
      self->ConnectNext();
    });
  });
}

void ClientDial::ConnectNext() {
  if (next_address_ == addresses_.size()) {
    if (addresses_.size() > 1) last_error_.message += fmt::format(" (the last of {} addresses)", addresses_.size());
    return Finish(Fail(std::move(last_error_)));
  }
  error_code ec;
  const auto address = asio::ip::make_address(addresses_[next_address_++], ec);
  if (ec) {
    last_error_ = ConnectError(origin_->shown, ec);
    return ConnectNext();
  }
  Arm();
  stream_->Close();
  stream_->socket.async_connect({address, origin_->base.port}, [self = shared_from_this()](const error_code& failed) {
    if (self->done_) self->OnConnected(failed);
  });
}

void ClientDial::OnConnected(const error_code& ec) {
  if (timed_out_) {
    last_error_ = {Code::kUnavailable, fmt::format("cannot connect to {}: {}", origin_->shown, Timeout())};
    return ConnectNext();
  }
  if (ec) {
    last_error_ = ConnectError(origin_->shown, ec);
    return ConnectNext();
  }
  error_code ignored;
  stream_->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (!origin_->tls) return Finish({});
  ShakeHands();
}

void ClientDial::ShakeHands() {
  Result<ClientTlsContext> tls = origin_->tls->Current();
  if (!tls) {
    return Finish(Fail(std::move(tls.error()).Annotated(fmt::format("cannot connect to {}", origin_->shown))));
  }
  // Asio's context takes ownership of what it is given.
  SSL_CTX_up_ref(tls->context.get());
  asio::ssl::context wrapped(tls->context.get());
  stream_->tls = std::make_unique<asio::ssl::stream<Socket&>>(stream_->socket, wrapped);
  stream_->own_ca = tls->own_ca;
  ExpectServer(stream_->tls->native_handle(), origin_->verified_name);
  Arm();
  stream_->tls->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const error_code& failed) {
    if (self->done_) self->OnHandshake(failed);
  });
}

void ClientDial::OnHandshake(const error_code& ec) {
  if (!ec) return Finish({});
  const bool by_openssl = ec.category() == asio::error::get_ssl_category();
  const std::string why =
      WhyNotTrusted(stream_->tls->native_handle(), by_openssl ? static_cast<unsigned long>(ec.value()) : 0,
                    origin_->verified_name, stream_->own_ca);
  if (!why.empty()) {
    return Finish(Fail(Code::kUnauthenticated, fmt::format("no TLS connection to {}: {}", origin_->shown, why)));
  }
  Finish(Fail(Code::kUnavailable, fmt::format("no TLS connection to {}: {}", origin_->shown,
                                              timed_out_ ? Timeout() : "it hung up, or does not speak TLS 1.2")));
}

}  // namespace spillway::net::internal
