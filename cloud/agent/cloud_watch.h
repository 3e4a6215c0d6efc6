#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/context.h"

namespace spillway::cloud {

// What an agent hears from its cloud. Called on the loop.
class CloudListener {
 public:
  virtual ~CloudListener() = default;
  // An instance as it was at `as_of` or later: changed, or asked for.
  virtual void OnInstance(const Instance& instance, Instant as_of) = 0;
  // The cloud says that it is no more.
  virtual void OnInstanceGone(const std::string& instance_id) = 0;
  // Asked for at `asked_at`, and not there, in a cloud that knew us a moment later: one call's word.
  virtual void OnNotFound(const std::string& pod_uid, const std::string& instance_id, Instant asked_at) = 0;
  // All instances of the cluster; the call was made at `asked_at`.
  virtual void OnListing(std::vector<Instance> listed, Instant asked_at) = 0;
  // is_reachable() or has_answered() has changed.
  virtual void OnReachable() = 0;
};

// Keeps asking a cloud: for changes all the time, for everything now and then, for single instances in batches, and
// whether it is there at all. Failed calls are repeated after pauses that grow, whoever asks for more. Loop thread
// only.
class CloudWatch {
 public:
  // Both outlive it.
  CloudWatch(AgentContext& context, CloudListener& listener);

  void Start();
  // A listing soon. Those of many are one.
  void RequestListing() { listing_wanted_.Notify(); }
  // This instance, soon: OnInstance(), OnNotFound(), or neither when the cloud cannot be asked.
  void RequestLook(const std::string& pod_uid, const std::string& instance_id);

  // Whether the cloud has ever answered and known us.
  bool has_answered() const { return last_answer_.has_value(); }
  // False when it has not for a while; `why_not` says how it failed.
  bool is_reachable() const { return reachable_; }
  const std::optional<CloudError>& why_not() const { return last_failure_; }

 private:
  Task<void> KeepPolling();
  Task<void> KeepListing();
  Task<void> KeepLooking();
  Task<void> KeepPinging();
  Task<void> Look(std::map<std::string, std::string> batch);
  // Whether it knows us.
  Task<bool> Ping();
  void Judge(const CloudStatus& pinged);
  void Observe(std::string_view operation, const CloudError* error, Instant since);

  AgentContext& context_;
  CloudListener& listener_;
  Signal listing_wanted_, look_wanted_;
  std::map<std::string, std::string> looks_;  // instance id to Pod UID
  bool listed_once_ = false, reachable_ = true;
  std::optional<Instant> last_answer_;
  Instant trouble_counts_from_;  // the last answer, or the start
  std::optional<CloudError> last_failure_;
  TaskScope flows_;
};

}  // namespace spillway::cloud
