#include "net/http_server.h"

#include <utility>  // before Asio 1.74, which uses std::exchange without it

#include <fmt/core.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "net/io_thread.h"
#include "net/server_connection.h"

namespace spillway::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using internal::IoThread;

class Server final : public HttpServer {
 public:
  Server(Runtime& runtime, HttpServerOptions options, Handler handler)
      : flows_(std::make_shared<internal::HandlerFlows>(runtime, std::move(handler))),
        shared_(std::make_shared<internal::ServerShared>(runtime, std::move(options), flows_)) {
    if (shared_->options.tls) shared_->tls = std::make_unique<internal::ServerTlsContexts>(shared_->options.tls);
    threads_.resize(static_cast<std::size_t>(std::max(1, shared_->options.threads)));
  }

  ~Server() override {
    flows_.reset();
    for (IoThread& each : threads_) each.io->stop();
    for (IoThread& each : threads_) each.Join();
  }

  Status Listen() {
    const HttpServerOptions& options = shared_->options;
    if (shared_->tls) {
      auto context = shared_->tls->Current();
      if (!context) return Fail(std::move(context.error()));
    }
    error_code ec;
    const auto address = asio::ip::make_address(options.address, ec);
    if (ec)
      return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is not an IP address to listen on", options.address));
    const tcp::endpoint endpoint(address, options.port);
    acceptor_ = std::make_unique<tcp::acceptor>(*threads_.front().io);
    acceptor_->open(endpoint.protocol(), ec);
    if (!ec) acceptor_->set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_->bind(endpoint, ec);
    if (!ec) acceptor_->listen(tcp::acceptor::max_listen_connections, ec);
    if (!ec) port_ = acceptor_->local_endpoint(ec).port();
    if (ec) {
      return Fail(Code::kUnavailable,
                  fmt::format("cannot listen on {}:{}: {}", options.address, options.port, ec.message()));
    }
    pause_ = std::make_unique<asio::steady_timer>(*threads_.front().io);
    Accept();
    for (IoThread& each : threads_) each.Start();
    return {};
  }

  std::uint16_t port() const override { return port_; }

 private:
  void Accept() {
    const std::weak_ptr<asio::io_context> weak_io = threads_[next_++ % threads_.size()].io;
    acceptor_->async_accept(*weak_io.lock(), [this, weak_io](const error_code& ec, internal::Socket socket) {
      if (ec == asio::error::operation_aborted) return;
      if (ec) return AcceptLater(ec);
      // Connection's destructor counts down again.
      if (++shared_->connections > shared_->options.max_connections && !shared_->waiting.DismissLongest()) {
        --shared_->connections;
      } else {
        const auto executor = socket.get_executor();
        asio::co_spawn(executor, internal::ServeConnection(shared_, weak_io, std::move(socket)), asio::detached);
      }
      Accept();
    });
  }

  // Out of file descriptors, most likely: trying again at once would spin.
  void AcceptLater(const error_code& ec) {
    log::Error("cannot accept a connection", {{"error", ec.message()}});
    pause_->expires_after(std::chrono::milliseconds(100));
    pause_->async_wait([this](const error_code& cancelled) {
      if (!cancelled) Accept();
    });
  }

  std::shared_ptr<internal::HandlerFlows> flows_;
  std::shared_ptr<internal::ServerShared> shared_;
  std::vector<IoThread> threads_;
  std::unique_ptr<tcp::acceptor> acceptor_;
  std::unique_ptr<asio::steady_timer> pause_;
  std::size_t next_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> NewHttpServer(Runtime& runtime, HttpServerOptions options, Handler handler) {
  auto server = std::make_unique<Server>(runtime, std::move(options), std::move(handler));
  Status listening = server->Listen();
  if (!listening) return Fail(std::move(listening.error()));
  return server;
}

}  // namespace spillway::net
