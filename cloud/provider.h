#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"

namespace spillway::cloud {

// What identifies an instance in its cloud: one Pod of one cluster, for ever. Names and tags carry it, so an instance
// can always be found again by UID (DESIGN.md section 4, point 7).
struct InstanceIdentity {
  std::string cluster_id, node_name;
  std::string pod_uid, pod_namespace, pod_name;
  bool operator==(const InstanceIdentity&) const = default;
};

// Monotonic: an instance never goes back from a terminal state.
enum class InstanceState : std::uint8_t { kPending, kRunning, kTerminating, kSucceeded, kFailed };

struct ContainerState {
  enum class Kind : std::uint8_t { kWaiting, kRunning, kTerminated };
  std::string name;
  Kind kind = Kind::kWaiting;
  bool ready = false;
  std::string reason, message;  // "ContainerCreating", "Completed", "Error", "OOMKilled"
  int exit_code = 0;
  int restart_count = 0;
  std::string image, image_id, container_id;
  std::optional<WallTime> started_at, finished_at;
};

struct Instance {
  std::string id;  // the cloud's
  InstanceIdentity identity;
  InstanceState state = InstanceState::kPending;
  std::string reason, message;  // "NoStock", ...
  std::string pod_ip;
  std::optional<WallTime> created_at;
  std::vector<ContainerState> init_containers, containers;
};

// Why a cloud said no; decides what the agent does next. Carried in Error::message's front as "[stock] ...".
enum class Refusal : std::uint8_t { kTransient, kThrottled, kStock, kQuota, kAuth, kInvalid };
std::string_view ToString(Refusal refusal);

struct CreateRequest {
  InstanceIdentity identity;
  std::string client_token;  // same token, same instance: creation is idempotent
  nlohmann::json pod;        // the whole Pod, environment and volumes resolved
};

// A definitive or uncertain failure of a create. kUnavailable/kDeadlineExceeded mean "may have been created".
struct CreateFailure {
  Refusal refusal = Refusal::kTransient;
  Error error;
};

struct LogOptions {
  std::string container;
  std::optional<std::int64_t> tail_lines, limit_bytes, since_seconds;
  bool previous = false, timestamps = false;
};

// A cloud adapter: runs Pods as instances. Asynchronous, idempotent, honest about what it does not know. All calls on
// the loop. A listing is complete or it is an Error: never partial, for what is not listed may be deleted.
class Provider {
 public:
  virtual ~Provider() = default;

  virtual std::string_view name() const = 0;
  // Feature names as in the node annotation spillway.io/unsupported-features: "hostNetwork", "hostPort", "hostPath",
  // "persistentVolumeClaim", "privileged", ...; see docs/virtual-node.md.
  virtual std::vector<std::string> unsupported_features() const = 0;

  virtual Task<tl::expected<Instance, CreateFailure>> Create(CreateRequest request) = 0;
  // kNotFound only when the cloud is certain.
  virtual Task<Result<Instance>> Describe(std::string instance_id) = 0;
  // Every instance of this cluster and node.
  virtual Task<Result<std::vector<Instance>>> List(std::string cluster_id, std::string node_name) = 0;
  // Starts the deletion; success if it is gone or going. Ends when Describe says kNotFound.
  virtual Task<Status> Delete(std::string instance_id, Duration grace) = 0;
  virtual Task<Result<std::string>> Logs(std::string instance_id, LogOptions options) = 0;

  // Called on the loop when an instance may have changed (a hint: the agent describes it then). May be null.
  virtual void OnChange(std::function<void(std::string instance_id)> call) = 0;
};

}  // namespace spillway::cloud
