#include "controller/agreement.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "controller/policy/eligibility.h"
#include "scheduler_sim/verdict.h"

namespace spillway::controller {
namespace {

using std::chrono::seconds;

constexpr Duration kCatchUp = seconds(2);       // of the other watches, and of binds under way
constexpr Duration kLongestLag = seconds(120);  // between kube-scheduler's look at the cluster and its message
constexpr std::size_t kMostWaiting = 5000;      // beyond, in a flood, messages count as stale
constexpr std::size_t kMostLogged = 1000;

}  // namespace

std::string_view ToString(Agreement agreement) {
  switch (agreement) {
    case Agreement::kAgree:
      return "agree";
    case Agreement::kDiffer:
      return "differ";
    case Agreement::kUndecided:
      return "undecided";
    case Agreement::kStale:
      return "stale";
  }
  return "stale";
}

bool IsSameMessage(std::string_view ours, std::string_view theirs) {
  if (!theirs.starts_with(ours)) return false;
  return theirs.size() == ours.size() || theirs[ours.size()] == ' ';
}

AgreementMonitor::AgreementMonitor(Runtime& runtime, const ClusterState& state, const Policy& policy,
                                   metrics::Registry& metrics)
    : runtime_(runtime), state_(state), policy_(policy), metrics_(metrics), wake_(runtime), flows_(runtime) {}

void AgreementMonitor::Start() { flows_.Spawn(Run()); }

void AgreementMonitor::Heard(const PendingPod& pod) {
  const std::string& theirs = pod.object.pod_scheduled->message;
  const auto index = state_.cluster().FindPod(pod.object.metadata.uid);
  if (WhyNotScheduled(pod.object, policy_) || !index) return Count(Agreement::kUndecided);
  if (!state_.cluster().class_of(*index).valid()) return Count(Agreement::kStale);  // its bind is under way
  const std::optional<std::string> ours = OurMessage(pod, *index);
  if (!ours) return Count(Agreement::kUndecided);
  if (!ours->empty() && IsSameMessage(*ours, theirs)) return Count(Agreement::kAgree);
  if (waiting_.size() >= kMostWaiting) return Count(Agreement::kStale);
  waiting_.push_back({pod.object.metadata.uid, theirs, runtime_.Now()});
  wake_.Notify();
}

Task<void> AgreementMonitor::Run() {
  for (;;) {
    while (waiting_.empty()) co_await wake_.Wait();
    const Instant due = waiting_.front().at + kCatchUp;
    if (runtime_.Now() < due) co_await runtime_.SleepUntil(due);
    const Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    CompareAgain(waiting);
  }
}

void AgreementMonitor::CompareAgain(const Waiting& waiting) {
  const auto found = state_.pending().find(waiting.uid);
  const auto index = state_.cluster().FindPod(waiting.uid);
  if (found == state_.pending().end() || !index || !state_.cluster().class_of(*index).valid() || !state_.Usable()) {
    return Count(Agreement::kStale);
  }
  const PendingPod& pod = found->second;
  if (!pod.object.pod_scheduled || pod.object.pod_scheduled->message != waiting.message) {
    return Count(Agreement::kStale);  // it has spoken again, and that is looked at by itself
  }
  const std::optional<std::string> ours = OurMessage(pod, *index);
  if (!ours) return Count(Agreement::kUndecided);
  if (!ours->empty() && IsSameMessage(*ours, waiting.message)) return Count(Agreement::kAgree);
  const Instant since = std::max({pod.first_seen, pod.changed, waiting.at - kLongestLag});
  if (state_.last_shift() > since) return Count(Agreement::kStale);
  Count(Agreement::kDiffer);
  Log(pod, *index, *ours);
}

std::optional<std::string> AgreementMonitor::OurMessage(const PendingPod& pod, sim::PodIndex index) {
  const sim::Cluster& cluster = state_.cluster();
  if (!state_.doubts().Against(cluster, pod).empty()) return std::nullopt;
  const sim::ClassIndex pod_class = cluster.class_of(index);
  const bool is_nominated = !pod.object.nominated_node_name.empty();  // sees others' nominations, not its own
  if (!is_nominated && made_.shifts == state_.shifts() && made_.pod_class == pod_class &&
      made_.priority == pod.object.priority) {
    return made_.message;
  }
  const sim::Verdict verdict = sim::Judge(cluster, index, sim::NodeDomain::kAll);
  std::optional<std::string> message;
  if (verdict.kind == sim::Verdict::Kind::kFits) message = "";
  if (verdict.kind == sim::Verdict::Kind::kNowhere) message = verdict.why_not->SchedulerMessage();
  if (!is_nominated) made_ = {state_.shifts(), pod_class, pod.object.priority, message};
  return message;
}

void AgreementMonitor::Count(Agreement agreement) {
  metrics_.Add(metrics::Id::kSchedulerAgreement, {std::string(ToString(agreement))});
}

void AgreementMonitor::Log(const PendingPod& pod, sim::PodIndex index, const std::string& ours) {
  if (logged_.size() >= kMostLogged) logged_.clear();
  if (!logged_.insert(state_.cluster().class_of(index).value()).second) return;
  log::Warning("kube-scheduler and the simulation differ; it is told once for Pods of this kind",
               {{"pod", pod.object.metadata.Key()},
                {"kube-scheduler", pod.object.pod_scheduled->message},
                {"simulation", ours.empty() ? "some node takes it" : ours}});
}

}  // namespace spillway::controller
