#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// A peer that says exactly what a test wants, well-formed or not. Nothing blocks: poll in the condition of a
// RunUntil().
namespace spillway::net::testing {

class RawConnection {
 public:
  explicit RawConnection(int fd) : fd_(fd) { fcntl(fd_, F_SETFL, O_NONBLOCK); }
  RawConnection(RawConnection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)), closed_(other.closed_) {}
  RawConnection& operator=(RawConnection&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(received_, other.received_);
    std::swap(closed_, other.closed_);
    return *this;
  }
  ~RawConnection() { Close(); }

  static RawConnection To(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    RawConnection connection(fd);
    fcntl(fd, F_SETFL, 0);  // connecting to a listener on this machine does not wait
    connection.closed_ = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return connection;
  }

  // Like To(), but does not wait until the connection stands.
  static RawConnection Begin(std::uint16_t port) {
    RawConnection connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(connection.fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    return connection;
  }

  // How many bytes went; less than all when the peer does not read.
  std::size_t Send(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    return sent;
  }

  // Something has come that Received() has not taken yet.
  bool HasMore() {
    char byte = 0;
    return recv(fd_, &byte, 1, MSG_PEEK) > 0;
  }
  // All that has come so far.
  const std::string& Received() {
    char buffer[65536];
    for (;;) {
      const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
      if (n > 0) {
        received_.append(buffer, static_cast<std::size_t>(n));
        continue;
      }
      closed_ = closed_ || n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return received_;
    }
  }
  bool Contains(std::string_view text) { return Received().find(text) != std::string::npos; }
  void Forget() { received_.clear(); }
  bool ClosedByPeer() {
    Received();
    return closed_;
  }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
  std::string received_;
  bool closed_ = false;
};

class RawListener {
 public:
  static constexpr int kNoBacklog = 0;
  explicit RawListener(int backlog = 512) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(fd_, backlog);
    socklen_t size = sizeof(address);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  ~RawListener() { close(fd_); }

  std::uint16_t port() const { return port_; }
  std::optional<RawConnection> Accept() {
    const int fd = accept(fd_, nullptr, nullptr);
    if (fd < 0) return std::nullopt;
    return RawConnection(fd);
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

}  // namespace spillway::net::testing
