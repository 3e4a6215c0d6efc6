#include "cloud/agent/orphan_collector.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/json.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {
constexpr Duration kOrphanPatience = 5min;  // for one that is still there: delete it again
// The node of another agent may be away for a moment, and its Pods with it.
constexpr Duration kForeignAge = 5min;
}  // namespace

OrphanCollector::OrphanCollector(AgentContext& context, std::function<bool(const Instance&)> owned)
    : context_(context), owned_(std::move(owned)), flows_(context.runtime) {}

bool OrphanCollector::IsOurs(const Instance& instance) const {
  return instance.identity.node_name == context_.options.node_name;
}

std::size_t OrphanCollector::suspects() const {
  return static_cast<std::size_t>(std::count_if(suspects_.begin(), suspects_.end(),
                                                [this](const auto& entry) { return IsOurs(entry.second.instance); }));
}

bool OrphanCollector::IsRipe(const Suspect& suspect) const {
  const Instant now = context_.runtime.Now();
  if (suspect.deleted) return now - *suspect.deleted >= kOrphanPatience;
  const Duration age = IsOurs(suspect.instance) ? context_.options.orphan_age : kForeignAge;
  return suspect.confirmations >= context_.options.orphan_confirmations && now - suspect.since >= age;
}

void OrphanCollector::OnListing(const std::vector<Instance>& listed) {
  const Instant now = context_.runtime.Now();
  std::map<std::string, Suspect> still;
  std::vector<Instance> ripe;
  for (const Instance& instance : listed) {
    if (owned_(instance)) continue;
    const auto known = suspects_.find(instance.id);
    Suspect suspect = known == suspects_.end() ? Suspect{instance, now, 0, std::nullopt} : std::move(known->second);
    suspect.instance = instance;
    ++suspect.confirmations;
    const bool has_room = ripe.size() < static_cast<std::size_t>(context_.options.orphans_per_round);
    if (has_room && IsRipe(suspect)) ripe.push_back(instance);
    still.emplace(instance.id, std::move(suspect));
  }
  suspects_ = std::move(still);
  if (ripe.empty() || collecting_) return;
  collecting_ = true;
  flows_.Spawn(Collect(std::move(ripe)));
}

Task<bool> OrphanCollector::IsNodeGone(std::string node_name) {
  if (node_name == context_.options.node_name) co_return true;
  const Result<Json> node = co_await context_.api.reads().Get(kube::NodePath(node_name));
  co_return !node && node.error().code == Code::kNotFound;
}

Task<bool> OrphanCollector::IsPodGone(InstanceIdentity identity) {
  if (identity.pod_name.empty()) co_return false;  // it does not tell whose it is
  const std::string path = kube::PodPath(identity.pod_namespace, identity.pod_name);
  Result<Json> pod = co_await context_.api.reads().Get(path);
  if (!pod) co_return pod.error().code == Code::kNotFound;
  if (TextAt(*pod, "metadata", "uid") != identity.pod_uid) co_return true;
  // The Pod lives: its second instance is one too many all the same, if the first is ours to know of.
  co_return identity.node_name == context_.options.node_name&& TextAt(*pod, "spec", "nodeName") == identity.node_name;
}

Task<void> OrphanCollector::Collect(std::vector<Instance> ripe) {
  for (const Instance& instance : ripe) {
    bool is_orphan = co_await IsNodeGone(instance.identity.node_name);
    if (is_orphan) is_orphan = co_await IsPodGone(instance.identity);
    if (is_orphan && !owned_(instance)) {  // it may have been adopted meanwhile
      co_await Delete(instance);
    } else {
      suspects_.erase(instance.id);
    }
  }
  collecting_ = false;
}

Task<void> OrphanCollector::Delete(Instance instance) {
  const std::string pod = instance.identity.pod_namespace + "/" + instance.identity.pod_name;
  log::Warning("deleting an instance that no Pod stands behind",
               {{"instance", instance.id}, {"pod", pod}, {"uid", instance.identity.pod_uid}});
  const Instant since = context_.runtime.Now();
  const CloudStatus deleted = co_await context_.provider.Delete(instance.id, Duration(0));
  const bool is_done = deleted || deleted.error().error.code == Code::kNotFound;
  context_.observer.OnOperation("delete", is_done ? std::optional<Refusal>() : deleted.error().refusal,
                                context_.runtime.Now() - since);
  if (!is_done) {
    Tell("InstanceDeleteFailed", fmt::format("Cannot delete instance {}, whose Pod {} is gone: {}", instance.id, pod,
                                             ToString(deleted.error())));
    log::Warning("cannot delete it", {{"instance", instance.id}, {"why", ToString(deleted.error())}});
    co_return;
  }
  const auto suspect = suspects_.find(instance.id);
  const bool is_first = suspect == suspects_.end() || !suspect->second.deleted;
  if (suspect != suspects_.end()) suspect->second.deleted = context_.runtime.Now();
  if (!is_first) co_return;
  context_.observer.OnOrphanDeleted();
  Tell("InstanceLeaked", fmt::format("Deleted instance {}: its Pod {} is gone", instance.id, pod));
}

void OrphanCollector::Tell(const char* reason, std::string note) {
  kube::Event event;
  event.regarding.kind = "Node";
  event.regarding.name = event.regarding.uid = context_.options.node_name;  // as kubelet does for node events
  event.type = kube::Event::Type::kWarning;
  event.reason = reason;
  event.action = "CollectingOrphans";
  event.note = std::move(note);
  context_.events.Record(std::move(event));
}

}  // namespace spillway::cloud
