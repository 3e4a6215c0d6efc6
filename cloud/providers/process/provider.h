#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "base/sync.h"
#include "cloud/files.h"
#include "cloud/provider.h"
#include "cloud/providers/process/instance.h"
#include "cloud/providers/process/streams.h"

namespace spillway::cloud {

struct ProcessProviderOptions {
  std::string state_dir;            // made if missing; must belong to nobody else
  ProcessInstanceOptions instance;  // is_isolated is decided by Open()
  // Whether containers get mounts where this process may make them; otherwise Pods with volumes are not taken.
  bool may_mount = true;
  Duration poll_interval = 50ms;  // how often processes are looked at
};

// What containers see of the file system: see Isolation.
enum class ContainerView : std::uint8_t {
  kMachine,  // what the machine has; of volumes nothing, not even the token that every Pod gets
  kOwn,
};
// What a ProcessProvider says, sorted.
ProviderCapabilities ProcessCapabilities(ContainerView view = ContainerView::kOwn);

// Runs each container's command as a process of this machine, with the rights of the agent: for demonstrations and
// tests, only when asked for by name. No images, no limits, no isolation beyond a session, an environment, a working
// directory and, as root, a view of the file system of its own. All Pods share the machine's address.
//
// Processes outlive the agent. A new one with the same state_dir finds them, by a lock that each run's shim holds, and
// goes on; nothing ever runs twice. Needs real time: not for a SimRuntime.
class ProcessProvider final : public Provider {
 public:
  // kConflict: another agent uses the directory.
  static Result<std::unique_ptr<ProcessProvider>> Open(Runtime& runtime, ProcessProviderOptions options);
  ~ProcessProvider() override;

  std::string_view name() const override { return "process"; }
  ProviderCapabilities capabilities() const override;
  bool pulls_images() const override { return false; }
  bool empty_listing_is_proof() const override { return true; }
  Task<CloudResult<Instance>> Create(CreateRequest request) override;
  Task<CloudResult<Changes>> Poll(InstanceScope scope, std::string cursor) override;
  Task<CloudResult<std::vector<Instance>>> List(std::string cluster_id) override;
  Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string> ids) override;
  Task<CloudStatus> Delete(std::string instance_id, Duration grace) override;
  bool updates_volumes() const override { return options_.instance.is_isolated; }
  Task<CloudStatus> UpdateVolumes(std::string instance_id, std::vector<PodVolume> volumes) override;
  Task<CloudStatus> Ping() override;
  InstanceStreams* streams() override { return &streams_; }

 private:
  ProcessProvider(Runtime& runtime, ProcessProviderOptions options, UniqueFd lock);
  void RecoverAll();
  // Looks again in a while, as long as anything may change.
  void KeepLooking();
  void Look();
  void Note(const std::string& id);
  Changes ChangesSince(const InstanceScope& scope, std::uint64_t since) const;

  Runtime& runtime_;
  ProcessProviderOptions options_;
  UniqueFd lock_;
  FdWatcher watcher_;
  Reaper reaper_;
  ActionRunner actions_;
  ProcessInstances instances_;
  ProcessStreams streams_;
  std::map<std::string, std::uint64_t> change_of_;  // the last change of each instance since Open()
  struct Gone {
    std::uint64_t change;
    Instance last;  // how it ended
  };
  std::deque<Gone> gone_;  // of late
  std::uint64_t last_change_ = 0;
  Signal changed_;
  std::optional<TimerId> timer_;
};

}  // namespace spillway::cloud
