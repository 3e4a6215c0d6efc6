#include "sandbox/standins/scheduler.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "sandbox/standins/pod_resources.h"

namespace spillway::sandbox {
namespace {

constexpr Duration kFirstBackoff = std::chrono::seconds(1);
constexpr Duration kLongestBackoff = std::chrono::seconds(10);
constexpr Duration kLeftoverFlush = std::chrono::minutes(5);

bool IsLargerThan(const PodRequest& request, const Json& node) {
  const Json& room = At(node, {"status", "allocatable"});
  return request.milli_cpu > MilliCpu(At(room, {"cpu"})) || request.memory > Bytes(At(room, {"memory"}));
}

bool IsGated(const Json& pod) { return !At(pod, {"spec", "schedulingGates"}).empty(); }

}  // namespace

Scheduler::Scheduler(StandinContext context, SchedulerOptions options, std::unique_ptr<SchedulerJudge> judge)
    : context_(context),
      options_(std::move(options)),
      random_(context.runtime.random().Fork()),
      events_(context.store, options_.name, options_.name + "-sandbox", EventWriter::Equality::kIgnoresNote),
      judge_(std::move(judge)),
      scope_(context.runtime) {
  for (const std::string_view resource : kJudgedResources) {
    context_.caches.Of(std::string(resource))
        .Listen(
            [this, resource](const auto&, const Json* before, const Json* now) { OnObject(resource, before, now); });
  }
  context_.caches.Of("pods").Listen(
      [this](const std::string& key, const Json* before, const Json* now) { OnPod(key, before, now); });
}

Scheduler::~Scheduler() {
  if (timer_) context_.runtime.CancelTimer(*timer_);
}

void Scheduler::OnObject(std::string_view resource, const Json* before, const Json* now) {
  if (before != nullptr && (now == nullptr || UidOf(*before) != UidOf(*now))) judge_->Remove(resource, *before);
  if (now != nullptr) judge_->Put(resource, *now);
  RetryIfSomethingHelped();
}

void Scheduler::OnPod(const std::string& key, const Json* before, const Json* now) {
  const std::string uid = UidOf(now != nullptr ? *now : *before);
  if (before != nullptr && now != nullptr && UidOf(*before) != uid) OnPod(key, before, nullptr);
  if (now == nullptr) {
    judge_->Remove("pods", *before);
    queue_.erase(uid);
    assumed_.erase(uid);
    return RetryIfSomethingHelped();
  }
  if (!NodeOf(*now).empty()) assumed_.erase(uid);
  UpsertPod(*now);
  const bool ours = NodeOf(*now).empty() && IsPodActive(*now) && Text(*now, {"spec", "schedulerName"}) == options_.name;
  if (!ours) {
    queue_.erase(uid);
  } else if (IsGated(*now)) {
    queue_.erase(uid);
    WriteGated(*now);
  } else if (const auto queued = queue_.find(uid); queued == queue_.end()) {
    Enqueue(key, *now);
  } else if (before != nullptr && At(*before, {"spec"}) != At(*now, {"spec"}) &&
             queued->second.place == Place::kUnschedulable) {
    Activate(queued->second);
  }
  RetryIfSomethingHelped();
}

void Scheduler::UpsertPod(const Json& pod) {
  const auto assumed = assumed_.find(UidOf(pod));
  if (assumed == assumed_.end()) return judge_->Put("pods", pod);
  Json placed = pod;
  placed["spec"]["nodeName"] = assumed->second;
  judge_->Put("pods", placed);
}

void Scheduler::Enqueue(const std::string& key, const Json& pod) {
  Queued& queued = queue_[UidOf(pod)];
  queued.key = key;
  queued.priority = Number(pod, {"spec", "priority"});
  Activate(queued);
}

void Scheduler::Activate(Queued& pod) {
  const Instant now = context_.runtime.Now();
  pod.place = pod.backoff_end > now ? Place::kBackoff : Place::kActive;
  pod.ready_at = std::max(pod.backoff_end, now);
  pod.order = next_order_++;
  Wake(pod.ready_at);
}

void Scheduler::RetryIfSomethingHelped() {
  if (judge_->relaxations() == seen_relaxations_) return;
  seen_relaxations_ = judge_->relaxations();
  for (auto& [uid, queued] : queue_) {
    if (queued.place == Place::kUnschedulable) Activate(queued);
  }
}

void Scheduler::StandStill(Duration span) {
  cycle_free_ = std::max(cycle_free_, context_.runtime.Now() + span);
  if (!timer_) return;
  context_.runtime.CancelTimer(*timer_);
  timer_.reset();
  Wake(cycle_free_);
}

void Scheduler::Wake(Instant earliest) {
  const Instant when = std::max(
      {earliest, cycle_free_, context_.runtime.Now() + random_.Between(options_.cycle_low, options_.cycle_high)});
  if (timer_ && timer_at_ <= when) return;
  if (timer_) context_.runtime.CancelTimer(*timer_);
  timer_at_ = when;
  timer_ = context_.runtime.PostAt(when, [this] {
    timer_.reset();
    RunCycle();
  });
}

std::optional<Instant> Scheduler::NextDue() const {
  std::optional<Instant> due;
  for (const auto& [uid, queued] : queue_) {
    if (queued.place == Place::kBinding) continue;
    if (!due || queued.ready_at < *due) due = queued.ready_at;
  }
  return due;
}

void Scheduler::RunCycle() {
  const Instant now = context_.runtime.Now();
  const std::string* uid = nullptr;
  Queued* next = nullptr;
  for (auto& [id, queued] : queue_) {
    if (queued.place == Place::kBinding || queued.ready_at > now) continue;
    queued.place = Place::kActive;
    if (next == nullptr || std::pair(-queued.priority, queued.order) < std::pair(-next->priority, next->order)) {
      uid = &id;
      next = &queued;
    }
  }
  if (next != nullptr) Attempt(*uid, *next);
  if (const auto due = NextDue()) Wake(*due);
}

void Scheduler::Attempt(const std::string& uid, Queued& queued) {
  const Json* pod = context_.caches.Of("pods").Find(queued.key);
  if (pod == nullptr || UidOf(*pod) != uid) {
    queue_.erase(uid);
    return;
  }
  ++queued.attempts;
  queued.backoff_end = context_.runtime.Now() +
                       std::min(kLongestBackoff, Duration(kFirstBackoff * (1LL << std::min(queued.attempts - 1, 4))));
  const SchedulerJudge::Answer answer = judge_->Judge(*pod);
  if (answer.kind != SchedulerJudge::Answer::Kind::kFits) return Reject(uid, queued, *pod, answer);
  Assume(uid, queued, *pod, answer.node);
}

void Scheduler::Assume(const std::string& uid, Queued& queued, const Json& pod, const std::string& node) {
  queued.place = Place::kBinding;
  assumed_[uid] = node;
  UpsertPod(pod);
  const Instant arrival = context_.runtime.Now() + random_.Between(options_.bind_low, options_.bind_high);
  scope_.Spawn(BindAt(std::max(arrival, ReserveWrite()), uid, node));
}

Task<void> Scheduler::BindAt(Instant when, std::string uid, std::string node) {
  co_await context_.runtime.SleepUntil(when);
  const auto queued = queue_.find(uid);
  if (queued == queue_.end()) {  // gone, or somebody else bound it
    assumed_.erase(uid);
    co_return;
  }
  const auto [ns, name] = SplitKey(queued->second.key);
  const Json binding = {{"apiVersion", "v1"},
                        {"kind", "Binding"},
                        {"metadata", {{"name", name}, {"namespace", ns}, {"uid", uid}}},
                        {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}};
  const ApiStatus bound = context_.store.Bind(ns, name, binding);
  if (!bound) {
    ForgetAfter(uid, bound.error().message);
    co_return;
  }
  const auto pod = context_.store.Get("pods", ns, name);
  if (pod)
    events_.Write(*pod, "Normal", "Scheduled", "Binding",
                  fmt::format("Successfully assigned {}/{} to {}", ns, name, node));
}

// The binding was refused, mostly because somebody else was first: give the assumed place back.
void Scheduler::ForgetAfter(const std::string& uid, const std::string& why) {
  assumed_.erase(uid);
  const auto queued = queue_.find(uid);
  if (queued == queue_.end()) return;
  const Json* pod = context_.caches.Of("pods").Find(queued->second.key);
  if (pod == nullptr || UidOf(*pod) != uid) {
    queue_.erase(queued);
    return;
  }
  events_.Write(*pod, "Warning", "FailedScheduling", "Scheduling",
                "binding rejected: running Bind plugin \"DefaultBinder\": " + why);
  judge_->Remove("pods", *pod);
  UpsertPod(*pod);
  Activate(queued->second);
  RetryIfSomethingHelped();
}

void Scheduler::Reject(const std::string& uid, Queued& queued, const Json& pod, const SchedulerJudge::Answer& answer) {
  queued.place = Place::kUnschedulable;
  queued.ready_at = context_.runtime.Now() + kLeftoverFlush;
  std::string reason = "Unschedulable", message = answer.message;
  if (answer.kind == SchedulerJudge::Answer::Kind::kNowhere) {
    if (answer.has_nodes) message += PostFilterMessage(pod, answer);
  } else {
    reason = "SchedulerError";
    message = "the sandbox's scheduler cannot judge this Pod: " + answer.message;
  }
  const Json& condition = FindCondition(pod, "PodScheduled");
  const bool known = Text(condition, {"status"}) == "False" && Text(condition, {"reason"}) == reason &&
                     Text(condition, {"message"}) == message;
  // The patch is part of the cycle: while the client has no token left, no further Pod is looked at.
  const Instant when = known ? context_.runtime.Now() : ReserveWrite();
  cycle_free_ = std::max(cycle_free_, when);
  events_.Write(pod, "Warning", "FailedScheduling", "Scheduling", message);
  if (!known) scope_.Spawn(WriteConditionAt(when, uid, std::move(reason), std::move(message)));
}

Task<void> Scheduler::WriteConditionAt(Instant when, std::string uid, std::string reason, std::string message) {
  co_await context_.runtime.SleepUntil(when);
  const auto queued = queue_.find(uid);
  if (queued == queue_.end()) co_return;
  const auto [ns, name] = SplitKey(queued->second.key);
  (void)context_.store.Modify("pods", ns, name, Part::kStatus, [&](Json& pod) {
    if (UidOf(pod) != uid || !NodeOf(pod).empty()) return false;
    if (!SetCondition(pod["status"], "PodScheduled", false, reason, message, context_.runtime.WallNow())) return false;
    for (Json& condition : pod["status"]["conditions"]) {
      if (condition["type"] == "PodScheduled")
        condition["observedGeneration"] = Number(pod, {"metadata", "generation"}, 1);
    }
    return true;
  });
}

// What the PostFilter plugins (DynamicResources without claims, DefaultPreemption without candidates) add.
std::string Scheduler::PostFilterMessage(const Json& pod, const SchedulerJudge::Answer& answer) const {
  if (Text(pod, {"spec", "preemptionPolicy"}) == "Never")
    return " no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.";
  std::int64_t no_victims = 0, not_helpful = 0;
  const PodRequest request = RequestOf(pod);
  for (const auto& [name, filter] : answer.failed) {
    const Json* node = context_.caches.Of("nodes").Find(name);
    const bool too_large = node != nullptr && IsLargerThan(request, *node);
    const bool resolvable = (filter == "NodeResourcesFit" && !too_large) || filter == "NodePorts" ||
                            filter == "InterPodAffinity" || filter == "PodTopologySpread";
    ++(resolvable ? no_victims : not_helpful);
  }
  std::vector<std::string> counts;
  if (no_victims > 0) counts.push_back(fmt::format("{} No preemption victims found for incoming pod", no_victims));
  if (not_helpful > 0) counts.push_back(fmt::format("{} Preemption is not helpful for scheduling", not_helpful));
  std::sort(counts.begin(), counts.end());
  std::string joined = counts.empty() ? "" : counts.front();
  if (counts.size() > 1) joined += ", " + counts.back();
  return fmt::format(" no new claims to deallocate, preemption: 0/{} nodes are available: {}.",
                     no_victims + not_helpful, joined);
}

void Scheduler::WriteGated(const Json& pod) {
  (void)context_.store.Modify("pods", NamespaceOf(pod), ObjectName(pod), Part::kStatus, [&](Json& object) {
    return UidOf(object) == UidOf(pod) &&
           SetCondition(object["status"], "PodScheduled", false, "SchedulingGated",
                        "Scheduling is blocked due to non-empty scheduling gates", context_.runtime.WallNow());
  });
}

// When the client's next token is free: at most `burst` at once, then `qps` a second.
Instant Scheduler::ReserveWrite() {
  const Duration interval(static_cast<Duration::rep>(1e9 / options_.qps));
  const Instant now = context_.runtime.Now();
  next_token_ = std::max(next_token_, now - interval * options_.burst) + interval;
  return std::max(now, next_token_);
}

}  // namespace spillway::sandbox
