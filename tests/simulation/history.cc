#include "tests/simulation/history.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "tests/simulation/naive_replicas.h"
#include "tests/simulation/naive_spread.h"

namespace spillway::simulation {

using sandbox::Json;

namespace {
constexpr Duration kMemory = std::chrono::minutes(3);  // of the past: longer than any lag and any patience
}

// The changes of one kind, with one looked-at change held back so that several kinds can be merged by revision.
struct History::Source {
  Source(sandbox::Etcd& etcd, const sandbox::Kind& k, std::function<void()> wake)
      : kind(k), cursor(etcd, k, 0, sandbox::Etcd::Cursor::Reader::kFaithful, std::move(wake)) {}
  const sandbox::Kind& kind;
  sandbox::Etcd::Cursor cursor;
  std::optional<sandbox::Change> next;
};

std::string DecisionOf(const Json& pod) {
  for (const auto& [key, value] : sandbox::At(pod, {"metadata", "annotations"}).items()) {
    if (key.starts_with("spillway.io/decision") && value.is_string()) return value;
  }
  return "";
}

History::History(Runtime& runtime, sandbox::Store& store, LagOf lag_of, Refused refused)
    : runtime_(runtime), lag_of_(std::move(lag_of)), refused_(std::move(refused)), truth_(kMemory) {
  for (const char* resource : {"nodes", "namespaces", "persistentvolumeclaims", "persistentvolumes", "storageclasses",
                               "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments", "pods"})
    sources_.push_back(std::make_unique<Source>(store.etcd(), *sandbox::FindKind(resource), [this] { Note(); }));
  Note();
}

History::~History() = default;

void History::Note() {
  if (std::exchange(posted_, true)) return;
  runtime_.Post([this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) Replay();
  });
}

void History::Replay() {
  posted_ = false;
  for (;;) {
    Source* earliest = nullptr;
    for (const auto& source : sources_) {
      if (!source->next) {
        if (const sandbox::Change* change = source->cursor.Next()) source->next = *change;
      }
      if (source->next && (earliest == nullptr || source->next->revision < earliest->next->revision))
        earliest = source.get();
    }
    if (earliest == nullptr) return;
    Apply(*earliest, *std::exchange(earliest->next, std::nullopt));
  }
}

void History::Apply(const Source& source, const sandbox::Change& change) {
  if (source.kind.plural == "pods") JudgePod(change);
  if (source.kind.plural == "nodes") NoteNode(change);
  if (change.type == sandbox::Change::Type::kDeleted) {
    if (source.kind.plural == "pods") NoteDeleted(change.object->uid);
    truth_.Remove(source.kind.plural, change.object->uid, runtime_.Now());
  } else {
    truth_.Put(source.kind.plural, change.object->json, runtime_.Now());
  }
}

// Of nodes that have changed just now the controller may not know yet, or may wait for what comes of it.
void History::NoteNode(const sandbox::Change& change) {
  const auto now = decoder_.Decode<kube::Node>(change.object->json);
  const bool is_there = change.before && change.type != sandbox::Change::Type::kDeleted;
  const auto before = is_there ? decoder_.Decode<kube::Node>(change.before->json) : now;
  const bool same = is_there && now && before && now->ready == before->ready && now->taints == before->taints &&
                    now->unschedulable == before->unschedulable && now->cloud_unreachable == before->cloud_unreachable;
  if (same) return;
  (now && IsVirtualNode(*now) ? virtual_changed_ : real_changed_) = runtime_.Now();
}

// Judged only where the controller has seen all there is to see.
std::optional<std::string> History::WhyUnevenly(const kube::Pod& pod, const BindRecord& bind) const {
  constexpr Duration kSeenBy = std::chrono::seconds(2), kPresent = std::chrono::milliseconds(500);
  if (!lag_of_ || lag_of_(bind) > kPresent || runtime_.Now() < virtual_changed_ + kSeenBy) return std::nullopt;
  if (refused_ && refused_(runtime_.Now() - kSeenBy)) return std::nullopt;
  return WhyUneven(truth_.objects(), pod, bind.node);
}

void History::NoteDeleted(const std::string& uid) {
  for (BindRecord& bind : binds_) {
    if (bind.uid == uid) bind.deleted = runtime_.Now();
  }
}

// Before it is Applied: on the state that the change met.
void History::JudgePod(const sandbox::Change& change) {
  if (!change.before || change.before->uid != change.object->uid) return;
  const auto before = decoder_.Decode<kube::Pod>(change.before->json);
  const auto after = decoder_.Decode<kube::Pod>(change.object->json);
  if (!before || !after) return;
  if (before->node_name != after->node_name) OnBind(*before, *after, Json::parse(change.object->json));
  if (!before->is_terminal() && after->is_terminal()) {
    for (BindRecord& bind : binds_) {
      if (bind.uid == after->metadata.uid) bind.ended = runtime_.Now();
    }
  }
  if (!before->is_terminal() && after->phase == kube::PodPhase::kFailed) {
    const std::string reason = sandbox::Text(Json::parse(change.object->json), {"status", "reason"});
    if (reason.starts_with("OutOf")) ++rejected_;
  }
}

void History::OnBind(const kube::Pod& before, const kube::Pod& after, const Json& bound) {
  const std::string key = after.metadata.Key();
  if (!ever_bound_.insert(after.metadata.uid).second)
    bound_twice_.push_back(fmt::format("{} was moved from {} to {}", key, before.node_name, after.node_name));
  BindRecord record;
  record.uid = after.metadata.uid;
  record.key = key;
  record.node = after.node_name;
  record.decision = DecisionOf(bound);
  record.reason = sandbox::Text(bound, {"metadata", "annotations", "spillway.io/reason"});
  record.when = runtime_.Now();
  if (lag_of_) record.lag = lag_of_(record);
  const auto& nodes = truth_.objects().nodes;
  record.onto_virtual = std::any_of(nodes.begin(), nodes.end(), [&](const kube::Node& node) {
    return node.metadata.name == after.node_name && IsVirtualNode(node);
  });
  binds_.push_back(record);
  if (record.decision.empty()) return;
  if (const auto why = WhyItFits(before, record)) moved_that_fits_.push_back(fmt::format("{}: {}", key, *why));
  if (const auto why = WhyNotAllowed(before, record)) moved_ineligible_.push_back(fmt::format("{}: {}", key, *why));
  if (const auto why = WhyUnevenly(before, record)) unevenly_.push_back(fmt::format("{}: {}", key, *why));
}

// Not if at one moment of what the controller may have seen as the present no real node would take it even alone; or if
// those that do were needed for Pods waiting beside it, each of which kube-scheduler might place first; or if enough
// of its workload stayed local without it.
std::optional<std::string> History::WhyItFits(const kube::Pod& pod, const BindRecord& bind) const {
  const Duration lag = lag_of_ ? lag_of_(bind) : Duration(0);
  std::string node;
  const bool was_allowed = truth_.WalkBack(runtime_.Now() - lag, [&](const Objects& then) {
    if (MayGoBeyondLocal(then, pod)) return true;
    const auto left = NodeLeftFor(then, pod);
    if (left && node.empty()) node = *left;
    return !left;
  });
  if (was_allowed) return std::nullopt;
  return fmt::format("at {} real node {} would have taken it, and some real node at any moment of the {} before",
                     base::FormatRfc3339Micro(runtime_.WallNow()), node, base::FormatDuration(lag));
}

// What the Pod itself says is of the version that was judged; what its nomination is worth may have been another
// matter.
std::optional<std::string> History::WhyNotAllowed(const kube::Pod& pod, const BindRecord& bind) const {
  const Duration lag = lag_of_ ? lag_of_(bind) : Duration(0);
  const bool was_allowed =
      truth_.WalkBack(runtime_.Now() - lag, [&](const Objects& then) { return !WhyIneligible(then, pod).has_value(); });
  if (!was_allowed) return WhyIneligible(truth_.objects(), pod);
  const bool was_able = truth_.WalkBack(runtime_.Now() - lag, [&](const Objects& then) {
    return std::any_of(then.nodes.begin(), then.nodes.end(), [&](const kube::Node& node) {
      return node.metadata.name == bind.node && IsVirtualNode(node) && SaysItCan(node, pod);
    });
  });
  if (was_able) return std::nullopt;
  return fmt::format("{} is no virtual node that says it can run it", bind.node);
}

std::vector<std::string> History::LeftBehind(Duration span) const {
  std::vector<std::string> lines;
  for (const kube::Pod& pod : truth_.objects().pods) {
    if (!IsWaiting(pod) || WhyIneligible(truth_.objects(), pod)) continue;
    const bool had_a_reason = truth_.WalkBack(runtime_.Now() - span, [&](const Objects& then) {
      const auto same = std::find_if(then.pods.begin(), then.pods.end(),
                                     [&](const kube::Pod& other) { return other.metadata.uid == pod.metadata.uid; });
      return same == then.pods.end() || !IsWaiting(*same) || !OughtToMove(then, *same);
    });
    if (!had_a_reason)
      lines.push_back(fmt::format("{} has fitted no real node for {} and was not moved", pod.metadata.Key(),
                                  base::FormatDuration(span)));
  }
  return lines;
}

}  // namespace spillway::simulation
