#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "kube/api/decode.h"
#include "sandbox/standins/objects.h"
#include "sandbox/store/store.h"
#include "tests/simulation/naive_cluster.h"

namespace spillway::simulation {

// One Pod's way onto a node, as the store has it.
struct BindRecord {
  std::string uid, key, node;
  bool onto_virtual = false;
  std::string decision;  // Spillway's id; empty when it was not Spillway
  std::string reason;    // as annotated: why no real node takes it
  Instant when;
  Duration lag{0};                 // how far before that the state may lie that it was decided on
  std::optional<Instant> deleted;  // when the Pod was
  std::optional<Instant> ended;    // when it had Succeeded or Failed
};

// Follows every change of the store, in the store's own order, and judges each bind of Spillway's on the true state of
// the cluster, with the naive model. A Pod may be moved if at any moment from the bind back to what the controller
// could last have known no real node would have taken it, or enough of its workload stayed on real nodes without it.
// Reads only. Loop thread only; the store outlives it.
class History {
 public:
  // How far before now the state may lie that a bind which arrives now was decided on. 0: it must be the newest.
  using LagOf = std::function<Duration(const BindRecord&)>;
  // Whether binds that were sent after that were refused: until then they counted where they went.
  using Refused = std::function<bool(Instant since)>;
  History(Runtime& runtime, sandbox::Store& store, LagOf lag_of = nullptr, Refused refused = nullptr);
  ~History();

  // The cluster as it is, but for what is being replayed.
  const NaiveCluster& truth() const { return truth_; }
  const std::vector<BindRecord>& binds() const { return binds_; }
  // What must never be, one line each: a Pod moved that fits, that is not eligible, or bound twice.
  const std::vector<std::string>& moved_that_fits() const { return moved_that_fits_; }
  const std::vector<std::string>& moved_ineligible() const { return moved_ineligible_; }
  const std::vector<std::string>& bound_twice() const { return bound_twice_; }
  // Pods moved to a virtual node that has clearly more in use than another.
  const std::vector<std::string>& unevenly() const { return unevenly_; }
  // When a real node came, went, or became more or less usable, the last time.
  Instant real_nodes_changed() const { return real_changed_; }
  // Nothing has changed since then that a verdict may depend on.
  bool StandsSince(Instant since) const { return truth_.last_change() < since; }
  // Pods that a real node's kubelet rejected for lack of room.
  std::uint64_t rejected_by_kubelet() const { return rejected_; }
  // Pods that wait although for all of `span` before now they were eligible, no real node would take them, some for
  // lack of resources or because they are lost (not ready, cordoned), or there was none, and a virtual node would. One
  // line each. `span` is longer than what a Pod waits for a node that may come back.
  std::vector<std::string> LeftBehind(Duration span) const;

 private:
  struct Source;
  void Note();
  void Replay();
  void Apply(const Source& source, const sandbox::Change& change);
  void JudgePod(const sandbox::Change& change);
  void NoteNode(const sandbox::Change& change);
  std::optional<std::string> WhyNotAllowed(const kube::Pod& pod, const BindRecord& bind) const;
  std::optional<std::string> WhyUnevenly(const kube::Pod& pod, const BindRecord& bind) const;
  void NoteDeleted(const std::string& uid);
  void OnBind(const kube::Pod& before, const kube::Pod& after, const sandbox::Json& bound);
  std::optional<std::string> WhyItFits(const kube::Pod& pod, const BindRecord& bind) const;

  Runtime& runtime_;
  LagOf lag_of_;
  Refused refused_;
  kube::Decoder decoder_;
  NaiveCluster truth_;
  std::set<std::string> ever_bound_;
  std::vector<BindRecord> binds_;
  std::vector<std::string> moved_that_fits_, moved_ineligible_, bound_twice_, unevenly_;
  Instant virtual_changed_ = Instant::min(), real_changed_ = Instant::min();
  std::uint64_t rejected_ = 0;
  bool posted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::vector<std::unique_ptr<Source>> sources_;
};

// The decision id that Spillway left on a Pod; empty without one.
std::string DecisionOf(const sandbox::Json& pod);

}  // namespace spillway::simulation
