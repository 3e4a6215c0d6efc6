#include "tests/simulation/history.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "scheduler_sim/packing.h"
#include "scheduler_sim/verdict.h"

namespace spillway::simulation {

using sandbox::Json;

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

History::History(Runtime& runtime, sandbox::Store& store) : runtime_(runtime), truth_(sim::ClusterOptions{}) {
  for (const char* resource : {"nodes", "namespaces", "pods"})
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
  const bool gone = change.type == sandbox::Change::Type::kDeleted;
  if (source.kind.plural == "pods") return ApplyPod(change);
  if (source.kind.plural == "nodes") {
    if (gone) return truth_.RemoveNode(change.object->uid);
    if (auto node = decoder_.Decode<kube::Node>(change.object->json)) truth_.Upsert(*node);
    return;
  }
  if (gone) return truth_.RemoveNamespace(change.object->uid);
  if (auto ns = decoder_.Decode<kube::Namespace>(change.object->json)) truth_.Upsert(*ns);
}

void History::ApplyPod(const sandbox::Change& change) {
  const std::string& uid = change.object->uid;
  if (change.type == sandbox::Change::Type::kDeleted) {
    waiting_.erase(uid);
    return truth_.RemovePod(uid);
  }
  const auto pod = decoder_.Decode<kube::Pod>(change.object->json);
  if (!pod) return;
  if (change.before && change.before->uid == uid) {
    const auto before = decoder_.Decode<kube::Pod>(change.before->json);
    if (before && before->node_name != pod->node_name) OnBind(*before, *pod, Json::parse(change.object->json));
    if (before && !before->is_terminal() && pod->phase == kube::PodPhase::kFailed) {
      const std::string reason = sandbox::Text(Json::parse(change.object->json), {"status", "reason"});
      if (reason.starts_with("OutOf")) ++rejected_;
    }
  }
  const bool waits = !pod->is_bound() && !pod->is_terminal() && !pod->is_terminating() && !pod->has_scheduling_gates &&
                     pod->scheduler_name == "default-scheduler";
  if (waits) {
    waiting_[uid] = pod->priority;
  } else {
    waiting_.erase(uid);
  }
  truth_.Upsert(*pod);
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
  record.when = runtime_.Now();
  const auto node = truth_.FindNode(after.node_name);
  record.onto_virtual = node && truth_.node(*node).role == sim::NodeRole::kVirtual;
  binds_.push_back(record);
  if (record.decision.empty()) return;
  if (const auto why = WhyItFits(before)) moved_that_fits_.push_back(fmt::format("{}: {}", key, *why));
  if (const auto why = WhyIneligible(before, bound)) moved_ineligible_.push_back(fmt::format("{}: {}", key, *why));
  if (!record.onto_virtual)
    moved_ineligible_.push_back(fmt::format("{} was bound to {}, which is no virtual node", key, after.node_name));
}

// A Pod may be moved if no real node would take it even alone; or if those that do are needed for Pods waiting beside
// it, each of which kube-scheduler might place first.
std::optional<std::string> History::WhyItFits(const kube::Pod& pod) const {
  const auto self = truth_.FindPod(pod.metadata.uid);
  if (!self) return "the store did not know it";
  const sim::Verdict alone = sim::Judge(truth_, *self, sim::NodeDomain::kReal);
  if (alone.kind == sim::Verdict::Kind::kNowhere) return std::nullopt;
  if (alone.kind == sim::Verdict::Kind::kUndecidable) return "nobody can tell whether it fits: " + alone.undecidable;

  std::vector<sim::PodIndex> ahead, behind;
  for (const auto& [uid, priority] : waiting_) {
    const auto index = truth_.FindPod(uid);
    if (index && *index != *self) (priority >= pod.priority ? ahead : behind).push_back(*index);
  }
  std::vector<sim::PodIndex> order = sim::InQueueOrder(truth_, std::move(ahead));
  const std::size_t place = order.size();
  order.push_back(*self);
  const sim::Packing packing = sim::Pack(truth_, order, sim::NodeDomain::kReal);
  for (const sim::Packing::Entry& entry : packing.entries()) {
    if (entry.pod == *self && entry.verdict.kind == sim::Verdict::Kind::kNowhere) return std::nullopt;
  }
  return fmt::format("real node {} would have taken it, after the {} Pods waiting ahead of it and before {} behind it",
                     truth_.node(alone.node).name, place, behind.size());
}

std::optional<std::string> History::WhyIneligible(const kube::Pod& pod, const Json& object) const {
  if (pod.has_scheduling_gates) return "it had scheduling gates";
  if (pod.is_terminating()) return "it was terminating";
  if (!pod.nominated_node_name.empty()) return "it was nominated to " + pod.nominated_node_name;
  if (pod.scheduler_name != "default-scheduler") return "its scheduler is " + pod.scheduler_name;
  if (pod.metadata.ns == "kube-system") return "its namespace is excluded";
  const kube::OwnerReference* owner = pod.metadata.Controller();
  if (owner != nullptr && owner->kind == "DaemonSet") return "it belongs to a DaemonSet";
  if (sandbox::Text(object, {"metadata", "annotations", "spillway.io/overflow"}) == "false") return "it had opted out";
  return std::nullopt;
}

}  // namespace spillway::simulation
