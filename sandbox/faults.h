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
  double silent = 0;          // never arrives, and nobody says so: the connection breaks when the rule ends
  double forbidden = 0;       // 403 of an admission policy, nothing done
  double cut_answer = 0;      // carried out; the answer breaks off in the middle
  double delay = 0;           // answered late by a span uniform in [delay_min, delay_max]
  Duration delay_min{0}, delay_max = std::chrono::milliseconds(200);
  Duration watch_lifetime{0};  // mean of the exponential lifetime of a watch before its connection breaks; 0: no drops
  double watch_gone = 0;       // a watch that is cut ends with an ERROR event 410 first
  // Each watch is behind by a span of its own between 0 and this, which changes as time goes on; order is kept within a
  // watch and not between them. With silent = 1 a watch says nothing until the rule ends, and then all of it.
  Duration watch_lag{0};
  std::int64_t page_limit =
      0;  // lists that ask for pages get no more than so many objects in one; 0: what they ask for
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
  // No exchange between `user` and the API server for `span`. PartitionSilently: nobody is told, requests and
  // watches hang.
  void Partition(const std::string& user, Duration span);
  void PartitionSilently(const std::string& user, Duration span);

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
      kRefused,
      kSilent,
      kForbidden,
      kCutAnswer
    };
    Kind kind = Kind::kNone;
    Duration delay{0};
    Instant silent_until{};
    std::int64_t page_limit = 0;
  };
  // Draws the fate of one request.
  Verdict Judge(const RequestKey& request);
  // When an open watch is to be cut, and how.
  struct WatchFate {
    Instant cut = Instant::max();
    bool gone = false;
  };
  WatchFate JudgeWatch(const RequestKey& request);
  // How far one watch is behind. Bytes written now arrive at Arrival(), in the order asked.
  class Lag {
   public:
    Lag(Faults& faults, RequestKey watch) : faults_(faults), watch_(std::move(watch)) {}
    Instant Arrival();

   private:
    Faults& faults_;
    RequestKey watch_;
    Duration behind_{0};
    Instant redraw_{}, last_{};
  };

  // Open watches register to be cut at once; see api_server.cc.
  class OpenWatch;
  struct Counts {
    std::uint64_t refused = 0, lost_replies = 0, delays = 0, watches_cut = 0, silent = 0, cut_answers = 0;
    std::uint64_t unavailable = 0, internal_errors = 0, throttled = 0, conflicts = 0, gone = 0, forbidden = 0;
    std::uint64_t late_events = 0;    // a tenth of a second and more
    std::uint64_t gone_in_lists = 0;  // 410 to a page that is not the first, by a fault or a compaction
  };
  const Counts& counts() const { return counts_; }
  void CountCutWatch() { ++counts_.watches_cut; }
  void CountGoneInList() { ++counts_.gone_in_lists; }

 private:
  friend class OpenWatch;
  struct Entry {
    RuleId id;
    FaultRule rule;
  };
  bool Applies(const FaultRule& rule, const RequestKey& request) const;
  Verdict::Kind Strike(const FaultRule& rule, const RequestKey& request);
  void Count(const Verdict& verdict);
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
  OpenWatch(Faults& faults, RequestKey watch, std::function<void(bool gone)> on_cut);
  ~OpenWatch();
  OpenWatch(const OpenWatch&) = delete;
  OpenWatch& operator=(const OpenWatch&) = delete;

 private:
  friend class Faults;
  Faults& faults_;
  RequestKey watch_;
  std::function<void(bool gone)> on_cut_;
};

}  // namespace spillway::sandbox
