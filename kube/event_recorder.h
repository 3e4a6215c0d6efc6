#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/runtime.h"
#include "kube/api/objects.h"
#include "kube/client.h"

namespace spillway::kube {

struct ObjectReference {
  std::string api_version = "v1", kind, ns, name, uid, resource_version;
};

struct Event {
  enum class Type : std::uint8_t { kNormal, kWarning };
  ObjectReference regarding;
  Type type = Type::kNormal;
  std::string reason;  // CamelCase, one per distinct state
  std::string action;
  std::string note;  // self-contained: kubectl describe shows nothing else; cut at 1024 bytes with " ..."
  // Repeats that differ in it are told apart; others are folded into one series, which keeps its first note. Not
  // written.
  std::string subject = {};
};

struct EventCounts {
  std::uint64_t emitted = 0;   // new events written
  std::uint64_t repeated = 0;  // folded into a series
  std::uint64_t dropped = 0;   // the queue was full
  std::uint64_t failed = 0;    // refused by the API server, or given up
};

// What bounds a recorder.
struct EventRecorderOptions {
  double per_second = 20;
  int burst = 100;
  std::size_t queue = 1000;
  std::size_t for_warnings = 0;  // places in the queue that Normal events cannot take
  // New events about one object: so many at once, then one in five minutes, as kubelet. 0: no such bound.
  // Source: client-go tools/record/events_cache.go, EventSourceObjectSpamFilter.
  int per_object = 0;
};

// Writes events.k8s.io/v1 Events: never blocks, never fails its caller. Equal (regarding, type, reason, action) events
// become a series (the first repeat patches series.count=2, then every 30 minutes; forgotten after 6 quiet minutes), so
// the API server sees each state once. Warnings are written before Normal events. A token bucket and a queue bound the
// rate; what exceeds them is dropped and counted. Cluster-scoped objects' events go to namespace default. Loop thread
// only.
//
// Events must not hold up binds: give it a Client whose RateLimiter is not that of the binds. Failures that pass are
// tried again, up to 12 times; meanwhile the queue waits. An event that is refused for want of a permission is put
// aside, up to 1,000 of them, and told when the permission is there.
//
// Source: client-go tools/events/event_broadcaster.go; reference rules in docs/events.md.
class EventRecorder {
 public:
  // `controller`: e.g. "spillway.io/controller"; `instance`: e.g. "spillway.io/controller-<host name>".
  EventRecorder(Runtime& runtime, Client& client, std::string controller, std::string instance,
                EventRecorderOptions options = {});
  ~EventRecorder();

  // False: there was no room for it. It was dropped, and may be recorded again later.
  bool Record(Event event);
  // Returns once the queue is empty and nothing is in flight, or at `deadline`.
  Task<void> Flush(Instant deadline);
  const EventCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::kube
