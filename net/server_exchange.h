#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/runtime.h"
#include "base/scope.h"
#include "net/http_server.h"
#include "net/server_upgrade.h"

namespace spillway::net::internal {

// One request's way back: filled by the handler's flow on the loop, drained by the connection on its I/O thread.
class Exchange final : public ResponseStream {
 public:
  // `wake` may be called from the loop at any time, also after the server is gone; it tells the connection to Take().
  explicit Exchange(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Loop thread.
  void Respond(ServerResponse response);  // the whole of it
  void BeginStream(ServerResponse head);  // its body follows by Write()
  // `head` has status 101; the connection is to serve the result from then on.
  std::shared_ptr<Upgrade> BeginUpgrade(Runtime& runtime, ServerResponse head);
  bool Write(std::string_view bytes) override;
  bool is_open() const override;
  std::size_t pending() const override;
  void End();  // no more bytes will come

  // I/O thread.
  struct Batch {
    std::optional<ServerResponse> response;
    std::string bytes;                 // of a stream, in HTTP chunks
    std::size_t payload = 0;           // of `bytes`
    std::shared_ptr<Upgrade> upgrade;  // what follows `response`
    bool complete = false;             // `response` is all there is; no stream follows
    bool ended = false;                // the stream is
    bool overrun = false;              // the client is too slow
  };
  // What has come since the last call.
  Batch Take();
  void Sent(std::size_t bytes);
  void Close();             // the client is gone
  bool is_overrun() const;  // Write() has been refused: drop the client

 private:
  void SetResponse(ServerResponse response, bool complete);
  // Precondition: `mutex_` is held. True when the connection must be woken.
  bool MarkChanged();

  std::function<void()> wake_;
  mutable std::mutex mutex_;
  Batch fresh_;
  bool changed_ = false;
  bool closed_ = false;
  std::size_t pending_ = 0;
};

// The handlers' flows of one server. Loop thread only.
class HandlerFlows : public std::enable_shared_from_this<HandlerFlows> {
 public:
  HandlerFlows(Runtime& runtime, Handler handler);
  ~HandlerFlows();

  void Start(std::shared_ptr<Exchange> exchange, ServerRequest request);
  // Destroys the flow if it streams; lets it finish otherwise.
  void ClientGone(const Exchange* exchange);

 private:
  struct Flow;
  Task<void> Serve(Flow& flow, ServerRequest request);
  // On a later turn: its flow is the one that calls.
  void Forget(const Flow& flow);

  Runtime& runtime_;
  Handler handler_;
  std::unordered_map<const Exchange*, std::unique_ptr<Flow>> flows_;
};

}  // namespace spillway::net::internal
