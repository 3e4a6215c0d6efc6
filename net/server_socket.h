#pragma once

#include <utility>  // before Asio 1.74, which uses std::exchange without it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string_view>

#include "net/asio_types.h"
#include "net/http_server.h"
#include "net/io_deadline.h"
#include "net/server_tls.h"

namespace spillway::net::internal {

template <typename T>
using Awaitable = boost::asio::awaitable<T, Executor>;

// One client's bytes, over TLS or not, with the deadline of whatever is waited for. The connection's I/O thread only.
// Errors other than those in `ec` mean that the client is gone.
class ServerSocket {
 public:
  ServerSocket(Socket socket, const HttpServerOptions& options);

  // With `owner`, which holds this, deadlines begin to count.
  void Start(std::weak_ptr<void> owner);
  // False: no connection comes of it.
  Awaitable<bool> Handshake(ServerTlsContexts& contexts, PeerName& peer);
  Awaitable<std::size_t> ReadSome(boost::asio::mutable_buffer into, boost::system::error_code& ec);
  // A client that takes less than 256 KiB within write_timeout is dropped.
  Awaitable<void> Write(std::string_view bytes, boost::system::error_code& ec);
  // As long as it takes.
  Awaitable<void> WritePatiently(std::string_view bytes, boost::system::error_code& ec);
  // Ends it in order.
  Awaitable<void> Goodbye();
  // The same for a client that is still sending: it would be answered by a reset, and might never read why.
  Awaitable<void> GoodbyeToSender();
  void ShutdownSend();
  void Close();

  IoDeadline& deadline() { return deadline_; }
  Executor executor() { return socket_.get_executor(); }

 private:
  Awaitable<void> WriteOnce(boost::asio::const_buffer piece, boost::system::error_code& ec);

  const HttpServerOptions& options_;
  Socket socket_;
  std::shared_ptr<ssl_ctx_st> tls_context_;
  std::unique_ptr<boost::asio::ssl::stream<Socket&>> tls_;
  IoDeadline deadline_;
};

}  // namespace spillway::net::internal
