#pragma once

#include <utility>  // before Asio 1.74, which uses std::exchange without it

#include <atomic>
#include <memory>
#include <string>

#include "base/runtime.h"
#include "net/asio_types.h"
#include "net/http_server.h"
#include "net/server_exchange.h"
#include "net/server_socket.h"
#include "net/server_tls.h"
#include "net/waiting_connections.h"

namespace spillway::net::internal {

// What all connections of a server share. Thread-safe as used: `flows` is locked on the loop only.
struct ServerShared {
  Runtime& runtime;
  HttpServerOptions options;
  std::weak_ptr<HandlerFlows> flows;
  std::unique_ptr<ServerTlsContexts> tls;  // null: plain HTTP
  std::atomic<std::size_t> connections{0};
  WaitingConnections waiting;
};

// Serves one client until it is done; to be spawned on the socket's own executor. `io` keeps wake-ups from the loop
// from reaching an I/O context that is gone.
Awaitable<void> ServeConnection(std::shared_ptr<ServerShared> shared, std::weak_ptr<boost::asio::io_context> io,
                                Socket socket);

}  // namespace spillway::net::internal
