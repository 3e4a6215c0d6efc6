#pragma once

#include <array>
#include <memory>
#include <string>

#include "net/client_dial.h"
#include "net/client_exchange.h"
#include "net/response_parser.h"

namespace spillway::net::internal {

class ClientPool;
class ClientConnection;

// One request on its way. Made on the loop; from Start() to its end the I/O thread's.
struct ClientCall {
  std::string bytes;  // all of the request
  ResponseParser::Body body = ResponseParser::Body::kAsFramed;
  bool is_repeatable = false;
  std::shared_ptr<ClientExchange> exchange;
  std::weak_ptr<ClientConnection> carrier;  // whose turn it is
};

// One HTTP/1.1 connection, which carries one call after another. It reads always, also between calls: so it knows at
// once that the server has closed it, and what nobody asked for is never taken for the next answer. I/O thread only.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(boost::asio::io_context& io, std::weak_ptr<boost::asio::io_context> weak_io,
                   std::shared_ptr<const Origin> origin, std::weak_ptr<ClientPool> pool);

  // Connects first where needed. Precondition: idle or new.
  void Carry(std::shared_ptr<ClientCall> call);
  // Closes the connection if it still carries `call`.
  void Drop(const ClientCall& call);
  // Unless it carries a call before.
  void CloseAfter(Duration idle);
  void Close();

 private:
  void OnDialed(Status status);
  void OnListened(const boost::system::error_code& ec);
  void Write();
  void OnWritten(const boost::system::error_code& ec);
  void Read();
  void OnRead(const boost::system::error_code& ec, std::size_t size);
  void TakeBytes();
  void PassOn();
  void OnBroken(const boost::system::error_code& ec);
  void Complete();
  void Fail(Error error);
  void GiveUpReading();
  void Arm(Duration time, void (ClientConnection::*ring)());
  void CancelTimer();

  std::weak_ptr<boost::asio::io_context> io_;
  std::shared_ptr<const Origin> origin_;
  std::weak_ptr<ClientPool> pool_;
  std::shared_ptr<ByteStream> stream_;
  std::shared_ptr<ClientDial> dial_;
  Timer timer_;
  int alarm_ = 0;  // which the timer is for: it may have rung already when it is cancelled
  std::array<char, 16u << 10> buffer_;
  std::string input_;  // what has been read and not been used up
  std::unique_ptr<ResponseParser> parser_;
  std::shared_ptr<ClientCall> call_;  // null: idle
  bool told_head_ = false;
  bool reading_ = false;
  bool listening_ = false;  // whether anything has come, before call_ is sent
  bool writing_ = false;
  bool is_kept_ = false;  // has carried a call before this one
  bool is_deaf_ = false;  // writing has failed
  bool is_closed_ = false;
};

}  // namespace spillway::net::internal
