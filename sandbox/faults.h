#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/runtime.h"

namespace spillway::sandbox {

// What may go wrong with requests that match, each drawn independently from the seed. Probabilities in [0, 1].
struct FaultRule {
  // Which requests; empty matches all. `verb`: get, list, watch, create, update, patch, delete. `resource`: "pods",
  // "pods/binding". `user`: as given to NewTransport() or the common name of the client certificate.
  std::string user, verb, resource;
  // When; absolute times of the Runtime.
  Instant from = Instant::min(), until = Instant::max();

  double unavailable = 0;     // 503 before anything is done
  double internal_error = 0;  // 500 before anything is done
  double throttle = 0;        // 429 with Retry-After: 1
  double conflict = 0;        // 409 on writes, nothing done
  double gone = 0;            // 410: lists with `continue` or a resourceVersion, and new watches
  double lost_reply = 0;      // carried out, then the connection breaks
  double refused = 0;         // the connection breaks before anything is done; 1 = the API server is down
  double delay = 0;           // answered late by a span uniform in [delay_min, delay_max]
  Duration delay_min{0}, delay_max = std::chrono::milliseconds(200);
  Duration watch_lifetime{0};  // mean of the exponential lifetime of a watch before its connection breaks; 0: no drops
  double watch_gone = 0;       // a watch that is cut ends with an ERROR event 410 first
};

// Decides what goes wrong, from one seed, on the Runtime's time. Rules may be added and removed while running; the
// first rule that matches and strikes wins. Loop thread only.
class Faults {
 public:
  using RuleId = std::uint64_t;

  Faults(Runtime& runtime, std::uint64_t seed);

  RuleId Add(FaultRule rule);
  void Remove(RuleId id);
  void Clear();
  // The API server is down for `span` from now: every request is refused and every watch is cut.
  void Down(Duration span);
  // Cuts every open watch of `resource` (empty: all) now; `gone`: with an ERROR event 410 first.
  void CutWatches(std::string_view resource);
  void ExpireWatches(std::string_view resource);

  struct RequestKey {
    std::string user, verb, resource;
    bool resumes = false;  // a list page or watch that names a resourceVersion
  };
  struct Verdict {
    enum class Kind : std::uint8_t {
      kNone,
      kUnavailable,
      kInternalError,
      kThrottle,
      kConflict,
      kGone,
      kLostReply,
      kRefused
    };
    Kind kind = Kind::kNone;
    Duration delay{0};
  };
  // Draws the fate of one request.
  Verdict Judge(const RequestKey& request);
  // When an open watch is to be cut, and how.
  struct WatchFate {
    Instant cut = Instant::max();
    bool gone = false;
  };
  WatchFate JudgeWatch(const RequestKey& request);

  // Open watches register to be cut at once; see api_server.cc.
  class OpenWatch;
  struct Counts {
    std::uint64_t refused = 0, lost_replies = 0, errors = 0, delays = 0, watches_cut = 0;
  };
  const Counts& counts() const { return counts_; }
  void CountCutWatch() { ++counts_.watches_cut; }

 private:
  friend class OpenWatch;
  struct Entry {
    RuleId id;
    FaultRule rule;
  };
  Runtime& runtime_;
  Random random_;
  RuleId next_id_ = 1;
  std::vector<Entry> rules_;
  std::vector<OpenWatch*> open_;
  Counts counts_;
};

// Registers one open watch for CutWatches(), ExpireWatches() and Down(). `on_cut` must only note or post.
class Faults::OpenWatch {
 public:
  OpenWatch(Faults& faults, std::string resource, std::function<void(bool gone)> on_cut);
  ~OpenWatch();
  OpenWatch(const OpenWatch&) = delete;
  OpenWatch& operator=(const OpenWatch&) = delete;

 private:
  friend class Faults;
  Faults& faults_;
  std::string resource_;
  std::function<void(bool gone)> on_cut_;
};

}  // namespace spillway::sandbox
