#include "sandbox/standins/job.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::sandbox {
namespace {

constexpr Duration kFirstPodBackoff = std::chrono::seconds(10);
constexpr Duration kLongestPodBackoff = std::chrono::minutes(10);

bool IsFinished(const Json& job) {
  for (const char* type : {"Complete", "Failed"}) {
    if (Text(FindCondition(job, type), {"status"}) == "True") return true;
  }
  return false;
}

// When the last failed Pod ended; nullopt when none failed.
std::optional<WallTime> LastFailure(const std::vector<const Json*>& pods) {
  std::optional<WallTime> last;
  for (const Json* pod : pods) {
    if (PhaseOf(*pod) != "Failed") continue;
    const auto changed = base::ParseRfc3339(Text(FindCondition(*pod, "Ready"), {"lastTransitionTime"}));
    const auto created = base::ParseRfc3339(Text(*pod, {"metadata", "creationTimestamp"}));
    const auto when = changed ? changed : created;
    if (when && (!last || *when > *last)) last = when;
  }
  return last;
}

}  // namespace

JobController::JobController(StandinContext context)
    : context_(context),
      jobs_(context.caches.Of("jobs.batch")),
      pods_(context.caches.Of("pods")),
      events_(context.store, "job-controller", "job-controller"),
      queue_(context.runtime, context.runtime.random().Fork(), context.delays,
             [this](const std::string& key) { Sync(key); }) {
  jobs_.ListenForChanged([this](const std::string& key) { queue_.Add(key); });
  pods_.ListenForOwners("Job", [this](const std::string& key) { queue_.Add(key); });
}

JobController::Tally JobController::Count(const Json& job) const {
  Tally tally;
  for (const Json* pod : pods_.ControlledBy(UidOf(job))) {
    if (PhaseOf(*pod) == "Succeeded") {
      ++tally.succeeded;
    } else if (PhaseOf(*pod) == "Failed") {
      ++tally.failed;
    } else if (IsTerminating(*pod)) {
      ++tally.terminating;
    } else {
      ++tally.active;
      if (IsPodReady(*pod)) ++tally.ready;
      tally.active_pods.push_back(pod);
    }
  }
  return tally;
}

void JobController::Sync(const std::string& key) {
  const Json* job = jobs_.Find(key);
  if (job == nullptr || IsTerminating(*job) || IsFinished(*job)) return;
  const Tally tally = Count(*job);
  const std::int64_t parallelism = Number(*job, {"spec", "parallelism"}, 1);
  // Without completions any one success ends the Job, once its other Pods are done.
  const bool counted = At(*job, {"spec", "completions"}).is_number_integer();
  const std::int64_t completions = Number(*job, {"spec", "completions"}, 1);
  const bool complete = counted ? tally.succeeded >= completions : tally.succeeded > 0 && tally.active == 0;
  const bool failed = !complete && tally.failed > Number(*job, {"spec", "backoffLimit"}, 6);
  if (complete || failed) {
    DeletePods(*job, tally.active_pods, tally.active_pods.size());
    WriteStatus(key, tally, complete ? "Complete" : "Failed", failed ? "BackoffLimitExceeded" : "CompletionsReached");
    events_.Write(*job, complete ? "Normal" : "Warning", complete ? "Completed" : "BackoffLimitExceeded",
                  complete ? "Completed" : "Failed",
                  complete ? "Job completed" : "Job has reached the specified backoff limit");
    return;
  }
  std::int64_t wanted = std::min(parallelism, counted ? completions - tally.succeeded : parallelism);
  if (!counted && tally.succeeded > 0) wanted = tally.active;
  if (tally.active > wanted) {
    DeletePods(*job, tally.active_pods, static_cast<std::size_t>(tally.active - wanted));
  } else if (tally.active < wanted) {
    CreatePods(key, *job, wanted - tally.active);
  }
  WriteStatus(key, tally, "", "");
}

void JobController::CreatePods(const std::string& key, const Json& job, std::int64_t missing) {
  const std::vector<const Json*> pods = pods_.ControlledBy(UidOf(job));
  if (const auto failure = LastFailure(pods)) {
    const auto failures =
        std::count_if(pods.begin(), pods.end(), [](const Json* p) { return PhaseOf(*p) == "Failed"; });
    const Duration backoff =
        std::min(kLongestPodBackoff, Duration(kFirstPodBackoff * (1LL << std::min<std::int64_t>(failures - 1, 10))));
    const Duration waited = context_.runtime.WallNow() - *failure;
    if (waited < backoff) return queue_.AddAfter(key, backoff - waited);
  }
  for (std::int64_t i = 0; i < missing; ++i) {
    Json pod = ChildOf(job, "v1", "Pod", At(job, {"spec", "template"}), ObjectName(job) + "-");
    Json& labels = pod["metadata"]["labels"];
    for (const char* prefix : {"batch.kubernetes.io/", ""}) {
      labels[std::string(prefix) + "job-name"] = ObjectName(job);
      labels[std::string(prefix) + "controller-uid"] = UidOf(job);
    }
    const auto created = context_.store.Create("pods", std::move(pod));
    if (!created) {
      events_.Write(job, "Warning", "FailedCreate", "Create", "Error creating: " + created.error().message);
      return queue_.AddAfter(key, std::chrono::seconds(5));
    }
    events_.Write(job, "Normal", "SuccessfulCreate", "Create", "Created pod: " + ObjectName(*created));
  }
}

void JobController::DeletePods(const Json& job, const std::vector<const Json*>& pods, std::size_t surplus) {
  for (std::size_t i = 0; i < surplus; ++i) {
    DeleteOptions options;
    options.uid = UidOf(*pods[i]);
    if (context_.store.Delete("pods", NamespaceOf(*pods[i]), ObjectName(*pods[i]), options))
      events_.Write(job, "Normal", "SuccessfulDelete", "Delete", "Deleted pod: " + ObjectName(*pods[i]));
  }
}

void JobController::WriteStatus(const std::string& key, const Tally& tally, const std::string& finished,
                                const std::string& why) {
  const auto [ns, name] = SplitKey(key);
  (void)context_.store.Modify("jobs.batch", ns, name, Part::kStatus, [&](Json& object) {
    const WallTime now = context_.runtime.WallNow();
    Json status = At(object, {"status"}).is_object() ? object["status"] : Json::object();
    if (!status.contains("startTime")) status["startTime"] = base::FormatRfc3339(now);
    status["active"] = finished.empty() ? tally.active : 0;
    status["ready"] = finished.empty() ? tally.ready : 0;
    status["succeeded"] = tally.succeeded;
    status["failed"] = tally.failed;
    status["terminating"] = tally.terminating;
    for (const char* count : {"active", "succeeded", "failed"}) {
      if (status[count] == 0) status.erase(count);  // omitempty upstream
    }
    if (!finished.empty()) {
      if (finished == "Complete") {
        SetCondition(status, "SuccessCriteriaMet", true, why, "Reached expected number of succeeded pods", now);
        status["completionTime"] = base::FormatRfc3339(now);
      }
      SetCondition(status, finished, true, why,
                   finished == "Complete" ? "Reached expected number of succeeded pods"
                                          : "Job has reached the specified backoff limit",
                   now);
    }
    if (status == At(object, {"status"})) return false;
    object["status"] = std::move(status);
    return true;
  });
}

}  // namespace spillway::sandbox
