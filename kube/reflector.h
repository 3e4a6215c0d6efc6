#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/scope.h"
#include "kube/transport.h"

namespace spillway::kube {

// What is known of an object that cannot be read.
struct Unreadable {
  std::string ns, name;  // as far as they could be read
  std::string why;       // names the field: "Node n1: status.allocatable.cpu: ..."
};

// What became of one object: it is as `object` says, or it is something `unreadable`, or, when both are null, it was
// deleted. T is what decode.h decodes.
//
// An unreadable object is there, and what a consumer knows of it, if anything, is out of date: nothing may be concluded
// from it, least of all its absence. A later readable version or its deletion comes as any other. An object whose very
// UID cannot be read is delivered under the empty UID, which stands for all of those, and is "deleted" when a list
// shows that there is none any more.
template <typename T>
struct Delta {
  std::string uid;
  std::unique_ptr<T> object;
  std::unique_ptr<Unreadable> unreadable;
};

// A batch of deltas of one resource, in the API server's order; an empty one says that we are in step, for the first
// time or again (no longer `stale`). `synced` is true from the first complete list on.
template <typename T>
struct DeltaBatch {
  std::vector<Delta<T>> deltas;
  bool synced = false;
};

struct ReflectorCounts {
  std::uint64_t lists = 0, watches = 0, watch_errors = 0, deltas = 0;
  std::uint64_t malformed = 0;  // deltas that were unreadable
  std::size_t objects = 0;      // that the consumer has
  bool synced = false;
  bool stale = false;     // no list or watch has been answered since the last failure: do not act on this
  WallTime last_event{};  // bookmark or delta
  std::string last_error;
};

struct ReflectorOptions {
  std::string path;            // "/api/v1/pods"
  std::string resource;        // "pods": for errors, logs and metrics
  std::string field_selector;  // unencoded; empty for all
  std::string label_selector;
  bool metadata_only = false;  // asks for PartialObjectMetadata
  std::int64_t page_size = 500;
  // A watch that was silent for so long is opened anew where it was. Bookmarks come every minute, but not to a watch
  // that nothing has happened on since an API server started (apiserver pkg/storage/cacher/cache_watcher.go).
  Duration silence_limit = std::chrono::seconds(90);
};

// Keeps a consumer in step with one resource: paged LIST, then WATCH with bookmarks and resume; 410 or a lost place
// leads to a relist, at once, that is delivered as a diff against what the consumer already has, never as a flush. 429
// and Retry-After are obeyed, failures back off with jitter (800 ms doubling to 30 s, as client-go). When the API
// server does not answer at all, all who use `transport` wait for its return together (ServerHealth). A silent watch is
// opened anew and counts as lost only if that fails. A failure that passes is logged when it repeats, any other at
// once, and both once. An object that cannot be read is delivered as unreadable, counted, and logged once per UID.
// Decoding happens on the I/O thread; `deliver` is called on the loop. Never gives up; destroying it stops it.
template <typename T>
class Reflector {
 public:
  using Deliver = std::function<void(DeltaBatch<T>)>;

  Reflector(Runtime& runtime, Transport& transport, ReflectorOptions options, Deliver deliver);
  ~Reflector();

  void Start();
  const ReflectorCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::kube
