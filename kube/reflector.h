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

// What became of one object. `object` is null when it was deleted. T is what decode.h decodes.
template <typename T>
struct Delta {
  std::string uid;
  std::unique_ptr<T> object;
};

// A batch of deltas of one resource, in the API server's order. `synced` is true from the first complete list on.
template <typename T>
struct DeltaBatch {
  std::vector<Delta<T>> deltas;
  bool synced = false;
};

struct ReflectorCounts {
  std::uint64_t lists = 0, watches = 0, watch_errors = 0, malformed = 0, deltas = 0;
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
  Duration silence_limit = std::chrono::seconds(90);  // own no-data deadline of a watch; bookmarks come every minute
};

// Keeps a consumer in step with one resource: paged LIST, then WATCH with bookmarks and resume; 410 or a lost place
// leads to a relist that is delivered as a diff against what the consumer already has, never as a flush. 429 and
// Retry-After are obeyed, failures back off with jitter (800 ms doubling to 30 s, as client-go), a silent watch is
// dropped at `silence_limit`. A malformed object is counted, logged once per UID and skipped (the consumer keeps what
// it had). Decoding happens on the I/O thread; `deliver` is called on the loop. Never gives up; destroying it stops it.
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
