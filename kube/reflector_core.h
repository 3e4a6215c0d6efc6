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
  AnyObject object{nullptr, [](void*) {}};
  std::unique_ptr<Unreadable> unreadable;  // both null: deleted
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
  Task<void> Run();
  Task<Status> List();
  Task<Result<ListPage>> FetchPage(std::shared_ptr<Decoder> decoder, std::string continue_token);
  // What changed goes out at once before the first sync, and is held back after it. The index notes nothing but what
  // goes out: a list may break off at any page.
  void TakePage(ListPage page);
  void SendHeldBack(std::vector<AnyDelta> first);
  void FinishList(std::string version);

  // Watches again and again, until only a list can help.
  Task<void> WatchUntilLost();
  // How one watch request ended: what was wrong, if anything.
  Task<std::optional<Error>> WatchOnce();
  std::optional<Error> Judge(const Result<Response>& response, Instant began);
  void OnBatch(std::uint64_t epoch, WatchBatch batch);
  void Apply(WatchItem item, std::vector<AnyDelta>& deltas);
  // Adds what the consumer does not have yet, and notes that it has.
  void Note(DecodedObject object, std::vector<AnyDelta>& deltas);
  void GuardAgainstSilence(CancelToken cancel);
  Duration Patience() const;
  void DropGuard();

  void Send(std::vector<AnyDelta> deltas);
  void Complain(const std::string& uid, const std::string& why);
  // After a failure: returns when it is time to try again.
  Task<void> Recover(Error error, std::string_view verb);
  // After a 410: returns at once, unless the list made for the last one did not help.
  Task<void> RecoverPlace(Error error, std::string_view verb);
  void Tell(const Error& error, std::string_view cause);
  Duration Pause();
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
  int failures_in_a_row_ = 0;      // since a watch has stood for a while
  std::string told_;               // the cause that the log has told of
  bool relisted_at_once_ = false;  // for a 410, and no watch has shown a sign of life since

  // Of the list under way.
  std::int64_t page_size_;
  std::vector<DecodedObject> held_back_;
  bool unidentified_ = false;  // an item of the last list had no readable uid: what is missing cannot be told

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
  int failed_watches_ = 0;  // since the last list

  TaskScope scope_;
};

}  // namespace spillway::kube::internal
