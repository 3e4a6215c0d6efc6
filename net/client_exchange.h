#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "net/http_client.h"

namespace spillway::net::internal {

// One exchange as the I/O threads see it: gathers the response, or passes it to on_data, until it is complete, has
// failed or the waiting flow has Close()d it. After Close() nothing of the flow is touched any more.
class ClientExchange : public std::enable_shared_from_this<ClientExchange> {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // `done` is called once, on the loop, unless Close() came first.
  ClientExchange(Runtime& runtime, std::function<void(std::string_view)> on_data, std::function<void()> on_end,
                 std::function<void(Result<HttpResponse>)> done);

  // I/O threads, one call at a time. The library may hand over bytes before it hands over the head.
  void OnHead(int status, Headers headers);
  Status OnBytes(std::string_view bytes);  // an Error: drop the connection
  void OnComplete();
  void OnError(Error error);

  // Loop thread. Waits for an on_data call that is under way.
  void Close();
  // Changes whenever something has come.
  std::uint64_t activity() const;
  bool has_ended() const;
  bool has_head() const;

 private:
  void Finish(Result<HttpResponse> result);  // mutex_ held

  Runtime& runtime_;
  mutable std::mutex mutex_;
  std::function<void(std::string_view)> on_data_;
  std::function<void()> on_end_;
  std::function<void(Result<HttpResponse>)> done_;
  HttpResponse response_;
  std::uint64_t activity_ = 0;
  bool streams_ = false;  // the head has come and on_data takes the body
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace spillway::net::internal
