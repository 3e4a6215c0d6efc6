#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/context.h"
#include "cloud/agent/folded_json.h"
#include "cloud/agent/pod_lifecycle_host.h"
#include "cloud/agent/pod_resolver.h"
#include "cloud/agent/pod_status.h"
#include "cloud/agent/pod_updates.h"
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
  // Where a Pod stands.
  enum class Phase : std::uint8_t {
    kWaiting,    // has no instance, and gets one as soon as it may
    kCreating,   // a create is under way
    kUnknown,    // listings have to tell whether it has an instance: see Doubt
    kHosted,     // has an instance
    kReplacing,  // the cloud gave its instance up before it ran: that one goes, then it waits for another
    kDropping,   // the Pod has ended by our decision: its instance goes
    kOver,       // has no instance, and gets none
    kLeaving,    // the Pod is to go, its instance goes first
    kReleasing,  // nothing is left in the cloud: the Pod goes
    kDone,
  };

  PodLifecycle(AgentContext& context, PodLifecycleHost& host, Json pod);
  ~PodLifecycle();

  // `adopted`: the instance an earlier agent made, if the first listing showed one.
  void Start(std::optional<Instance> adopted);

  // Facts from outside.
  void OnPodChanged(Json pod);
  void OnPodGone();
  // An instance of this Pod, as it was at `as_of` or later.
  void OnInstance(const Instance& instance, Instant as_of);
  // The cloud is certain that the instance is no more.
  void OnInstanceGone(const std::string& instance_id);
  // A call that asked for the instance at `asked_at` did not find it.
  void OnNotFound(const std::string& instance_id, Instant asked_at);
  // After trouble it can be reached again: what was put off is tried at once.
  void OnCloudBack();
  // A complete listing that is to be believed, begun at `asked_at`, shows no instance that this Pod has or may have.
  void OnNotListed(Instant asked_at);

  const std::string& uid() const { return uid_; }
  const std::string& pod_namespace() const { return namespace_; }
  const std::string& pod_name() const { return name_; }
  Json pod() const { return pod_.Copy(); }
  // Of its status.
  std::optional<WallTime> started_at() const { return started_at_; }
  const Instance* instance() const { return instance_ ? &*instance_ : nullptr; }
  Phase phase() const { return phase_; }
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
  struct Wait {
    std::optional<Duration> at_most;  // none: until something changes
    Wait NoLongerThan(std::optional<Duration> limit) const {
      return !at_most || (limit && *limit < *at_most) ? Wait{limit} : *this;
    }
  };
  // A listing was asked for; ask again when it did not come.
  static constexpr Duration kListingPatience = std::chrono::seconds(5);

  // Somebody else may have the node: look again whether it is ours.
  static constexpr Duration kFenced = std::chrono::seconds(1);

  // Why it is not known whether there is an instance, and what follows when listings show none.
  enum class Doubt : std::uint8_t {
    kUnanswered,     // a create: one listing, then the same token again
    kTokenMismatch,  // the cloud knows the token for something else: when it is certain, a new token
    kHadRun,         // by its status it had one before this agent: when it is certain, it is lost
  };
  struct Unknown {
    Doubt doubt;
    Instant since;
  };
  // Listings in a row that lack what should be there.
  struct Absence {
    int listings = 0;
    Instant since;
  };
  struct Deletion {
    Duration grace{0};
    std::optional<Instant> accepted;  // for the last time
    std::optional<Instant> absent;    // first looked for in vain, after that
    Instant next_look{};
    Duration look_pause{0};
    bool is_gone = false;
  };

  Task<void> Run();
  Task<Wait> Step();
  Task<Wait> AwaitListing();
  void Enter(Phase phase);
  bool ShouldEnd() const;
  bool MayHaveRun() const;
  void SetInstance(Instance instance);
  // No instance any more; this one is never taken for the Pod's again.
  void ForgetInstance();
  bool IsAbsenceCertain(Instant asked_at);

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
  Task<Wait> Reject(Admission admission);
  Task<Wait> Hold(Admission admission);
  Task<Wait> Refuse(Admission admission);
  std::string ClientToken() const;

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

  // -- beside that, where the provider can change files (pod_refreshing.cc)
  void KeepFilesUpToDate();
  Task<void> RefreshFiles();

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
  // None: a write may go now. Once for each write. What an agent that has lost its node knows is of the past.
  std::optional<Wait> UntilTurn();
  // Somebody may act on how this Pod ended.
  bool is_end_awaited() const;
  // What is asked for under which generation, as noted on the Pod for the agent after this one: under another token it
  // would make a second instance.
  struct Noted {
    std::uint64_t generation = 0;
    std::string digest;  // empty: nothing was asked for yet
    bool operator==(const Noted&) const = default;
  };
  Noted NotedOnPod() const;
  void OnOthersNote(const Noted& noted);
  // Changes of the Pod that its instance does not have, each once.
  void TellUnmetUpdates();
  std::optional<PendingResize> UnmetResize() const;
  void RecordContainerEvents(const Json& before, const Json& after);
  // What the cloud tells of the instance, on the Pod, each once; nothing from before this agent.
  void RelayEvents();
  void Record(bool is_warning, std::string reason, std::string note, std::string action);
  void RecordOnce(bool is_warning, std::string reason, std::string note, std::string action);
  void Take(Json pod);
  void ReadFacts();

  // -- calls (pod_calls.cc)
  // What is asked for. The error is what the user has to be told; an empty reason: try again.
  Task<InputResult<ResolvedRequest>> Resolve();
  // The address that the Pod is told its host has.
  std::string HostIp() const;
  void Observe(std::string_view operation, std::optional<Refusal> refusal, Instant since);

  AgentContext& context_;
  PodLifecycleHost& host_;
  const std::string uid_, namespace_, name_;
  FoldedJson pod_;
  // What is asked of it again and again.
  std::optional<WallTime> started_at_;
  bool is_deletion_asked_ = false;
  bool pod_gone_ = false;

  Phase phase_ = Phase::kWaiting;
  std::optional<Instance> instance_;
  Instant instance_since_{};
  Instant known_as_of_{};           // the newest that was heard of it
  std::optional<Unknown> unknown_;  // in kUnknown; in kLeaving until it has been told
  std::optional<Absence> absence_;  // of instance_, or of the one that is looked for
  std::optional<Deletion> deletion_;
  std::set<std::string> given_up_;  // instances of ours that the cloud may still show

  std::uint64_t generation_ = 0;  // of the client token
  // A create under this generation may have been carried out, here or by an agent before this one: what is asked for
  // must not change any more.
  bool may_have_created_ = false;
  std::optional<ResolvedRequest> frozen_;  // what is asked for
  std::optional<Noted> to_note_;           // goes with the next status
  std::optional<Instant> next_create_;     // not before
  int create_failures_ = 0;
  std::optional<Instant> refused_since_;  // what the node cannot run

  Json made_with_;                       // what of it may change: as the instance has it; null: without one
  std::set<UnmetUpdate> unmet_updates_;  // as told
  PodRemark remark_;
  std::optional<Json> terminal_status_;  // as sent; sent again should someone overwrite it
  std::optional<Instant> turn_;          // when the next write of this Pod may go
  int failed_reports_ = 0;               // since the last one that was told
  bool kill_announced_ = false, end_reported_ = false, settled_ = false;
  std::optional<Instant> released_;  // when the API server was told that nothing is left
  std::set<std::string> recorded_;
  const WallTime known_since_;
  std::map<std::string, int> relayed_;  // of the instance's events: how often they had happened
  RetryPauses create_pauses_, input_pauses_, report_pauses_, end_pauses_;
  bool is_refreshing_ = false;
  Tokens tokens_;               // those that its files hold, as far as they are known here
  std::size_t files_hash_ = 0;  // of the files that its instance has; 0: not known
  Signal changed_, refresh_now_;
  TaskScope flow_, refresh_;
};

std::string_view ToString(PodLifecycle::Phase phase);

}  // namespace spillway::cloud
