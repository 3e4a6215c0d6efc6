#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api/decode.h"
#include "scheduler_sim/testing/naive.h"

namespace spillway::simulation {

// The field of a Node's status in which a simulation puts what Spillway's decoder refuses, false: kube-scheduler has no
// trouble with that Node, and neither has the judge.
inline constexpr const char* kGarbledField = "declaredFeatures";

using sim::testing::NaiveVerdict;
using sim::testing::Objects;

// The objects that kube-scheduler looks at, as kube-scheduler's filters written a second time judge them
// (scheduler_sim/testing/naive.h): whoever judges Spillway here shares no filter, no packing and no model with it.
// Remembers what changed for a while, so that the past can be judged too.
class NaiveCluster {
 public:
  // `memory`: how far back WalkBack() can go.
  explicit NaiveCluster(Duration memory) : memory_(memory) {}

  // The newest state of one object of a resource ("pods"); `now` does not go back. What cannot be read counts as
  // absent, but for Nodes with a kGarbledField. True if it is something that a verdict may depend on.
  bool Put(std::string_view resource, std::string_view json, Instant now);
  bool Remove(std::string_view resource, const std::string& uid, Instant now);

  const Objects& objects() const { return objects_; }
  const kube::Pod* FindPod(std::string_view uid) const;
  NaiveVerdict Judge(const kube::Pod& pod) const { return JudgeIn(objects_, pod); }
  static NaiveVerdict JudgeIn(const Objects& objects, const kube::Pod& pod);

  // Of something that a verdict may depend on. Instant::min() before the first.
  Instant last_change() const { return past_.empty() ? Instant::min() : past_.back().when; }

  // Shows the cluster as it is, and then as it was before each change back to `since`, until `stop` returns true.
  // Returns whether it did.
  bool WalkBack(Instant since, const std::function<bool(const Objects&)>& stop) const;

 private:
  struct Past {
    Instant when;
    std::function<void(Objects&)> undo;
  };
  template <typename T>
  bool PutAs(std::string_view json, Instant now);
  template <typename T>
  bool RemoveAs(const std::string& uid, Instant now);
  void Remember(Instant now, std::function<void(Objects&)> undo);

  Duration memory_;
  Objects objects_;
  std::deque<Past> past_;  // oldest first
  kube::Decoder decoder_;
};

// Carries the label that makes it a virtual node in every simulation.
bool IsVirtualNode(const kube::Node& node);
// kube-scheduler would place it.
bool IsWaiting(const kube::Pod& pod);
// What Pods of one owner have in common, and nobody else with them; but each of a DaemonSet's has a node of its own.
std::string LikenessOf(const kube::Pod& pod);
// Why Spillway must not move it, whatever room there is.
std::optional<std::string> WhyIneligible(const Objects& objects, const kube::Pod& pod);
// What the node says it can run, or other people's nodes are taken to, has all that the Pod asks for, in an instance
// with as many CPUs.
bool SaysItCan(const kube::Node& node, const kube::Pod& pod);
// No real node would take it, some for lack of resources or because they are lost (not ready, cordoned), or there is
// none; and a virtual node would, and says that it can run it.
bool OughtToMove(const Objects& objects, const kube::Pod& pod);
// What keeps virtual nodes free of ordinary Pods does not keep out those that overflow: the Pod with that toleration.
kube::Pod Overflowing(kube::Pod pod);
// Real nodes that would take the Pod now, by name.
std::vector<std::string> RealNodesFor(const Objects& objects, const kube::Pod& pod);
// Whether a real node would take the Pod however kube-scheduler may have placed those that wait beside it and are no
// less important, whose order in its queue the API does not show. Empty: not.
std::optional<std::string> NodeLeftFor(const Objects& objects, const kube::Pod& pod);

}  // namespace spillway::simulation
