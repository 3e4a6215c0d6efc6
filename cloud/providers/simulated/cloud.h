#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/sync.h"
#include "base/task.h"
#include "cloud/provider.h"
#include "cloud/providers/simulated/options.h"
#include "cloud/providers/simulated/timeline.h"
#include "cloud/streams.h"

namespace spillway::cloud {

class SimulatedProvider;

// What a cloud could tell about itself if it were honest: for the invariants of simulations.
struct SimulatedCloudCounts {
  std::uint64_t creates = 0;           // instances made
  std::uint64_t repeated_creates = 0;  // calls answered with an instance that was there already
  std::uint64_t refused_creates = 0;
  std::uint64_t stock_outs = 0, late_stock_outs = 0;  // before and after the cloud had accepted the create
  std::uint64_t throttled_calls = 0;
  std::uint64_t deletes = 0;  // instances asked to go
  std::uint64_t delete_calls = 0;
  std::uint64_t lost_replies = 0;
};

// An in-memory cloud for container groups, in virtual or real time. It outlives the agents that use it, as a real one
// does: what an agent had asked for is carried out even if that agent died while waiting, and a new agent finds its
// instances again. Deterministic for one Runtime seed. Loop thread only; the Runtime outlives it, it outlives its
// providers.
class SimulatedCloud {
 public:
  SimulatedCloud(Runtime& runtime, SimulatedCloudOptions options);
  ~SimulatedCloud();
  SimulatedCloud(const SimulatedCloud&) = delete;
  SimulatedCloud& operator=(const SimulatedCloud&) = delete;

  // One for each agent.
  std::unique_ptr<Provider> NewProvider();

  SimulatedFaults& faults() { return options_.faults; }
  SimulatedCloudOptions& options() { return options_; }
  const SimulatedCloudCounts& counts() const { return counts_; }
  // Every instance that is not gone, those being deleted included, in the order made.
  std::vector<Instance> Instances() const;
  // What must never be: two live instances for one Pod, ever. One line for each time it happened.
  const std::vector<std::string>& violations() const { return violations_; }
  // Takes an instance back, as clouds do with spot capacity. False when there is none of this id.
  bool Reclaim(const std::string& instance_id);
  // Loses an instance without a trace, as when someone deletes it by hand.
  bool Lose(const std::string& instance_id);

  // For a state file, so that a process that ends can be told from a cloud that does. Load replaces everything.
  Json Save() const;
  Status Load(const Json& state);
  // Called after each change of what Save() returns. May be null.
  void OnStateChange(std::function<void()> call) { on_state_change_ = std::move(call); }

 private:
  friend class SimulatedProvider;
  using CreateResult = CloudResult<Instance>;

  // Carries out `effect` half a call's latency from now and hands its result over another half later, unless the fates
  // say otherwise; `failure` makes the answer to a call that failed on its way.
  template <typename T>
  void Exchange(std::function<T()> effect, std::function<T(Error)> failure, OneShot<T> reply);
  // As Runtime::PostAt, dropped when the cloud is.
  void After(Duration delay, std::function<void()> work);

  CreateResult Create(const CreateRequest& request);
  CreateResult Refuse(Refusal refusal, Code code, std::string message);
  std::optional<std::string> ExceededQuota(const InstanceScript& wanted) const;
  CloudResult<Changes> ChangesSince(const InstanceScope& scope, const std::string& cursor) const;
  CloudResult<std::vector<Instance>> List(const std::string& cluster_id) const;
  CloudResult<std::vector<Instance>> Describe(const std::vector<std::string>& ids) const;
  CloudStatus Delete(const std::string& id, Duration grace);
  CloudStatus Ping();
  Result<LogPart> ReadLog(const std::string& id, const LogOptions& options, const std::string& cursor);
  // Of nothing, for nothing runs: the same for each container that counts as running.
  std::vector<InstanceStats> Stats(const std::vector<std::string>& ids);

  InstanceScript* FindLive(const std::string& id);
  // Tells the providers at each moment from now on at which the instance looks different.
  void Follow(const std::string& id);
  // It looks different from now on.
  void Changed(const std::string& id);
  void CheckOnePerPod(const InstanceScript& made);
  std::string NextPodIp();

  Runtime& runtime_;
  SimulatedCloudOptions options_;
  Random random_;
  std::map<std::string, InstanceScript> instances_;      // by id; ids grow
  std::map<std::string, std::string> tokens_;            // client token -> id, for ever
  std::map<std::string, std::size_t> asked_;             // client token -> what for; not in the state file
  std::map<std::string, std::set<std::string>> of_pod_;  // Pod UID -> ids of instances that are not gone
  std::map<std::uint64_t, std::string> changes_;         // the last change of each instance; its number is a cursor
  std::map<std::string, std::uint64_t> change_of_;       // by instance id
  std::uint64_t next_change_ = 1;
  std::uint64_t next_id_ = 1, next_request_ = 1;
  SimulatedCloudCounts counts_;
  std::vector<std::string> violations_;
  std::set<SimulatedProvider*> providers_;
  std::function<void()> on_state_change_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace spillway::cloud
