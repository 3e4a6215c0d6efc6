#include "cloud/agent/cloud_watch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"

namespace spillway::cloud {
namespace {
constexpr Duration kListingGap = 2s;  // between listings, however many ask for one
constexpr Duration kPollGap = 200ms;  // between polls: what changes together comes together
constexpr Duration kLookGap = 100ms;  // between batches
constexpr Duration kLongestCloudPause = 30s;
constexpr Duration kPingInterval = 10s;
constexpr Duration kPingAgain = 2s;      // after one that failed
constexpr Duration kTroubleAfter = 15s;  // without an answer, and with a failure
}  // namespace

CloudWatch::CloudWatch(AgentContext& context, CloudListener& listener)
    : context_(context),
      listener_(listener),
      listing_wanted_(context.runtime),
      look_wanted_(context.runtime),
      trouble_counts_from_(context.runtime.Now()),
      flows_(context.runtime) {}

void CloudWatch::Start() {
  trouble_counts_from_ = context_.runtime.Now();
  flows_.Spawn(KeepPinging());
  flows_.Spawn(KeepListing());
  flows_.Spawn(KeepPolling());
  flows_.Spawn(KeepLooking());
}

void CloudWatch::RequestLook(const std::string& pod_uid, const std::string& instance_id) {
  looks_[instance_id] = pod_uid;
  look_wanted_.Notify();
}

void CloudWatch::Observe(std::string_view operation, const CloudError* error, Instant since) {
  context_.observer.OnOperation(operation, error ? std::optional<Refusal>(error->refusal) : std::nullopt,
                                context_.runtime.Now() - since);
}

Task<void> CloudWatch::KeepPolling() {
  std::string cursor;
  RetryPauses pauses(context_, kLongestCloudPause);
  const InstanceScope scope{context_.options.cluster_id, context_.options.node_name};
  for (;;) {
    const Instant asked_at = context_.runtime.Now();
    auto changes = co_await context_.provider.Poll(scope, cursor);
    Observe("poll", changes ? nullptr : &changes.error(), asked_at);
    if (!changes) {
      co_await context_.runtime.SleepFor(std::max(pauses.Next(), changes.error().error.retry_after));
      continue;
    }
    pauses.Reset();
    cursor = std::move(changes->cursor);
    for (const Instance& instance : changes->instances) listener_.OnInstance(instance, context_.runtime.Now());
    for (const std::string& id : changes->gone) listener_.OnInstanceGone(id);
    if (!changes->more) co_await context_.runtime.SleepUntil(asked_at + kPollGap);
  }
}

Task<void> CloudWatch::KeepListing() {
  RetryPauses pauses(context_, kLongestCloudPause);
  for (;;) {
    const Instant asked_at = context_.runtime.Now();
    auto listed = co_await context_.provider.List(context_.options.cluster_id);
    Observe("list", listed ? nullptr : &listed.error(), asked_at);
    if (!listed) {
      log::Warning("cannot list this cluster's instances",
                   {{"node", context_.options.node_name}, {"why", ToString(listed.error())}});
      co_await context_.runtime.SleepFor(std::max(pauses.Next(), listed.error().error.retry_after));
      continue;
    }
    pauses.Reset();
    listener_.OnListing(*std::move(listed), asked_at);
    co_await context_.runtime.SleepFor(kListingGap);
    co_await listing_wanted_.WaitUntil(asked_at + context_.options.instance_list_interval);
  }
}

Task<void> CloudWatch::KeepLooking() {
  for (;;) {
    while (looks_.empty()) co_await look_wanted_.Wait();
    co_await context_.runtime.SleepFor(kLookGap);
    std::map<std::string, std::string> batch;
    while (!looks_.empty() && batch.size() < kDescribeBatch) batch.insert(looks_.extract(looks_.begin()));
    co_await Look(std::move(batch));
  }
}

Task<void> CloudWatch::Look(std::map<std::string, std::string> batch) {
  std::vector<std::string> ids;
  for (const auto& [id, uid] : batch) ids.push_back(id);
  const Instant asked_at = context_.runtime.Now();
  auto found = co_await context_.provider.Describe(std::move(ids));
  Observe("describe", found ? nullptr : &found.error(), asked_at);
  if (!found) {  // whoever asked will ask again
    co_await context_.runtime.SleepFor(std::max(Duration(1s), found.error().error.retry_after));
    co_return;
  }
  for (const Instance& instance : *found) {
    batch.erase(instance.id);
    listener_.OnInstance(instance, asked_at);
  }
  if (batch.empty() || !co_await Ping()) co_return;
  for (const auto& [id, uid] : batch) listener_.OnNotFound(uid, id, asked_at);
}

Task<bool> CloudWatch::Ping() {
  const Instant asked_at = context_.runtime.Now();
  const CloudStatus pinged = co_await context_.provider.Ping();
  Observe("ping", pinged ? nullptr : &pinged.error(), asked_at);
  Judge(pinged);
  co_return pinged.has_value();
}

Task<void> CloudWatch::KeepPinging() {
  for (;;) {
    (void)co_await Ping();
    co_await context_.runtime.SleepFor(last_failure_ ? kPingAgain : kPingInterval);
  }
}

// A cloud that throttles is there.
void CloudWatch::Judge(const CloudStatus& pinged) {
  const Instant now = context_.runtime.Now();
  const bool was_reachable = reachable_, had_answered = has_answered();
  if (pinged || pinged.error().refusal == Refusal::kThrottled) {
    last_answer_ = trouble_counts_from_ = now;
    last_failure_.reset();
    reachable_ = true;
  } else {
    last_failure_ = pinged.error();
    if (now - trouble_counts_from_ >= kTroubleAfter) reachable_ = false;
  }
  if (reachable_ == was_reachable && has_answered() == had_answered) return;
  if (!reachable_) {
    log::Error("the cloud cannot be reached",
               {{"node", context_.options.node_name}, {"why", ToString(*last_failure_)}});
  } else if (!was_reachable) {
    log::Info("the cloud is reached again", {{"node", context_.options.node_name}});
  }
  listener_.OnReachable();
}

}  // namespace spillway::cloud
