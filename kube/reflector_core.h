#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "kube/backoff.h"
#include "kube/reflector.h"
#include "kube/uid_index.h"
#include "kube/watch_stream.h"

namespace spillway::kube::internal {

struct AnyDelta {
  std::string uid;
  AnyObject object;  // null: deleted
};

// The Reflector without its kind. Loop thread only. Private to kube/.
class ReflectorCore {
 public:
  using Deliver = std::function<void(std::vector<AnyDelta>, bool synced)>;
  ReflectorCore(Runtime& runtime, Transport& transport, ReflectorOptions options, DecodeObject decode, Deliver deliver);
  ~ReflectorCore();
  ReflectorCore(const ReflectorCore&) = delete;
  ReflectorCore& operator=(const ReflectorCore&) = delete;

  void Start() { scope_.Spawn(Run()); }
  const ReflectorCounts& counts() const { return counts_; }

 private:
  // How one watch request ended.
  struct WatchEnd {
    std::optional<Error> error;  // none: the server closed it in good order
    bool relist = false;         // our place is lost
  };

  Task<void> Run();
  Task<Status> List();
  Task<Result<ListPage>> FetchPage(std::shared_ptr<Decoder> decoder, std::string continue_token);
  // Notes what the page names; what changed goes out at once before the first sync, and is held back after it.
  void TakePage(ListPage page);
  void FinishList(std::string version);

  // Watches again and again, until only a list can help.
  Task<void> WatchUntilLost();
  Task<WatchEnd> WatchOnce();
  WatchEnd Judge(const Result<Response>& response, Instant began);
  void OnBatch(std::uint64_t epoch, WatchBatch batch);
  void Apply(WatchItem item, std::vector<AnyDelta>& deltas);
  void GuardAgainstSilence(CancelToken cancel);
  void DropGuard();

  void Send(std::vector<AnyDelta> deltas);
  void NoteMalformed(const std::string& uid, const std::string& why);
  Task<void> Recover(Error error, std::string_view verb);
  std::string Path(std::string_view query) const;
  std::string Accept(std::string_view kind) const;

  Runtime& runtime_;
  Transport& transport_;
  ReflectorOptions options_;
  DecodeObject decode_;
  Deliver deliver_;
  ReflectorCounts counts_;
  Backoff backoff_;
  UidIndex index_;
  std::string version_;  // where the next watch begins
  std::set<std::string> complained_;

  // Of the list under way.
  std::int64_t page_size_;
  std::vector<AnyDelta> held_back_;
  bool unidentified_ = false;  // an item had no readable uid: what is missing cannot be told

  // Of the watch under way.
  std::uint64_t epoch_ = 0;
  std::shared_ptr<ReflectorCore*> self_;  // null inside once destroyed: batches may still be posted
  CancelToken cancel_;
  Instant last_sign_{};
  std::optional<Instant> started_;
  std::optional<TimerId> guard_;
  bool silent_ = false;  // dropped by the guard
  bool heard_ = false;   // events have come
  std::optional<Error> failed_;
  int failures_in_a_row_ = 0;

  TaskScope scope_;
};

}  // namespace spillway::kube::internal
