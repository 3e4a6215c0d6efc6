#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/asio_types.h"
#include "net/client_tls.h"
#include "net/host_lookup.h"
#include "net/url.h"

namespace boost::asio::ssl {
template <typename Stream>
class stream;
}

namespace spillway::net::internal {

// Where the connections of one client go, and how. Shared with the I/O threads, which outlive the client.
struct Origin {
  BaseUrl base;
  std::string shown;          // the address in errors
  std::string verified_name;  // in the server's certificate
  Duration connect_timeout;
  HostLookup lookup;
  std::unique_ptr<ClientTlsContexts> tls;  // null: plain HTTP
};

// One connection's bytes, over TLS or not.
struct ByteStream {
  explicit ByteStream(boost::asio::io_context& io);
  ~ByteStream();
  void Close();

  Socket socket;
  std::unique_ptr<boost::asio::ssl::stream<Socket&>> tls;
  bool own_ca = false;
};

// Brings one connection up: finds the host's addresses, connects to the first that answers, shakes hands. I/O thread.
class ClientDial : public std::enable_shared_from_this<ClientDial> {
 public:
  using Done = std::function<void(Status)>;
  // The owner keeps `stream` until `done` has been called or the dial is gone.
  ClientDial(std::weak_ptr<boost::asio::io_context> io, std::shared_ptr<const Origin> origin,
             std::shared_ptr<ByteStream> stream);

  void Start(Done done);
  // `done` is not called any more.
  void Cancel();

 private:
  void LookUp();
  void ConnectNext();
  void OnConnected(const boost::system::error_code& ec);
  void ShakeHands();
  void OnHandshake(const boost::system::error_code& ec);
  void Arm();
  void Finish(Status status);
  std::string Timeout() const;

  std::weak_ptr<boost::asio::io_context> io_;
  std::shared_ptr<const Origin> origin_;
  std::shared_ptr<ByteStream> stream_;
  Timer timer_;
  int step_ = 0;  // which the timer is for: it may have rung already when it is cancelled
  bool timed_out_ = false;
  std::vector<std::string> addresses_;
  std::size_t next_address_ = 0;
  Error last_error_;  // of the address tried last
  Done done_;
};

}  // namespace spillway::net::internal
