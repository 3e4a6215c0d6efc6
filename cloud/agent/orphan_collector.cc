#include "cloud/agent/orphan_collector.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"
#include "cloud/json.h"
#include "kube/paths.h"

namespace spillway::cloud {

OrphanCollector::OrphanCollector(AgentContext& context, std::function<bool(const Instance&)> owned)
    : context_(context), owned_(std::move(owned)), flows_(context.runtime) {}

void OrphanCollector::OnListing(const std::vector<Instance>& listed) {
  const Instant now = context_.runtime.Now();
  std::map<std::string, Suspect> still;
  std::vector<Instance> ripe;
  for (const Instance& instance : listed) {
    if (owned_(instance)) continue;
    const auto known = suspects_.find(instance.id);
    Suspect suspect = known == suspects_.end() ? Suspect{instance, now} : std::move(known->second);
    suspect.instance = instance;
    ++suspect.confirmations;
    const bool is_ripe = suspect.confirmations >= context_.options.orphan_confirmations &&
                         now - suspect.since >= context_.options.orphan_age;
    if (is_ripe && ripe.size() < static_cast<std::size_t>(context_.options.orphans_per_round)) ripe.push_back(instance);
    still.emplace(instance.id, std::move(suspect));
  }
  suspects_ = std::move(still);
  if (ripe.empty() || collecting_) return;
  collecting_ = true;
  flows_.Spawn(Collect(std::move(ripe)));
}

Task<bool> OrphanCollector::IsPodGone(InstanceIdentity identity) {
  const std::string path = kube::PodPath(identity.pod_namespace, identity.pod_name);
  Result<Json> pod = co_await context_.client.Get(path);
  if (!pod) co_return pod.error().code == Code::kNotFound;
  if (TextAt(*pod, "metadata", "uid") != identity.pod_uid) co_return true;
  // The Pod lives: its second instance is one too many all the same.
  co_return TextAt(*pod, "spec", "nodeName") == identity.node_name;
}

Task<void> OrphanCollector::Collect(std::vector<Instance> ripe) {
  for (const Instance& instance : ripe) {
    const bool is_gone = co_await IsPodGone(instance.identity);
    if (!is_gone || owned_(instance)) {  // it may have been adopted meanwhile
      suspects_.erase(instance.id);
      continue;
    }
    log::Warning("deleting an instance that no Pod stands behind",
                 {{"instance", instance.id},
                  {"pod", instance.identity.pod_namespace + "/" + instance.identity.pod_name},
                  {"uid", instance.identity.pod_uid}});
    const Instant since = context_.runtime.Now();
    const Status deleted = co_await context_.provider.Delete(instance.id, Duration(0));
    context_.observer.OnOperation("delete", deleted ? std::optional<Refusal>() : RefusalOf(deleted.error()),
                                  context_.runtime.Now() - since);
    if (!deleted) {
      log::Warning("cannot delete it", {{"instance", instance.id}, {"why", deleted.error().message}});
      continue;
    }
    context_.observer.OnOrphanDeleted();
    kube::Event event;
    event.regarding.kind = "Node";
    event.regarding.name = event.regarding.uid = context_.options.node_name;  // as kubelet does for node events
    event.type = kube::Event::Type::kWarning;
    event.reason = "InstanceLeaked";
    event.action = "CollectingOrphans";
    event.note = fmt::format("Deleted instance {}: its Pod {}/{} is gone", instance.id, instance.identity.pod_namespace,
                             instance.identity.pod_name);
    context_.events.Record(std::move(event));
  }
  collecting_ = false;
}

}  // namespace spillway::cloud
