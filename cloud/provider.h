#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
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

// Why a cloud said no; decides what the agent does next.
//   kTransient  try the same again          kThrottled  try the same again, later
//   kStock      nothing left of this kind   kQuota      the account's limit: wait for room
//   kAuth       credentials                 kInvalid    the cloud will never take this Pod as it is
enum class Refusal : std::uint8_t { kTransient, kThrottled, kStock, kQuota, kAuth, kInvalid };
// "transient", "throttled", "stock", "quota", "auth", "invalid": label values and event texts.
std::string_view ToString(Refusal refusal);

// Monotonic: an instance never goes back from a terminal state.
enum class InstanceState : std::uint8_t { kPending, kRunning, kTerminating, kSucceeded, kFailed };
std::string_view ToString(InstanceState state);

// How a container ended.
struct Termination {
  int exit_code = 0;
  int signal = 0;               // what killed it; 0 when it exited by itself
  std::string reason, message;  // "Completed", "Error", "OOMKilled", "StartError"
  std::optional<WallTime> started_at, finished_at;
  bool operator==(const Termination&) const = default;
};

struct ContainerState {
  enum class Kind : std::uint8_t { kWaiting, kRunning, kTerminated };
  std::string name;
  Kind kind = Kind::kWaiting;
  bool started = false;  // running, and past its startup probe
  bool ready = false;
  std::string reason, message;         // while waiting: "ContainerCreating", "CrashLoopBackOff"
  std::optional<WallTime> started_at;  // while running
  std::optional<Termination> ended;    // when terminated
  std::optional<Termination> last;     // how the run before this one ended
  int restart_count = 0;
  std::string image, image_id, container_id;
  bool operator==(const ContainerState&) const = default;
};

struct Instance {
  std::string id;  // the cloud's
  InstanceIdentity identity;
  InstanceState state = InstanceState::kPending;
  std::string reason, message;  // "NoStock", ...
  // Set when the cloud accepted the instance, then gave up before any of it ran (a late stock-out): kState is kFailed,
  // and the agent may create another one under a new client token.
  std::optional<Refusal> refused;
  std::string pod_ip;
  std::optional<WallTime> created_at;
  std::vector<ContainerState> init_containers, containers;
  bool operator==(const Instance&) const = default;
};

struct CreateRequest {
  InstanceIdentity identity;
  std::string client_token;  // same token, same instance: creation is idempotent
  // The whole Pod. env holds only name and value, command and args are expanded; the Pod's own IP, which nobody knows
  // yet, stands in them as kPodIpPlaceholder.
  nlohmann::json pod;
};

// Stands for the Pod's IP in environment, command and args of a CreateRequest.
inline constexpr std::string_view kPodIpPlaceholder = "\x1fstatus.podIP\x1f";
// `text` with the placeholder replaced.
std::string WithPodIp(std::string text, std::string_view pod_ip);

// A definitive or uncertain failure of a create.
struct CreateFailure {
  Refusal refusal = Refusal::kTransient;
  // kUnavailable and kDeadlineExceeded: it may have been created. kAlreadyExists: the token belongs to an instance that
  // is gone, a new one is needed. Everything else: nothing was created.
  Error error;
  std::string request_id;  // the cloud's, for its support; empty when none came

  bool is_uncertain() const {
    return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded || error.code == Code::kCancelled;
  }
};

struct LogOptions {
  std::string container;
  std::optional<std::int64_t> tail_lines, limit_bytes, since_seconds;
  bool previous = false, timestamps = false;
};

// A cloud adapter: runs Pods as instances. Asynchronous, idempotent, honest about what it does not know. All calls on
// the loop. A listing is complete or it is an Error: never partial, for what is not listed may be deleted. Destroying a
// waiting flow gives up the answer, not the work: the cloud may still carry it out.
class Provider {
 public:
  virtual ~Provider() = default;

  virtual std::string_view name() const = 0;
  // Feature names as in the node annotation spillway.io/unsupported-features: "hostNetwork", "hostPort", "hostPath",
  // "persistentVolumeClaim", "privileged", ...; see docs/virtual-node.md.
  virtual std::vector<std::string> unsupported_features() const = 0;
  // Containers come from images, so "Pulled" may be said of them.
  virtual bool pulls_images() const { return true; }
  // An empty listing is proof that there is nothing. Clouds also list nothing for those who may see nothing.
  virtual bool empty_listing_is_proof() const { return false; }

  virtual Task<tl::expected<Instance, CreateFailure>> Create(CreateRequest request) = 0;
  // kNotFound only when the cloud is certain.
  virtual Task<Result<Instance>> Describe(std::string instance_id) = 0;
  // Every instance of this cluster and node, those being deleted included.
  virtual Task<Result<std::vector<Instance>>> List(std::string cluster_id, std::string node_name) = 0;
  // Starts the deletion; success if it is gone or going. Ends when Describe says kNotFound.
  virtual Task<Status> Delete(std::string instance_id, Duration grace) = 0;
  // kNotFound: no such instance, container or earlier run.
  virtual Task<Result<std::string>> Logs(std::string instance_id, LogOptions options) = 0;

  // Called on the loop when an instance may have changed (a hint: the agent describes it then). May be null.
  virtual void OnChange(std::function<void(std::string instance_id)> call) = 0;
};

}  // namespace spillway::cloud
