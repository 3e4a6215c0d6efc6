#include "controller/fail_over.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "controller/event_catalogue.h"
#include "kube/evict.h"
#include "kube/json.h"
#include "kube/paths.h"

namespace spillway::controller {
namespace {

using std::chrono::seconds;

constexpr Duration kLook = seconds(1), kBetweenEvictions = seconds(1);
constexpr Duration kTryAgain = seconds(10), kAfterConflict = seconds(2), kAfterRefusal = seconds(30);
// The API server takes objects of a megabyte and more; this is a fifth of it.
constexpr std::size_t kMostEntries = 2000;
constexpr const char* kRecordKey = "evictions";

bool IsCertain(const Error& error) {
  return error.code != Code::kUnavailable && error.code != Code::kDeadlineExceeded && error.code != Code::kCancelled &&
         error.code != Code::kInternal && error.code != Code::kMalformed;
}

// The result label of spillway_evictions_total.
const char* LabelOf(const Status& status) {
  if (status) return "evicted";
  switch (status.error().code) {
    case Code::kThrottled:
      return status.error().HasCause("DisruptionBudget") ? "budget" : "error";
    case Code::kPermissionDenied:
      return "forbidden";
    case Code::kConflict:
    case Code::kNotFound:
    case Code::kGone:
      return "conflict";
    default:
      return "error";
  }
}

}  // namespace

FailOver::FailOver(Runtime& runtime, ClusterState& state, kube::Client& api, Reporter& reporter,
                   metrics::Registry& metrics, const Policy& policy, FailOverOptions options,
                   std::function<bool()> leads)
    : runtime_(runtime),
      state_(state),
      api_(api),
      reporter_(reporter),
      metrics_(metrics),
      policy_(policy),
      options_(std::move(options)),
      leads_(std::move(leads)),
      flows_(runtime) {}

bool FailOver::IsOn() const { return !stopped_ && policy_.virtual_grace > Duration(0) && policy_.mode != Mode::kOff; }

bool FailOver::MayAct() const { return IsOn() && leads_() && state_.Usable().has_value(); }

Task<void> FailOver::Run() {
  for (;;) {
    const bool is_idle = is_loaded_ && state_.refused().all().empty() && state_.fail_overs().empty();
    if (!IsOn() || is_idle) {
      co_await state_.refusals().Wait();
    } else {
      const Duration look = is_loaded_ && state_.refused().all().empty() ? kTryAgain : kLook;
      (void)co_await state_.refusals().WaitUntil(runtime_.Now() + look);
    }
    if (stopped_) co_return;
    if (!MayAct()) continue;
    if (!is_loaded_ && !co_await Load()) {
      co_await runtime_.SleepFor(kTryAgain);
      continue;
    }
    Forget();
    std::vector<std::string> uids;
    for (const auto& [uid, pod] : state_.refused().all()) uids.push_back(uid);
    for (std::string& uid : uids) co_await Consider(std::move(uid));
  }
}

void FailOver::Forget() {
  state_.fail_overs().Forget(runtime_.WallNow());
  std::erase_if(attempts_, [this](const auto& attempt) { return state_.refused().Find(attempt.first) == nullptr; });
}

FailOverWait FailOver::Judge(const RefusedPod& pod) const {
  FailOverFacts facts{.now = runtime_.Now()};
  const auto* ns = state_.surroundings().namespaces().Of(pod.ns);
  facts.namespace_allows = ns != nullptr && ns->fails_over;
  const sim::Cluster& cluster = state_.cluster();
  const auto node = cluster.FindNode(pod.node);
  facts.node_speaks = node && cluster.node(*node).role == sim::NodeRole::kVirtual && cluster.node(*node).ready;
  facts.has_another_node = HasAnotherNode(pod);
  if (pod.owner) facts.evictions = state_.fail_overs().CountOf(pod.owner->uid);
  return WhyNotFailedOver(pod, facts, policy_);
}

bool FailOver::HasAnotherNode(const RefusedPod& pod) const {
  const sim::Cluster& cluster = state_.cluster();
  const std::vector<sim::NodeIndex> nodes = cluster.nodes(sim::NodeRole::kVirtual);
  return std::any_of(nodes.begin(), nodes.end(), [&](sim::NodeIndex index) {
    const sim::NodeView node = cluster.node(index);
    const bool takes_pods = node.ready && !node.unschedulable && !node.cloud_unreachable && node.name != pod.node;
    return takes_pods && !(pod.owner && state_.surroundings().fail_overs().Has(pod.owner->uid, std::string(node.name)));
  });
}

Task<void> FailOver::Consider(std::string uid) {
  const RefusedPod* pod = state_.refused().Find(uid);
  if (pod == nullptr || !MayAct()) co_return;
  Attempt& attempt = attempts_[uid];
  if (runtime_.Now() < attempt.retry_at) co_return;
  FailOverBook& book = state_.fail_overs();
  if (attempt.unanswered) book.TakeBack(*std::exchange(attempt.unanswered, std::nullopt));  // it is counted once
  const FailOverWait wait = Judge(*pod);
  if (wait == FailOverWait::kNoOtherNode) {
    Tell(*pod, kOverflowEvictionHeld, "no other virtual node takes Pods on which its owner's have not failed");
  } else if (wait == FailOverWait::kTooManyEvicted || (wait == FailOverWait::kNothing && book.size() >= kMostEntries)) {
    Tell(*pod, kOverflowEvictionHeld,
         fmt::format("{} of its owner's Pods were evicted within the hour, and no more are",
                     book.CountOf(pod->owner->uid)));
  } else if (wait == FailOverWait::kNothing && policy_.mode == Mode::kDryRun) {
    Tell(*pod, kWouldEvict, "");
  } else if (wait == FailOverWait::kNothing) {
    FailOverBook::Entry entry{.owner = pod->owner->uid, .node = pod->node, .at = runtime_.WallNow()};
    co_await Evict(std::move(uid), std::move(entry));
  }
}

Task<void> FailOver::Evict(std::string uid, FailOverBook::Entry entry) {
  FailOverBook& book = state_.fail_overs();
  book.Note(entry);
  const bool is_written_down = co_await Save();
  book.TakeBack(entry);
  const RefusedPod* found = state_.refused().Find(uid);  // on the newest state
  const bool still_goes = is_written_down && found != nullptr && MayAct() && policy_.mode == Mode::kEnforce &&
                          Judge(*found) == FailOverWait::kNothing;
  attempts_[uid].retry_at = runtime_.Now() + kTryAgain;
  if (!still_goes) co_return;
  const RefusedPod pod = *found;
  book.Note(entry);
  kube::EvictRequest request{.ns = pod.ns, .name = pod.name, .uid = pod.uid, .resource_version = pod.resource_version};
  const Status status = co_await kube::Evict(api_, std::move(request));
  NoteOutcome(pod, entry, status);
  co_await runtime_.SleepFor(kBetweenEvictions);
}

void FailOver::NoteOutcome(const RefusedPod& pod, const FailOverBook::Entry& entry, const Status& status) {
  metrics_.Add(metrics::Id::kEvictions, {LabelOf(status)});
  FailOverBook& book = state_.fail_overs();
  if (status) {
    const std::string what =
        fmt::format("{} {} makes another, which avoids that node for an hour; {} of at most {} evictions an hour",
                    pod.owner->kind, pod.owner->name, book.CountOf(entry.owner), kMostFailOvers);
    return Tell(pod, kOverflowEvicted, what);
  }
  const Error& error = status.error();
  Attempt& attempt = attempts_[pod.uid];
  const std::string label = LabelOf(status);
  const Duration wait = label == "conflict" ? kAfterConflict : label == "error" ? kTryAgain : kAfterRefusal;
  attempt.retry_at = runtime_.Now() + std::max(wait, error.retry_after);
  if (IsCertain(error)) {
    book.TakeBack(entry);
  } else {
    attempt.unanswered = entry;
  }
  if (label == "budget" || label == "forbidden") Tell(pod, kOverflowEvictionHeld, error.message);
}

std::string FailOver::WhatIsWrong(const RefusedPod& pod) const {
  return fmt::format("from virtual node {}, which has not been able to run it for {}: {}", pod.node,
                     base::FormatDuration(runtime_.Now() - pod.since), pod.why);
}

// Once for each thing that is against it.
void FailOver::Tell(const RefusedPod& pod, std::string_view reason, const std::string& why) {
  Attempt& attempt = attempts_[pod.uid];
  if (attempt.told == reason && attempt.told_why == why) return;
  attempt.told = reason;
  attempt.told_why = why;
  const char* how = reason == kOverflowEvicted ? "Evicted"
                    : reason == kWouldEvict    ? "[dry-run] Would evict"
                                               : "Not evicted";
  std::string text = fmt::format("{} {}", how, WhatIsWrong(pod));
  if (!why.empty()) text += "; " + why;
  const kube::ObjectReference reference{
      .api_version = "v1", .kind = "Pod", .ns = pod.ns, .name = pod.name, .uid = pod.uid};
  reporter_.TellOfEviction(reference, reason, std::move(text), pod.node);
}

// ---- the record

// Once until it can be written again.
void FailOver::TellOfRecord(const char* what, const Error& error) {
  if (std::exchange(is_told_, true)) return;
  log::Warning(what, {{"configMap", options_.record}, {"error", error.message}});
}

Task<bool> FailOver::Load() {
  if (options_.record.empty()) co_return is_loaded_ = true;
  const std::size_t slash = options_.record.find('/');
  std::string path = kube::ConfigMapPath(options_.record.substr(0, slash), options_.record.substr(slash + 1));
  const Result<kube::Json> found = co_await api_.Get(std::move(path));
  if (!found && found.error().code != Code::kNotFound) {
    TellOfRecord("what was evicted lately cannot be read; nothing is evicted meanwhile", found.error());
    co_return false;
  }
  version_ = found ? kube::TextAt(*found, "metadata", "resourceVersion") : "";
  state_.fail_overs() = found ? FailOverBook::FromText(kube::TextAt(*found, "data", kRecordKey)) : FailOverBook();
  co_return is_loaded_ = true;
}

// False: it is not certain that it was written.
Task<bool> FailOver::Save() {
  if (options_.record.empty()) co_return true;
  const std::size_t slash = options_.record.find('/');
  const std::string ns = options_.record.substr(0, slash), name = options_.record.substr(slash + 1);
  kube::Json map = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}};
  map["metadata"] = {{"name", name}, {"namespace", ns}};
  if (!version_.empty()) map["metadata"]["resourceVersion"] = version_;
  map["data"][kRecordKey] = state_.fail_overs().ToText();
  Result<kube::Json> written = Fail(Code::kInternal, "");
  if (version_.empty()) {
    std::string folder = kube::ConfigMapPath(ns);
    written = co_await api_.Create(std::move(folder), std::move(map));
  } else {
    std::string path = kube::ConfigMapPath(ns, name);
    written = co_await api_.Update(std::move(path), std::move(map));
  }
  if (written) {
    version_ = kube::TextAt(*written, "metadata", "resourceVersion");
    is_told_ = false;
    co_return true;
  }
  is_loaded_ = false;  // somebody else has written or removed it, or nobody knows
  TellOfRecord("an eviction cannot be written down, and is left for now", written.error());
  co_return false;
}

}  // namespace spillway::controller
