#include "net/client_connection.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "net/client_pool.h"

namespace spillway::net::internal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr Duration kLastWords = 1s;  // after a failed write, for what the server said before it hung up

}  // namespace

ClientConnection::ClientConnection(asio::io_context& io, std::weak_ptr<asio::io_context> weak_io,
                                   std::shared_ptr<const Origin> origin, std::weak_ptr<ClientPool> pool)
    : io_(std::move(weak_io)),
      origin_(std::move(origin)),
      pool_(std::move(pool)),
      stream_(std::make_shared<ByteStream>(io)),
      timer_(stream_->socket.get_executor()) {}

void ClientConnection::Carry(std::shared_ptr<ClientCall> call) {
  call_ = std::move(call);
  call_->carrier = weak_from_this();
  parser_ = std::make_unique<ResponseParser>(call_->body);
  told_head_ = false;
  CancelTimer();
  if (is_kept_) {
    // The reader may have taken what nobody has asked for, or the end, and not have said so yet: it is to say now.
    listening_ = true;
    error_code ignored;
    stream_->socket.cancel(ignored);
    return;
  }
  dial_ = std::make_shared<ClientDial>(io_, origin_, stream_);
  const auto dial = dial_;  // may be over before Start() returns
  dial->Start([weak = weak_from_this()](Status status) {
    if (const auto self = weak.lock()) self->OnDialed(std::move(status));
  });
}

void ClientConnection::OnDialed(Status status) {
  dial_.reset();
  if (!status) return Fail(std::move(status.error()));
  Read();
  Write();
}

void ClientConnection::OnListened(const error_code& ec) {
  listening_ = false;
  char byte = 0;
  const ssize_t waiting = recv(stream_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (ec == asio::error::operation_aborted && waiting < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    Read();
    return Write();
  }
  // Nothing of the call has been sent.
  const auto call = call_;
  Close();
  if (const auto pool = pool_.lock()) pool->Repeat(call);
}

void ClientConnection::Write() {
  writing_ = true;
  const auto written = [self = shared_from_this(), call = call_](const error_code& ec, std::size_t /*size*/) {
    self->OnWritten(ec);
  };
  if (stream_->tls) {
    asio::async_write(*stream_->tls, asio::buffer(call_->bytes), written);
  } else {
    asio::async_write(stream_->socket, asio::buffer(call_->bytes), written);
  }
}

// The reader knows better why, and may hold an answer that was sent before the request was read to its end.
void ClientConnection::OnWritten(const error_code& ec) {
  writing_ = false;
  if (!ec || is_closed_) return;
  is_deaf_ = true;
  Arm(kLastWords, &ClientConnection::GiveUpReading);
}

void ClientConnection::GiveUpReading() {
  if (call_) OnBroken({});
}

void ClientConnection::Read() {
  if (reading_ || is_closed_) return;
  reading_ = true;
  const auto read = [self = shared_from_this()](const error_code& ec, std::size_t size) { self->OnRead(ec, size); };
  if (stream_->tls) {
    stream_->tls->async_read_some(asio::buffer(buffer_), read);
  } else {
    stream_->socket.async_read_some(asio::buffer(buffer_), read);
  }
}

void ClientConnection::OnRead(const error_code& ec, std::size_t size) {
  reading_ = false;
  if (is_closed_) return;
  if (listening_) return OnListened(ec);
  if (!call_) return Close();  // the server has closed it, or says what nobody asked for
  if (!ec) {
    input_.append(buffer_.data(), size);
    return TakeBytes();
  }
  if (ec != asio::error::eof || !parser_->PutEnd()) return OnBroken(ec);
  PassOn();
  if (call_) Complete();
}

void ClientConnection::TakeBytes() {
  const Result<std::size_t> used = parser_->Put(input_);
  PassOn();
  if (!call_) return;
  if (!used) return Fail({used.error().code, fmt::format("{} {}", origin_->shown, used.error().message)});
  input_.erase(0, *used);
  if (parser_->is_done()) return Complete();
  const auto resume = [io = io_, weak = weak_from_this(), call = call_.get()] {
    const auto context = io.lock();
    if (!context) return;
    asio::post(*context, [weak, call] {
      const auto self = weak.lock();
      if (self && self->call_.get() == call) self->Read();
    });
  };
  if (!call_->exchange->MustPause(resume)) Read();
}

void ClientConnection::PassOn() {
  if (parser_->has_head() && !std::exchange(told_head_, true)) {
    call_->exchange->OnHead(parser_->status(), parser_->TakeHeaders());
  }
  const std::string body = parser_->TakeBody();
  if (body.empty() || call_->exchange->OnBytes(body)) return;
  Close();  // nobody wants more of it
}

void ClientConnection::Complete() {
  call_->exchange->OnComplete();
  const bool keep = parser_->may_keep_connection() && input_.empty() && !writing_ && !is_deaf_;
  if (!keep) return Close();
  call_.reset();
  parser_.reset();
  is_kept_ = true;
  Read();
  if (const auto pool = pool_.lock()) pool->OnIdle(shared_from_this());
}

void ClientConnection::OnBroken(const error_code& ec) {
  if (is_kept_ && call_->is_repeatable && !parser_->has_begun()) {
    const auto call = call_;
    Close();
    if (const auto pool = pool_.lock()) pool->Repeat(call);
    return;
  }
  if (told_head_) {
    return Fail(
        {Code::kUnavailable, fmt::format("the connection to {} broke in the middle of its answer", origin_->shown)});
  }
  if (stream_->tls && ec.category() == asio::error::get_ssl_category()) {
    const std::string why = WhyNotTrusted(stream_->tls->native_handle(), static_cast<unsigned long>(ec.value()),
                                          origin_->verified_name, stream_->own_ca);
    if (!why.empty()) {
      return Fail({Code::kUnauthenticated, fmt::format("no TLS connection to {}: {}", origin_->shown, why)});
    }
  }
  Fail({Code::kUnavailable, fmt::format("the connection to {} broke before its answer", origin_->shown)});
}

void ClientConnection::Fail(Error error) {
  call_->exchange->OnError(std::move(error));
  Close();
}

void ClientConnection::CloseAfter(Duration idle) { Arm(idle, &ClientConnection::Close); }

void ClientConnection::Drop(const ClientCall& call) {
  if (call_.get() == &call) Close();
}

void ClientConnection::Close() {
  if (std::exchange(is_closed_, true)) return;
  const auto self = shared_from_this();
  CancelTimer();
  if (dial_) dial_->Cancel();
  dial_.reset();
  stream_->Close();
  call_.reset();
  if (const auto pool = pool_.lock()) pool->OnClosed(self);
}

void ClientConnection::Arm(Duration time, void (ClientConnection::*ring)()) {
  timer_.expires_after(time);
  timer_.async_wait([weak = weak_from_this(), ring, alarm = ++alarm_](const error_code& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self && self->alarm_ == alarm) (*self.*ring)();
  });
}

void ClientConnection::CancelTimer() {
  ++alarm_;
  timer_.cancel();
}

}  // namespace spillway::net::internal
