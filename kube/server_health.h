#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/sync.h"

namespace spillway::kube {

// Whether the API server answers: found out together by all who speak to it through one Transport, so that an outage is
// one however many watches it breaks. It is told in the log once when it begins and once when it ends. Meanwhile one
// after the other tries whether it is over, about once a second whoever many wait; when one is answered, all go on at
// once. Loop thread only.
class ServerHealth {
 public:
  ServerHealth() = default;
  ServerHealth(const ServerHealth&) = delete;
  ServerHealth& operator=(const ServerHealth&) = delete;

  // A request was answered with this HTTP status; a watch is, when its headers come. Ends an outage, unless the answer
  // is one that a server gives while it starts (5xx, 401, 403, 429): those end it when they go on for 15 s.
  void Answered(int http_status, Instant now);
  // A request of `sent` was not answered at all: refused, broken off before the headers, timed out. Begins an outage,
  // unless others were answered meanwhile. Errors of our own making (kCancelled, kUnauthenticated) do not count.
  void NotAnswered(const Error& why, Instant sent, Instant now);

  bool is_out() const { return out_since_.has_value(); }

  // For flows that failed and will try again. Returns at `when`; but during an outage when it is this flow's turn to
  // try; and in any case as soon as an outage ends.
  Task<void> WaitToTry(Runtime& runtime, Instant when);

 private:
  class Waiter;
  void End(Instant now);

  std::optional<Instant> out_since_, answered_since_;  // the outage; the first answer in it
  std::optional<Instant> last_answer_;
  Instant next_turn_{};
  std::vector<Signal*> waiting_;
};

}  // namespace spillway::kube
