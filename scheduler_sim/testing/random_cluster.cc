#include "scheduler_sim/testing/random_cluster.h"

#include <algorithm>
#include <array>

#include "scheduler_sim/testing/draw.h"
#include "scheduler_sim/testing/scenario_fields.h"

namespace spillway::sim::testing {
namespace {

constexpr std::array<const char*, 3> kApps = {"web", "db", "cache"};
constexpr std::array<const char*, 5> kOutages = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable",
                                                 "node.kubernetes.io/disk-pressure", "node.kubernetes.io/unschedulable",
                                                 "node.cloudprovider.kubernetes.io/uninitialized"};
constexpr std::array<const char*, 3> kTopologies = {"zone", "kubernetes.io/hostname", "rack"};

kube::LabelSelector SelectorFrom(Draw& draw) {
  kube::LabelSelector selector;
  using Op = kube::LabelRequirement::Operator;
  switch (draw.Below(6)) {
    case 0:
      selector.match_labels = {{"app", draw.From(kApps)}};
      break;
    case 1:
      selector.match_expressions = {{"app", Op::kIn, {draw.From(kApps), draw.From(kApps)}}};
      break;
    case 2:
      selector.match_expressions = {{"app", Op::kNotIn, {draw.From(kApps)}}};
      break;
    case 3:
      selector.match_expressions = {{"tier", Op::kExists, {}}};
      break;
    case 4:
      selector.match_expressions = {{"tier", Op::kDoesNotExist, {}}};
      break;
    default:
      break;  // everything
  }
  return selector;
}

kube::LabelSelector NamespaceSelectorFrom(Draw& draw) {
  kube::LabelSelector selector;
  using Op = kube::LabelRequirement::Operator;
  switch (draw.Below(4)) {
    case 0:
      break;  // everything
    case 1:
      selector.match_labels = {{"team", "a"}};
      break;
    case 2:
      selector.match_expressions = {{"team", Op::kNotIn, {"a"}}};
      break;
    default:
      selector.match_expressions = {{"team", Op::kDoesNotExist, {}}};
      break;
  }
  return selector;
}

kube::PodAffinityTerm TermFrom(Draw& draw) {
  kube::PodAffinityTerm term;
  term.topology_key = draw.From(kTopologies);
  if (!draw.OneIn(12)) term.label_selector = SelectorFrom(draw);
  if (draw.OneIn(4)) term.namespaces = {draw.From(kNamespaces)};
  if (draw.OneIn(4)) term.namespace_selector = NamespaceSelectorFrom(draw);
  return term;
}

kube::TopologySpreadConstraint ConstraintFrom(Draw& draw) {
  kube::TopologySpreadConstraint constraint;
  constraint.topology_key = draw.From(kTopologies);
  constraint.max_skew = 1 + draw.Below(2);
  if (!draw.OneIn(12)) constraint.label_selector = SelectorFrom(draw);
  if (draw.OneIn(4)) constraint.min_domains = 1 + draw.Below(4);
  constraint.node_affinity_honor = !draw.OneIn(3);
  constraint.node_taints_honor = draw.OneIn(3);
  if (draw.OneIn(4)) constraint.match_label_keys = {draw.OneIn(2) ? "app" : "tier"};
  constraint.do_not_schedule = !draw.OneIn(6);
  return constraint;
}

void AddRequests(Draw& draw, std::vector<std::string>& fields) {
  switch (draw.Below(4)) {
    case 1:
      fields.push_back("cpu=" + std::to_string(500 * (1 + draw.Below(4))) + "m");
      break;
    case 2:
      fields.push_back("cpu=1");
      fields.push_back("mem=" + std::to_string(1 + draw.Below(4)) + "Gi");
      break;
    case 3:
      fields.push_back("example.com/gpu=" + std::to_string(draw.Below(3)));
      break;
    default:
      break;
  }
  if (draw.OneIn(8)) fields.push_back("eph=1Gi");
  if (draw.OneIn(8)) fields.push_back("sidecar=cpu:500m");
  if (draw.OneIn(8)) fields.push_back("init=cpu:2");
}

void AddDemands(Draw& draw, std::vector<std::string>& fields) {
  switch (draw.Below(10)) {
    case 1:
      fields.push_back("select=zone=z" + std::to_string(draw.Below(3)));
      break;
    case 2:
      fields.push_back("in=zone:z0|z1");
      break;
    case 3:
      fields.push_back("not-in=zone:z0");
      break;
    case 4:
      fields.push_back("pin=n" + std::to_string(draw.Below(6)));
      break;
    default:
      break;
  }
  switch (draw.Below(6)) {
    case 1:
      fields.push_back("tolerate=spot");
      break;
    case 2:
      fields.push_back("tolerate=all");
      break;
    default:
      break;
  }
  switch (draw.Below(10)) {
    case 1:
      fields.push_back("port=80");
      break;
    case 2:
      fields.push_back("port=127.0.0.1@80");
      break;
    case 3:
      fields.push_back("port=80/UDP");
      break;
    default:
      break;
  }
}

}  // namespace

kube::Node NodeFrom(int number, const Genes& genes) {
  Draw draw(genes);
  std::vector<std::string> fields = {"cpu=" + std::to_string(1 + draw.Below(4)),
                                     "mem=" + std::to_string(1 + draw.Below(8)) + "Gi",
                                     "pods=" + std::to_string(8 - draw.Below(9))};
  if (const int zone = draw.Below(6) % 4; zone != 3) fields.push_back("label=zone=z" + std::to_string(zone));
  if (draw.OneIn(3)) fields.push_back("label=rack=r" + std::to_string(draw.Below(2)));
  if (draw.OneIn(4)) fields.push_back("taint=spot:NoSchedule");
  if (draw.OneIn(8)) fields.push_back("taint=maintenance:NoExecute");
  if (draw.OneIn(8)) fields.push_back("taint=soft:PreferNoSchedule");
  if (draw.OneIn(8)) fields.push_back("cordoned");
  if (draw.OneIn(4)) fields.push_back("example.com/gpu=" + std::to_string(draw.Below(4)));
  if (draw.OneIn(4)) fields.push_back("eph=2Gi");
  const bool is_virtual = draw.OneIn(8);
  if (draw.OneIn(2)) fields.push_back("label=topology.kubernetes.io/zone=z" + std::to_string(draw.Below(3)));
  if (draw.OneIn(4))
    fields.push_back(std::string("taint=") + draw.From(kOutages) + (draw.OneIn(2) ? ":NoSchedule" : ":NoExecute"));
  if (draw.OneIn(16)) fields.push_back(std::string("taint=") + draw.From(kOutages) + ":NoSchedule");
  return MakeNode("n" + std::to_string(number), is_virtual, fields);
}

kube::Pod PodFrom(int number, const Genes& genes) {
  Draw draw(genes);
  std::vector<std::string> fields;
  const int place = draw.Below(12);  // pending, or on one of six nodes
  if (place >= 6) fields.push_back("on=n" + std::to_string(place - 6));
  fields.push_back(std::string("label=app=") + draw.From(kApps));
  if (draw.OneIn(3)) fields.push_back("label=tier=x");
  fields.push_back("ns=" + draw.From(kNamespaces));
  const int theme = draw.Below(4);  // what it is mostly about, so that rare features meet each other
  if (theme < 2) AddRequests(draw, fields);
  if (theme == 0 || draw.OneIn(3)) AddDemands(draw, fields);
  fields.push_back("prio=" + std::to_string(draw.Below(3)));
  if (place < 6 && draw.OneIn(10)) fields.push_back("nominated=n" + std::to_string(draw.Below(6)));
  if (draw.OneIn(10)) fields.push_back("terminating");
  if (draw.OneIn(16)) fields.push_back("phase=Succeeded");
  if (draw.OneIn(4)) fields.push_back("owner=ReplicaSet/" + draw.From(kApps));
  if (place < 6 && draw.OneIn(10)) fields.push_back("gated");
  kube::Pod pod = MakePod("p" + std::to_string(number), fields);
  for (int i = draw.Below(theme == 2 ? 3 : 8) - (theme == 2 ? 1 : 6); i > 0; --i) {
    pod.required_pod_affinity.push_back(TermFrom(draw));
  }
  for (int i = draw.Below(theme == 2 ? 3 : 8) - (theme == 2 ? 1 : 6); i > 0; --i) {
    pod.required_pod_anti_affinity.push_back(TermFrom(draw));
  }
  for (int i = draw.Below(theme == 3 ? 3 : 8) - (theme == 3 ? 0 : 6); i > 0; --i) {
    pod.topology_spread.push_back(ConstraintFrom(draw));
  }
  return pod;
}

kube::Namespace NamespaceFrom(int number, const Genes& genes) {
  Draw draw(genes);
  kube::Namespace ns;
  ns.metadata.name = ns.metadata.uid = kNamespaces[static_cast<std::size_t>(number % 3)];
  switch (draw.Below(3)) {
    case 1:
      ns.metadata.labels = {{"team", "a"}};
      break;
    case 2:
      ns.metadata.labels = {{"team", "b"}};
      break;
    default:
      break;
  }
  return ns;
}

namespace {

constexpr std::array<const char*, 8> kPlugins = {"NodeUnschedulable", "TaintToleration",  "NodeAffinity",
                                                 "NodePorts",         "NodeResourcesFit", "PodTopologySpread",
                                                 "InterPodAffinity",  "NodeName"};

SchedulerProfile ProfileFrom(Draw& draw) {
  SchedulerProfile profile;
  if (draw.OneIn(3)) profile.multi_point.disabled = {draw.From(kPlugins)};
  if (draw.OneIn(3)) profile.filter.disabled = {draw.From(kPlugins)};
  if (draw.OneIn(3)) {
    const std::string first = draw.From(kPlugins);
    if (!std::count(profile.multi_point.disabled.begin(), profile.multi_point.disabled.end(), first) &&
        !std::count(profile.filter.disabled.begin(), profile.filter.disabled.end(), first)) {
      profile.filter.enabled = {first};
    }
  }
  if (draw.OneIn(3)) {
    kube::NodeSelectorTerm term;
    term.match_expressions = {
        {"zone",
         draw.OneIn(2) ? kube::LabelRequirement::Operator::kNotIn : kube::LabelRequirement::Operator::kIn,
         {"z" + std::to_string(draw.Below(3)), "z0"}}};
    profile.added_affinity = kube::NodeSelector{{term}};
  }
  if (draw.OneIn(4)) profile.ignored_resources = {"example.com/gpu"};
  if (draw.OneIn(4)) profile.ignored_resource_groups = {"example.com"};
  for (int i = draw.Below(4) - 1; i > 0; --i) {
    profile.default_constraints.push_back(ConstraintFrom(draw));
    profile.default_constraints.back().label_selector.reset();
  }
  return profile;
}

}  // namespace

SchedulerConfig SchedulerFrom(const Genes& genes) {
  Draw draw(genes);
  SchedulerConfig config;
  config.profiles = {ProfileFrom(draw)};
  if (!draw.OneIn(4)) {
    config.profiles.push_back(ProfileFrom(draw));
    config.profiles.back().scheduler_name = "other";
  }
  if (draw.OneIn(8)) config.extenders = {{"https://extender", {}}};
  if (draw.OneIn(8)) config.extenders = {{"https://extender", {"example.com/gpu"}}};
  return config;
}

std::pair<SelectingKind, kube::SelectingObject> SelectingFrom(int number, const Genes& genes) {
  Draw draw(genes);
  const SelectingKind kind = number % 2 == 0 ? SelectingKind::kService : SelectingKind::kReplicaSet;
  kube::SelectingObject object;
  object.metadata.ns = kNamespaces[static_cast<std::size_t>(number / 2 % 3)];
  object.metadata.name = kApps[static_cast<std::size_t>(number / 6 % 3)];
  object.metadata.uid = std::to_string(static_cast<int>(kind)) + object.metadata.Key();
  if (draw.OneIn(8)) return {kind, object};
  object.selector.emplace();
  if (kind == SelectingKind::kReplicaSet) {
    object.selector = SelectorFrom(draw);
  } else if (!draw.OneIn(8)) {
    object.selector->match_labels = {{"app", draw.From(kApps)}};
  }
  return {kind, object};
}

}  // namespace spillway::sim::testing
