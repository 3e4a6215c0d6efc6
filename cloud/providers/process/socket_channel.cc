#include "cloud/providers/process/socket_channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "cloud/files.h"

namespace spillway::cloud {
namespace {

constexpr std::size_t kSocketPiece = 64u << 10;

class SocketChannel final : public ByteChannel {
 public:
  SocketChannel(FdWatcher& watcher, UniqueFd socket)
      : watcher_(watcher), socket_(std::move(socket)), writing_(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 3)) {}

  Task<std::string> Read() override {
    std::string bytes(kSocketPiece, '\0');
    for (;;) {
      const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) {
        co_await watcher_.Readable(socket_.get());
        continue;
      }
      bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
      co_return bytes;
    }
  }
  Task<bool> Write(std::string bytes) override {
    std::size_t written = 0;
    while (written < bytes.size()) {
      const ssize_t size = ::send(writing_.get(), bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
      if (size > 0) written += static_cast<std::size_t>(size);
      if (size >= 0 || errno == EINTR) continue;
      if (errno != EAGAIN) co_return false;
      co_await watcher_.Writable(writing_.get());
    }
    co_return true;
  }
  void CloseWrite() override { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  FdWatcher& watcher_;
  UniqueFd socket_, writing_;  // the same twice: each is waited for by one flow
};

}  // namespace

Task<Result<std::unique_ptr<ByteChannel>>> ConnectTcp(FdWatcher& watcher, std::string address, std::uint16_t port) {
  const auto failed = [&](int error) {
    return Fail(Code::kUnavailable, fmt::format("dial tcp {}:{}: connect: {}", address, port, std::strerror(error)));
  };
  sockaddr_storage where{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&where);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&where);
  socklen_t length = sizeof(sockaddr_in);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    length = sizeof(sockaddr_in6);
  } else {
    co_return failed(EADDRNOTAVAIL);
  }
  UniqueFd socket(::socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) co_return failed(errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where), length) != 0) {
    if (errno != EINPROGRESS) co_return failed(errno);
    co_await watcher.Writable(socket.get());
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) co_return failed(error);
  }
  std::unique_ptr<ByteChannel> channel = std::make_unique<SocketChannel>(watcher, std::move(socket));
  co_return channel;
}

}  // namespace spillway::cloud
