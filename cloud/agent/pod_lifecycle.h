#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/client_token.h"
#include "cloud/agent/context.h"
#include "cloud/agent/cost_meter.h"
#include "cloud/agent/file_refresher.h"
#include "cloud/agent/folded_json.h"
#include "cloud/agent/pod_events.h"
#include "cloud/agent/pod_lifecycle_host.h"
#include "cloud/agent/pod_lifecycle_state.h"
#include "cloud/agent/pod_resolver.h"
#include "cloud/agent/pod_status.h"
#include "cloud/json.h"

namespace spillway::cloud {

// One Pod, by UID, from its binding until neither the API server nor the cloud holds anything of it. Level-triggered:
// each step looks at what the Pod should be and what its instance is, and does the next thing.
//
// What it promises:
// - One instance per Pod. A create whose outcome is unknown is followed by a listing before it is tried again, and
//   tried again under the same client token; a new token is used only after a definite refusal.
// - The instance goes first, the API's Pod after it, under its UID: a successor of the same name is never touched.
// - Absence is never one call's verdict.
// - A status that was reported is not taken back: see PodStatus().
class PodLifecycle {
 public:
  PodLifecycle(AgentContext& context, PodLifecycleHost& host, Json pod);
  ~PodLifecycle();

  // `adopted`: the instance an earlier agent made, if the first listing showed one.
  void Start(std::optional<Instance> adopted);

  // Facts from outside.
  void OnPodChanged(Json pod);
  // The Pod as it was at that resourceVersion is what it goes by.
  bool Knows(const std::string& version) const { return !version.empty() && version == version_; }
  void OnPodGone();
  // An instance of this Pod, as it was at `as_of` or later.
  void OnInstance(const Instance& instance, Instant as_of);
  // The cloud is certain that the instance is no more.
  void OnInstanceGone(const std::string& instance_id);
  // A call that asked for the instance at `asked_at` did not find it.
  void OnNotFound(const std::string& instance_id, Instant asked_at);
  // After trouble it can be reached again: what was put off is tried at once.
  void OnCloudBack();
  // Prices are known that were not.
  void OnPrices();
  // A complete listing that is to be believed, begun at `asked_at`, shows no instance that this Pod has or may have.
  void OnNotListed(Instant asked_at);

  const std::string& uid() const { return uid_; }
  const std::string& pod_namespace() const { return namespace_; }
  const std::string& pod_name() const { return name_; }
  Json pod() const { return pod_.Copy(); }
  // Of its status.
  std::optional<WallTime> started_at() const { return started_at_; }
  const Instance* instance() const { return instance_ ? &*instance_ : nullptr; }
  bool is_pod_gone() const { return pod_gone_; }
  bool is_creating() const { return phase_ == Phase::kCreating; }
  // Waits for an instance it should have.
  bool lacks_instance() const { return !instance_ && phase_ <= Phase::kUnknown; }
  // This is its instance, or may be.
  bool Claims(const Instance& instance) const;
  // A listing begun at `at` ought to show an instance of this Pod. The record of one that has ended need not be there.
  bool is_instance_expected(Instant at) const;
  // Nothing to tell the API server that it has not been told.
  bool is_settled() const { return settled_; }

 private:
  using Wait = PodWait;
  using Phase = PodStand;

  Task<void> Run();
  Task<Wait> Step();
  Task<Wait> AwaitListing();
  void Enter(Phase phase);
  bool ShouldEnd() const;
  bool MayHaveRun() const;
  void SetInstance(Instance instance);
  void KeepFilesUpToDate();
  // It costs something while it lives, whether it is wanted or not.
  void CountCost();
  // No instance any more; this one is never taken for the Pod's again.
  void ForgetInstance();
  bool IsAbsenceCertain(Instant asked_at);
  // Its instance was none: another one, unless another agent of this name has asked for that meanwhile.
  void AskAnew();
  // The address that the Pod is told its host has.
  std::string HostIp() const;
  void Observe(std::string_view operation, std::optional<Refusal> refusal, Instant since);

  // -- towards a running instance (pod_creating.cc)
  Task<Wait> AwaitInstance();
  Task<Wait> Create();
  // None: frozen_ is there.
  Task<std::optional<Wait>> Freeze();
  // None: what is asked for is noted on the Pod.
  Task<std::optional<Wait>> Note();
  void NewGeneration();
  Task<Wait> TryCreate(CreateRequest request);
  Task<Wait> OnCreateFailed(CloudError failure, Duration took);
  void OnCreated(Instance made, Duration took);
  void TellCreateFailed(Refusal refusal, const std::string& why);
  // Its status says so, written here or by an agent before this one.
  // None: the Node is known as it is now.
  Task<std::optional<Wait>> LookAtNode();
  bool IsToldOf(const Admission& admission) const;
  Task<Wait> Reject(Admission admission);
  Task<Wait> Hold(Admission admission);
  Task<Wait> Refuse(Admission admission);

  // -- with one (pod_hosting.cc)
  Task<Wait> Accompany();
  // Time left of activeDeadlineSeconds; none: it has none.
  std::optional<Duration> TimeLeft() const;
  // The Pod has failed; if it has an instance, that goes first.
  void MissDeadline();
  Task<Wait> Replace();
  Task<Wait> Drop();
  Task<Wait> StayOver();
  void Lose(const std::string& instance_id);

  // -- towards nothing (pod_ending.cc)
  Task<Wait> Leave();
  // None: the instance is gone, and forgotten.
  Task<std::optional<Wait>> RemoveInstance(Duration grace);
  Task<std::optional<Wait>> AskForDeletion(Duration grace);
  Task<Wait> ReleasePod();
  // After a conflict: whether there is no Pod of this UID any more, or somebody just wrote it. Takes what is there.
  Task<bool> IsGoneThere();
  void AnnounceKill();
  void SettleLastState();
  Duration GracePeriod() const;

  // -- telling the API server (pod_reporting.cc)
  // Sends what PodStatus() makes of the current facts if the API server does not have it. None: it has; otherwise come
  // back then. What is sent is decided when it is this Pod's turn, so whatever has changed until then goes in one
  // write.
  Task<std::optional<Wait>> Report();
  // None: a write may go now. What an agent that has lost its node knows is of the past.
  std::optional<Wait> UntilTurn();
  // The same, and the turn is taken: once for each write.
  std::optional<Wait> TakeTurn();
  // Somebody may act on how this Pod ended.
  bool is_end_awaited() const;
  void OnOthersNote(const RequestNote& noted);
  void TellUnmetUpdates();
  std::optional<PendingResize> UnmetResize() const;
  void Take(Json pod);
  void ReadFacts();

  AgentContext& context_;
  PodLifecycleHost& host_;
  const std::string uid_, namespace_, name_;
  FoldedJson pod_;
  PodEvents events_;
  // What is asked of it again and again.
  std::string version_;
  std::optional<WallTime> started_at_;
  bool is_deletion_asked_ = false;
  bool pod_gone_ = false;

  Phase phase_ = Phase::kWaiting;
  std::optional<Instance> instance_;
  Instant instance_since_{};
  std::uint64_t instance_generation_ = 0;   // generation_ as it was then
  Instant known_as_of_{};                   // the newest that was heard of it
  std::optional<UnknownInstance> unknown_;  // in kUnknown; in kLeaving until it has been told
  std::optional<Absence> absence_;          // of instance_, or of the one that is looked for
  std::optional<Deletion> deletion_;
  std::set<std::string> given_up_;  // instances of ours that the cloud may still show

  std::uint64_t generation_ = 0;  // of the client token
  // A create under this generation may have been carried out, here or by an agent before this one: what is asked for
  // must not change any more.
  bool may_have_created_ = false;
  std::unique_ptr<ResolvedRequest> frozen_;  // what is asked for; kept as long as it may be asked for again
  std::optional<RequestNote> to_note_;       // goes with the next status
  std::optional<Instant> next_create_;       // not before
  int create_failures_ = 0;
  std::optional<Instant> refused_since_;  // what the node cannot run

  CostMeter::Share cost_;
  FoldedJson made_with_{Json()};          // what of it may change: as the instance has it; null: without one
  std::unique_ptr<FileRefresher> files_;  // null: there is nothing to be kept up to date
  PodRemark remark_;
  std::unique_ptr<Instance> last_;  // of an instance that is gone, how its containers ended; until it has been told
  std::optional<Instant> turn_;     // when the next write of this Pod may go
  int failed_reports_ = 0;          // since the last one that was told
  bool kill_announced_ = false, end_reported_ = false, settled_ = false;
  std::optional<Instant> released_;  // when the API server was told that nothing is left
  RetryPauses create_pauses_, input_pauses_, report_pauses_, end_pauses_;
  Signal changed_;
  TaskScope flow_;
};

}  // namespace spillway::cloud
