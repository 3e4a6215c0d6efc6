#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "cloud/capabilities.h"
#include "cloud/market.h"
#include "cloud/pod_files.h"
#include "cloud/pod_network.h"
#include "cloud/registry_credential.h"

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
//   kTokenMismatch  the client token was used with other parameters: there may be an instance already, and it must be
//                   found, never made a second time
enum class Refusal : std::uint8_t { kTransient, kThrottled, kStock, kQuota, kAuth, kInvalid, kTokenMismatch };
// "transient", "throttled", "stock", "quota", "auth", "invalid", "token": label values and event texts.
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
  std::string container_id;  // of the run that ended; empty: the container's
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

// Something that a cloud tells of an instance beside its state: a probe that failed, an image that cannot be pulled.
struct InstanceEvent {
  bool is_warning = false;
  std::string container;        // empty: of the whole instance
  std::string reason, message;  // kubelet's words where it has some: "Unhealthy", "Readiness probe failed: ..."
  int count = 1;                // how often so far
  WallTime last_at{};
  bool operator==(const InstanceEvent&) const = default;
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
  std::vector<InstanceEvent> events;  // each once, the newest few
  bool operator==(const Instance&) const = default;
};
// For good: succeeded or failed.
bool HasEnded(const Instance& instance);

// Everything that an instance is made of. It does not change under one token, whatever becomes of what it was made
// from.
struct CreateRequest {
  InstanceIdentity identity;
  std::string client_token;  // same token, same instance: creation is idempotent
  // The whole Pod. env holds only name and value, command and args are expanded; the Pod's own IP, which nobody knows
  // yet, stands in them and in mounts' subPath as kPodIpPlaceholder.
  nlohmann::json pod;
  std::vector<PodVolume> volumes;              // those with content, and emptyDirs
  std::vector<RegistryCredential> registries;  // for the Pod's images; several may be for one registry
  PodNetwork network;
};

// Stands for the Pod's IP in environment, command and args of a CreateRequest.
inline constexpr std::string_view kPodIpPlaceholder = "\x1fstatus.podIP\x1f";
// `text` with the placeholder replaced.
std::string WithPodIp(std::string text, std::string_view pod_ip);

// Why a call to a cloud failed. What to do next is decided by `refusal` and `error.code`, never by texts.
struct CloudError {
  Refusal refusal = Refusal::kTransient;
  // kUnavailable, kDeadlineExceeded and kCancelled: it may have been carried out. kNotFound: the cloud is certain that
  // there is no such instance. kAlreadyExists (of a create): the token belongs to an instance that is gone, a new one
  // is needed. Everything else: nothing was done. error.retry_after holds.
  Error error;
  std::string cloud_code, request_id;  // the cloud's own, for its support; empty when none came

  bool is_uncertain() const {
    return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded || error.code == Code::kCancelled;
  }
};
// A cloud's own words, as much of them as people read and the API server takes: some send back what they were sent.
std::string Words(const std::string& text);
// "[stock] NoStock: nothing of this size is left (request 4711)".
std::string ToString(const CloudError& error);

template <class T>
using CloudResult = tl::expected<T, CloudError>;
using CloudStatus = CloudResult<void>;

// Whose instances: those of one virtual node.
struct InstanceScope {
  std::string cluster_id, node_name;
  bool operator==(const InstanceScope&) const = default;
};

// What has changed since a cursor: applied as it is.
struct Changes {
  std::vector<Instance> instances;  // as they are now
  // Ids of those that the cloud says are no more; few clouds can. How one ended may stand in `instances`.
  std::vector<std::string> gone;
  std::string cursor;  // for the next call
  bool more = false;   // there is more to be had at once
};

// How long Poll() waits for a change at most.
inline constexpr Duration kLongestPoll = std::chrono::seconds(30);

// How many instances one Describe() may ask for.
inline constexpr std::size_t kDescribeBatch = 100;

class InstanceStreams;  // cloud/streams.h

// A cloud adapter: runs Pods as instances. Asynchronous, idempotent, honest about what it does not know. All calls on
// the loop. Destroying a waiting flow gives up the answer, not the work: the cloud may still carry it out.
class Provider {
 public:
  virtual ~Provider() = default;

  virtual std::string_view name() const = 0;
  // What it can run; published on the Node, and checked before a Pod gets an instance. The agent adds what it sees to
  // itself, whatever the provider: cloud/agent/node_capabilities.h.
  virtual ProviderCapabilities capabilities() const = 0;
  // Containers come from images, so "Pulled" may be said of them.
  virtual bool pulls_images() const { return true; }
  // It puts the address of an instance where kPodIpPlaceholder stands, at least where that is all of a variable.
  virtual bool fills_in_pod_ip() const { return true; }
  // An empty listing is proof that there is nothing. Clouds also list nothing for those who may see nothing.
  virtual bool empty_listing_is_proof() const { return false; }

  virtual Task<CloudResult<Instance>> Create(CreateRequest request) = 0;
  // What has changed in `scope` since `cursor`; an empty cursor, or one that the cloud no longer knows: everything
  // there is. A provider that can wait for a change does, up to kLongestPoll, instead of answering with nothing. One
  // call at a time.
  virtual Task<CloudResult<Changes>> Poll(InstanceScope scope, std::string cursor) = 0;
  // Every instance of this cluster, on whatever node, those being deleted included. Complete or an error, never
  // partial: what is not listed may be taken for lost, and what no Pod stands behind is deleted.
  virtual Task<CloudResult<std::vector<Instance>>> List(std::string cluster_id) = 0;
  // Those of `instance_ids`, at most kDescribeBatch, that are there. That one is absent is this call's word and no
  // verdict.
  virtual Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string> instance_ids) = 0;
  // Starts the deletion, or hurries it on when `grace` is shorter than before. Success: it is gone or going.
  virtual Task<CloudStatus> Delete(std::string instance_id, Duration grace) = 0;
  // Files of volumes of a running instance can be replaced.
  virtual bool updates_volumes() const { return false; }
  // Replaces the files of those of its volumes that hold files, each volume whole and at once; mounts with a subPath
  // keep theirs, as at kubelet. Idempotent. Only where updates_volumes().
  virtual Task<CloudStatus> UpdateVolumes(std::string instance_id, std::vector<PodVolume> volumes);
  // The cloud answers, and knows us: a call that fails when credentials or permissions are gone, also where listings
  // would be empty.
  virtual Task<CloudStatus> Ping() = 0;
  // What an instance of this Pod would be billed as, at the prices that are known by now.
  virtual Bill BillFor(const nlohmann::json& /*pod*/) const { return {}; }
  // What is known of prices, stock and quotas by now.
  virtual Market market() const { return {}; }
  // There is a call that tells more of it.
  virtual bool has_market() const { return false; }
  // Makes that call. Of what cannot be had the last that was known stays. Only where has_market().
  virtual Task<CloudStatus> RefreshMarket();
  // Logs, exec, statistics; null: it has none of them. Lives as long as the provider.
  virtual InstanceStreams* streams() { return nullptr; }
};

}  // namespace spillway::cloud
