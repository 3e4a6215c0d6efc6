#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/model/counter.h"
#include "scheduler_sim/model/rare.h"
#include "scheduler_sim/model/uid.h"

namespace spillway::sim {

struct OwnerTag;
struct IdentityTag;
struct FootprintTag;
using OwnerId = StrongId<OwnerTag>;
using IdentityId = StrongId<IdentityTag>;
using FootprintId = StrongId<FootprintTag>;

// 80 bytes a Pod; the rest is shared.
struct PodRecord {
  Uid uid;
  std::uint64_t arrival = 0;
  std::uint32_t created = 0;  // seconds since the epoch
  std::int32_t priority = 0;
  FootprintId footprint;  // invalid: the record is free
  IdentityId identity;
  OwnerId owner;
  NodeIndex node;                // bound: where; pending: nominated, if anywhere
  ClassIndex pod_class;          // pending
  std::uint32_t pending_at = 0;  // pending: position in Model::pending
  // Bound: neighbours on the node, and among the bound Pods of the same identity.
  PodIndex next_on_node, previous_on_node, next_alike, previous_alike;
  bool bound = false, tried = false, daemon = false, preempts = true, terminating = false;
  bool queued = false;  // see Cluster::IsQueued
};

// What selectors read of Pods besides their labels' values; replicas of most workloads share one. Labels by name.
struct Frame {
  std::string ns;
  std::vector<std::string> label_names;
  bool terminating = false;
};

// What selectors read of a Pod: its frame and its labels' values, which are the pool's key. There may be one for every
// Pod, so it is small: few are counted or repelled.
class Identity {
 public:
  PodIndex first_placed;
  std::uint32_t pending = 0;  // Pods

  // kMatched and kSpread: they count its placed Pods.
  const std::vector<CounterId>& counters() const { return matches_.get().counters; }
  std::vector<CounterId>& counters_to_change() { return matches_.change().counters; }
  // kCarried terms that match it, sorted; kept while Pods of it are pending.
  const std::vector<CounterId>& repelled_by() const { return matches_.get().repelled_by; }
  std::vector<CounterId>& repelled_by_to_change() { return matches_.change().repelled_by; }

 private:
  struct Matches {
    std::vector<CounterId> counters, repelled_by;
  };
  Rare<Matches> matches_;
};

struct HostPort {
  std::string ip, protocol;
  std::int32_t port = 0;
};

}  // namespace spillway::sim
