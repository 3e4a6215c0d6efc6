#pragma once

#include <atomic>
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

  // I/O thread. Head, bytes, end.
  void OnHead(int status, Headers headers);
  Status OnBytes(std::string_view bytes);  // an Error: drop the connection
  // Whether the loop is too far behind what on_data has been given. If so, `resume` is called once it has caught up, on
  // the loop; nothing more is to be read until then.
  bool MustPause(std::function<void()> resume);
  void OnComplete();
  void OnError(Error error);

  // Loop thread. Waits for an on_data call that is under way.
  void Close();
  // Changes whenever something has come.
  std::uint64_t activity() const;
  bool has_ended() const;
  bool has_head() const;

 private:
  // mutex_ held
  void Finish(Result<HttpResponse> result);
  void AskLoop();

  void OnLoopSaw(std::size_t bytes);  // loop thread

  Runtime& runtime_;
  mutable std::mutex mutex_;
  std::function<void(std::string_view)> on_data_;
  std::function<void()> on_end_;
  std::function<void(Result<HttpResponse>)> done_;
  HttpResponse response_;
  std::function<void()> resume_;
  std::atomic<std::uint64_t> activity_ = 0;  // asked for by the loop, which is not to wait for on_data
  std::size_t unseen_ = 0;                   // bytes given to on_data since the loop last had its turn
  bool asked_loop_ = false;
  bool streams_ = false;  // the head has come and on_data takes the body
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace spillway::net::internal
