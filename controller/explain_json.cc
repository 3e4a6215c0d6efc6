#include "controller/explain_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/policy/pod_annotations.h"
#include "scheduler_sim/explain.h"
#include "scheduler_sim/spread_balancer.h"

namespace spillway::controller {
namespace {

using Json = nlohmann::ordered_json;
using Kind = sim::Verdict::Kind;

constexpr std::size_t kExamples = 5;  // of a group, by name
constexpr std::size_t kChanges = 5;

std::string_view StateOf(const kube::Pod& pod) {
  if (pod.is_terminal()) return "ended";
  return pod.is_bound() ? "bound" : "pending";
}

Json ToJson(const sim::Objection& objection) {
  Json json = {{"filter", objection.filter}, {"reason", objection.reason}, {"about", objection.subject}};
  if (!objection.detail.empty()) json["detail"] = objection.detail;
  if (!objection.remedy.empty()) json["remedy"] = objection.remedy;
  if (objection.shortage) {
    const sim::Shortage& of = *objection.shortage;
    json["shortage"] = {{"resource", of.resource},
                        {"requested", of.requested},
                        {"allocatable", of.allocatable},
                        {"free", of.free},
                        {"pods", of.pods}};
  }
  return json;
}

Json ToJson(const sim::Cluster& cluster, const sim::NodeExplanation& node) {
  const sim::NodeView view = cluster.node(node.report.node);
  Json json = {{"node", view.name}, {"virtual", view.role == sim::NodeRole::kVirtual}, {"filter", node.report.filter}};
  if (node.counts_nominated) json["countsNominated"] = true;
  auto objections = Json::array();
  for (const sim::Objection& objection : node.objections) objections.push_back(ToJson(objection));
  json["objections"] = std::move(objections);
  return json;
}

Json ToJson(const sim::Cluster& cluster, const sim::PodExplanation& explanation, const sim::NodeGroup& group) {
  auto examples = Json::array();
  for (std::size_t i = 0; i < std::min(kExamples, group.members.size()); ++i) {
    examples.push_back(cluster.node(explanation.nodes[group.members[i]].report.node).name);
  }
  Json json = {{"nodes", group.members.size()}, {"virtual", group.role == sim::NodeRole::kVirtual},
               {"filter", group.filter},        {"reasons", group.reasons},
               {"about", group.subjects},       {"examples", std::move(examples)}};
  if (!group.filter.empty()) json["closest"] = ToJson(cluster, explanation.nodes[group.members.front()]);
  return json;
}

Json ToJson(const sim::Cluster& cluster, const sim::Change& change) {
  auto examples = Json::array();
  for (std::size_t i = 0; i < std::min(kExamples, change.nodes.size()); ++i) {
    examples.push_back(cluster.node(change.nodes[i]).name);
  }
  return {{"steps", change.steps},
          {"nodes", change.nodes.size()},
          {"examples", std::move(examples)},
          {"others", change.others}};
}

// Where the balancer would put the Pod, if it went.
Json PlacementJson(const sim::Cluster& cluster, sim::PodIndex pod, const ExplainOptions& options) {
  sim::SpreadOptions spread;
  if (!options.overflow_taints.empty()) spread.overflow_taints = options.overflow_taints;
  const std::vector<sim::Placement> placed = sim::Spread(cluster, std::vector{pod}, spread);
  Json json = Json::object();
  if (placed.front().node) json["node"] = cluster.node(*placed.front().node).name;
  json["why"] = placed.front().why;
  return json;
}

void CopyAnnotation(const kube::Pod& pod, std::string_view key, Json& to, const char* name) {
  const std::string* value = kube::Find(pod.metadata.annotations, key);
  if (value != nullptr) to[name] = *value;
}

}  // namespace

Json DescribePod(const sim::Cluster& cluster, const kube::Pod& pod) {
  Json json = {
      {"namespace", pod.metadata.ns}, {"name", pod.metadata.name}, {"uid", pod.metadata.uid}, {"state", StateOf(pod)}};
  if (!pod.is_bound()) return json;
  const auto node = cluster.FindNode(pod.node_name);
  const bool is_virtual = node && cluster.node(*node).role == sim::NodeRole::kVirtual;
  json["node"] = pod.node_name;
  json["nodeRole"] = !node ? "unknown" : is_virtual ? "virtual" : "real";
  Json bound = Json::object();
  CopyAnnotation(pod, kDecisionId, bound, "id");
  CopyAnnotation(pod, kDecidedAt, bound, "at");
  CopyAnnotation(pod, kReason, bound, "why");
  CopyAnnotation(pod, kBoundTo, bound, "node");
  if (!bound.empty()) json["overflow"] = std::move(bound);
  return json;
}

Json ExplainPending(const sim::Cluster& cluster, const kube::Pod& pod, sim::PodIndex index, std::string undecidable,
                    const ExplainOptions& options) {
  const sim::PodExplanation explanation = sim::ExplainPod(cluster, index);
  const Kind kind = undecidable.empty() ? explanation.verdict.kind : Kind::kUndecidable;
  Json json = DescribePod(cluster, pod);
  json["verdict"] = sim::WordOf(kind);
  if (kind == Kind::kUndecidable) {
    json["why"] = undecidable.empty() ? explanation.verdict.undecidable : undecidable;
  }
  if (kind == Kind::kFits) json["fitsOn"] = cluster.node(explanation.verdict.node).name;
  if (!explanation.message.empty()) json["message"] = explanation.message;
  json["realNodes"] = cluster.node_count(sim::NodeDomain::kReal);
  json["allNodes"] = cluster.node_count(sim::NodeDomain::kAll);
  auto lost = Json::array();
  for (const sim::ReasonCount& outage : explanation.lost) {
    lost.push_back({{"nodes", static_cast<std::uint64_t>(outage.nodes)}, {"are", outage.reason}});
  }
  json["lost"] = std::move(lost);
  auto groups = Json::array();
  for (const sim::NodeGroup& group : sim::GroupNodes(cluster, explanation)) {
    groups.push_back(ToJson(cluster, explanation, group));
  }
  json["groups"] = std::move(groups);
  auto changes = Json::array();
  if (kind == Kind::kNowhere) {
    for (const sim::Change& change : sim::SmallestChanges(cluster, explanation, kChanges)) {
      changes.push_back(ToJson(cluster, change));
    }
    json["placement"] = PlacementJson(cluster, index, options);
  }
  json["changes"] = std::move(changes);
  if (options.detail == ExplainDetail::kAllNodes) {
    auto nodes = Json::array();
    for (const sim::NodeExplanation& node : explanation.nodes) nodes.push_back(ToJson(cluster, node));
    json["nodes"] = std::move(nodes);
  }
  return json;
}

}  // namespace spillway::controller
