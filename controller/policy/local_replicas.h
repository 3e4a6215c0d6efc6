#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "kube/api/objects.h"

// Workloads of which N Pods stay on real nodes while all others overflow, even while there is room: annotation
// spillway.io/local-replicas, or LOCAL_REPLICAS as tke-resilience has it, on the Pod template. A workload is what the
// Pod's controller owner reference names: one revision of a Deployment, since each has a ReplicaSet of its own.
//
// Of the Pods that wait the first in kube-scheduler's order are as many as N lacks, and are ordinary: what holds for
// any Pod holds for them, so that they may overflow when they fit nowhere. Nothing that runs is moved.
//
// Source: the page and the README of tke-resilience.
namespace spillway::controller {

struct LocalReplicasAnswer {
  std::optional<std::int64_t> keep;  // N; nullopt: it asks for none, or for what cannot be followed
  std::string by;                    // "LOCAL_REPLICAS=1"; empty without `keep`
  std::string besides;               // what is not followed, and what is used instead; empty: all is
};
LocalReplicasAnswer AskLocalReplicas(const kube::Pod& pod);

// Where one Pod stands among those of its workload.
struct ReplicaStanding {
  std::int64_t keep = 0;
  std::int64_t local = 0;    // on real nodes, without those that are being deleted
  std::int64_t ahead = 0;    // wait before it; not counted further than matters
  std::int64_t members = 0;  // all that are there, on virtual nodes too
  std::string text;          // for operators
  std::string besides;       // what is not followed, and what is used instead; empty: all is

  // Enough others are local, or wait before it.
  bool is_beyond() const { return local + ahead >= keep; }
  // All of them are ordinary then; more may be on their way.
  bool asks_for_more_than_there_are() const { return keep > members; }
};

// Which Pods of such workloads are where, by deltas. Others cost a look at their annotations.
class ReplicaBook {
 public:
  void SetReal(const std::string& node, const std::string& uid);
  void SetVirtual(const std::string& node);
  void RemoveNode(std::string_view uid);

  // It has no node. `in_turn`: kube-scheduler places it in its turn; otherwise it comes after all who are.
  void Wait(const kube::Pod& pod, bool in_turn);
  void Place(const kube::Pod& pod, const std::string& node);
  void Remove(std::string_view uid);

  // nullopt: it asks for nothing of the kind, or was not put here.
  std::optional<ReplicaStanding> Of(const kube::Pod& pod) const;

  // Whether, and which, Pods that wait may stand otherwise than when this was last taken, by UID.
  bool has_moved() const { return !moved_.empty(); }
  std::vector<std::string> TakeMoved();

 private:
  // In kube-scheduler's order: by priority, then by age, then as they were seen.
  using Turn = std::tuple<std::int64_t, std::optional<WallTime>, std::uint64_t>;
  struct Member {
    std::string owner, node;  // an empty node: it waits
    std::uint64_t arrival = 0;
    std::optional<Turn> turn;  // while it is in turn
  };
  struct Workload {
    std::int64_t local = 0, members = 0;
    std::map<Turn, std::string> waiting;  // UIDs
  };
  struct NodeEntry {
    std::string uid;                                     // empty: it is no real node
    std::unordered_map<std::string, std::int64_t> pods;  // by owner
  };
  Member* MemberFor(const kube::Pod& pod);
  void Leave(Member& member);
  void Count(const std::string& node, const std::string& owner, int sign);
  void SetUid(const std::string& node, std::string uid);

  std::uint64_t arrivals_ = 0;
  std::unordered_map<std::string, Member> members_;      // by UID
  std::unordered_map<std::string, Workload> workloads_;  // by the owner's UID
  std::unordered_map<std::string, NodeEntry> nodes_;     // by name
  std::unordered_map<std::string, std::string> names_;   // of real nodes, by UID
  std::set<std::string> moved_;                          // owners
};

}  // namespace spillway::controller
