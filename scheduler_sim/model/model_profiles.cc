#include <algorithm>

#include "scheduler_sim/filter.h"
#include "scheduler_sim/model/model.h"
#include "scheduler_sim/model/undecidable.h"

// kube-scheduler's profiles, and which one a Pod belongs to.

namespace spillway::sim {

bool Profile::IsIgnored(std::string_view resource) const {
  const auto has = [](const std::vector<std::string>& list, std::string_view item) {
    return std::find(list.begin(), list.end(), item) != list.end();
  };
  if (!IsExtendedResource(resource)) return false;
  return has(ignored_resources, resource) || has(ignored_resource_groups, resource.substr(0, resource.find('/')));
}

void Cluster::Model::AddProfile(const SchedulerProfile& given) {
  Profile profile;
  profile.scheduler_name = given.scheduler_name;
  profile.chain = ChainOf(given, semantics);
  profile.added_affinity = AcquireRule({}, given.added_affinity);
  profile.ignored_resources = given.ignored_resources;
  profile.ignored_resource_groups = given.ignored_resource_groups;
  const auto& filters = profile.chain.filters;
  if (std::any_of(filters.begin(), filters.end(),
                  [](const Filter* each) { return each->name() == "PodTopologySpread"; })) {
    profile.default_spread = given.default_constraints;
    std::erase_if(profile.default_spread, [](const auto& constraint) { return !constraint.do_not_schedule; });
  }
  profiles.push_back(std::move(profile));
}

std::string Cluster::Model::ChooseProfile(const kube::Pod& pod, PodClass& made) const {
  const std::string_view name = SchedulerNameOf(pod);
  const auto found = std::find_if(profiles.begin(), profiles.end(),
                                  [&](const Profile& profile) { return profile.scheduler_name == name; });
  if (found == profiles.end()) {
    return "it is for the scheduler " + std::string(name) + " to place, of which no configuration is known";
  }
  made.profile = static_cast<std::uint32_t>(found - profiles.begin());
  for (const Extender& extender : options.scheduler.extenders) {
    if (made.asks.empty() && extender.IsAskedAbout(pod)) made.asks = extender.url;
  }
  return found->chain.undecidable;
}

const std::string& Cluster::Model::undecidable(const PodClass& of) const {
  if (!of.undecidable.empty()) return of.undecidable;
  if (!storage.unknown.empty() && volumes_of(of) != nullptr) return storage.unknown;
  return of.undecidable;
}

// ---- default spread constraints

// Source: kube-scheduler podtopologyspread/common.go buildDefaultConstraints. What matchLabelKeys adds to a selector is
// lost there, because the selector is replaced afterwards.
void Cluster::Model::AddDefaultSpread(const ControllerName& controller, IdentityId identity, PodClass& made) {
  const Profile& profile = profiles[made.profile];
  if (profile.default_spread.empty()) return;
  if (const auto missing = selectors.Missing(controller)) {
    if (made.undecidable.empty()) {
      made.undecidable = "the default spread constraints of its scheduler, " + profile.scheduler_name +
                         ", go by what selects it, and no " + ResourceOf(*missing) + " are known";
    }
    return;
  }
  const kube::LabelSelector selector =
      selectors.For(std::string(NamespaceOf(identity)), LabelsOf(identity), controller);
  if (selector.match_labels.empty() && selector.match_expressions.empty()) return;
  std::vector<kube::TopologySpreadConstraint> constraints = profile.default_spread;
  for (kube::TopologySpreadConstraint& constraint : constraints) {
    constraint.label_selector = selector;
    constraint.match_label_keys.clear();
  }
  AddSpread(constraints, identity, made);
}

void Cluster::Model::NoteSpreadByDefault(PodIndex index, const kube::Pod& pod) {
  const PodRecord& record = pods[index.value()];
  if (!record.pod_class.valid() || !pod.topology_spread.empty() ||
      profiles[classes[record.pod_class.value()].profile].default_spread.empty()) {
    spread_by_default.erase(index);
    return;
  }
  PodClass ignored;
  std::string undecidable = ChooseProfile(pod, ignored);
  if (undecidable.empty()) undecidable = WhyUndecidable(pod);
  spread_by_default[index] = {ControllerOf(pod), std::move(undecidable)};
}

void Cluster::Model::Respread(PodIndex index, const SpreadByDefault& by) {
  PodRecord& record = pods[index.value()];
  PodClass next = classes[record.pod_class.value()];
  next.spread.clear();
  next.undecidable = by.undecidable;
  AddReferences(next);
  AddDefaultSpread(by.controller, record.identity, next);
  const ClassIndex before = record.pod_class;
  record.pod_class = AcquireClass(std::move(next));
  if (record.pod_class != before) {
    queue_changes.Add(index);
    Loosened();
  }
  Release(before);
}

void Cluster::Model::Respread(SelectingKind kind, const DefaultSelectors::Change& change) {
  for (const auto& [index, by] : spread_by_default) {
    const IdentityId identity = pods[index.value()].identity;
    if (NamespaceOf(identity) == change.ns &&
        DefaultSelectors::Concerns(kind, change, LabelsOf(identity), by.controller)) {
      Respread(index, by);
    }
  }
}

void Cluster::Model::RespreadAll() {
  for (const auto& [index, by] : spread_by_default) Respread(index, by);
}

}  // namespace spillway::sim
