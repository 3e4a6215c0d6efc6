#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/context.h"
#include "cloud/agent/pod_admission.h"
#include "cloud/agent/pod_environment.h"
#include "cloud/agent/pod_status.h"
#include "cloud/json.h"

namespace spillway::cloud {

// What a lifecycle asks of its agent. Outlives it.
class PodLifecycleHost {
 public:
  virtual ~PodLifecycleHost() = default;
  // A fresh, complete listing of all instances, soon: OnListed() is called on every lifecycle when it is there.
  virtual void RequestListing() = 0;
  // No new instances are made: the agent is ending.
  virtual bool is_stopping() const = 0;
  // Listings are not to be believed at the moment: nothing is concluded from an instance's absence.
  virtual bool is_cloud_suspect() const = 0;
  virtual PodAdmission& admission() = 0;
  // Nothing of the Pod is left here or in the cloud. Called once; destroys the lifecycle on a later turn.
  virtual void OnDone(const std::string& uid) = 0;
};

// One Pod, by UID, from its binding until neither the API server nor the cloud holds anything of it. Level-triggered:
// each step looks at what the Pod should be and what its instance is, and does the next thing.
//
// What it promises:
// - One instance per Pod. A create whose outcome is unknown is followed by a listing before it is tried again, and
// tried
//   again under the same client token; a new token is used only after a definite refusal.
// - The instance goes first, the API's Pod after it, under its UID: a successor of the same name is never touched.
// - A status that was reported is not taken back: see PodStatus().
class PodLifecycle {
 public:
  PodLifecycle(AgentContext& context, PodLifecycleHost& host, Json pod);
  ~PodLifecycle();

  // `adopted`: the instance an earlier agent made, if the first listing showed one.
  void Start(std::optional<Instance> adopted);

  // Facts from outside.
  void OnPodChanged(Json pod);
  void OnPodGone();
  void OnInstanceHint();  // describe it
  // All that a listing showed of this Pod; `asked_at` is when that listing was begun.
  void OnListed(const std::vector<const Instance*>& mine, Instant asked_at);

  const std::string& uid() const { return uid_; }
  const Json& pod() const { return pod_; }
  const Instance* instance() const { return instance_ ? &*instance_ : nullptr; }
  bool is_pod_gone() const { return pod_gone_; }
  bool is_creating() const { return creating_; }
  // Waits for an instance it should have.
  bool lacks_instance() const;
  // A listing begun at `at` ought to show an instance of this Pod.
  bool is_instance_expected(Instant at) const;
  // Nothing to tell the API server that it has not been told.
  bool is_settled() const { return settled_; }

 private:
  struct Wait {
    std::optional<Duration> at_most;  // none: until something changes
  };
  Task<void> Run();
  Task<Wait> Step();

  // -- towards a running instance (pod_lifecycle.cc)
  Task<Wait> Begin();
  Task<Wait> Create();
  Task<Wait> OnCreateFailed(CreateFailure failure);
  Task<Wait> Accompany();
  Task<Wait> ReplaceRefused();
  Task<Wait> InstanceMissing();
  // Deletes the instance of a Pod that has ended without it.
  Task<Wait> DropInstance();
  void SetInstance(Instance instance);
  bool MayHaveRun() const;
  Task<Wait> Reject(Admission admission);
  Task<Wait> Hold(Admission admission);
  bool ShouldEnd() const;
  std::string ClientToken() const;

  // -- towards nothing (pod_ending.cc)
  Task<Wait> End();
  // None: the instance is gone.
  Task<std::optional<Wait>> EndInstance();
  Task<Wait> ReleasePod();
  void AnnounceKill();
  void SettleLastState();
  Duration GracePeriod() const;

  // -- telling the API server (pod_reporting.cc)
  // Sends what PodStatus() makes of the current facts if the API server does not have it.
  Task<Status> Report();
  void RecordContainerEvents(const Json& before, const Json& after);
  void Record(bool is_warning, std::string reason, std::string note, std::string action);
  void RecordOnce(bool is_warning, std::string reason, std::string note, std::string action);
  void Take(Json pod);

  // -- calls (pod_calls.cc)
  // The Pod as the provider gets it. The error is what the user has to be told; an empty reason: try again.
  Task<tl::expected<Json, InputNotice>> Environment();
  Task<Result<Instance>> DescribeInstance(std::string id);
  Task<Status> DeleteInstance(std::string id, Duration grace);
  void Observe(std::string_view operation, std::optional<Refusal> refusal, Instant since);

  AgentContext& context_;
  PodLifecycleHost& host_;
  const std::string uid_;
  Json pod_;
  bool pod_gone_ = false;

  std::optional<Instance> instance_;
  std::set<std::string> given_up_;  // instances of ours that a listing may still show
  std::uint64_t generation_ = 0;    // of the client token
  bool creating_ = false;
  std::optional<Instant> next_create_;  // not before
  int create_failures_ = 0;
  Instant instance_since_{};
  std::optional<Instant> missing_since_;
  bool look_again_ = false;  // the instance may have changed
  // A create's outcome is unknown until a listing begun after this shows it.
  std::optional<Instant> uncertain_since_;

  bool concluded_ = false;  // failed or held by our own decision: no instance any more
  PodRemark remark_;
  std::optional<Json> terminal_status_;  // as sent; sent again should someone overwrite it
  bool kill_announced_ = false, delete_asked_ = false, end_reported_ = false;
  std::optional<Instant> released_;  // when the API server was told that nothing is left
  bool done_ = false;
  bool settled_ = false;
  std::set<std::string> recorded_;
  RetryPauses create_pauses_, report_pauses_, end_pauses_;
  Signal changed_;
  TaskScope flow_;
};

}  // namespace spillway::cloud
