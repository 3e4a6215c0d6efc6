#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "kube/api/decode.h"
#include "sandbox/standins/objects.h"
#include "sandbox/store.h"
#include "scheduler_sim/cluster.h"

namespace spillway::simulation {

// One Pod's way onto a node, as the store has it.
struct BindRecord {
  std::string uid, key, node;
  bool onto_virtual = false;
  std::string decision;  // Spillway's id; empty when it was not Spillway
  Instant when;
};

// Follows every change of the store, in the store's own order, and judges each bind of Spillway's on the true state of
// the cluster at that very revision: what the controller knew at the time is no excuse. Reads only. Loop thread only;
// the store outlives it.
class History {
 public:
  History(Runtime& runtime, sandbox::Store& store);
  ~History();

  const std::vector<BindRecord>& binds() const { return binds_; }
  // What must never be, one line each: a Pod moved that fits, that is not eligible, or bound twice.
  const std::vector<std::string>& moved_that_fits() const { return moved_that_fits_; }
  const std::vector<std::string>& moved_ineligible() const { return moved_ineligible_; }
  const std::vector<std::string>& bound_twice() const { return bound_twice_; }
  // Pods that a real node's kubelet rejected for lack of room.
  std::uint64_t rejected_by_kubelet() const { return rejected_; }

 private:
  struct Source;
  void Note();
  void Replay();
  void Apply(const Source& source, const sandbox::Change& change);
  void ApplyPod(const sandbox::Change& change);
  void OnBind(const kube::Pod& before, const kube::Pod& after, const sandbox::Json& bound);
  std::optional<std::string> WhyItFits(const kube::Pod& pod) const;
  std::optional<std::string> WhyIneligible(const kube::Pod& pod, const sandbox::Json& object) const;

  Runtime& runtime_;
  kube::Decoder decoder_;
  sim::Cluster truth_;
  std::map<std::string, std::int32_t> waiting_;  // Pods that kube-scheduler would place: UID to priority
  std::set<std::string> ever_bound_;
  std::vector<BindRecord> binds_;
  std::vector<std::string> moved_that_fits_, moved_ineligible_, bound_twice_;
  std::uint64_t rejected_ = 0;
  bool posted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::vector<std::unique_ptr<Source>> sources_;
};

// The decision id that Spillway left on a Pod; empty without one.
std::string DecisionOf(const sandbox::Json& pod);

}  // namespace spillway::simulation
