#include "scheduler_sim/explain.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "scheduler_sim/judgement.h"
#include "scheduler_sim/lost_nodes.h"

namespace spillway::sim {
namespace {

std::vector<Objection> ObjectionsTo(const Question& question, NodeIndex node) {
  std::vector<Objection> all;
  for (const Filter* filter : question.profile().chain.filters) {
    if (filter->Admits(question, node)) continue;
    for (Objection& objection : filter->Object(question, node)) {
      objection.filter = filter->name();
      all.push_back(std::move(objection));
    }
  }
  return all;
}

// Asks about nodes one by one, with the nominated Pods that wait there where it is they that keep the Pod out.
class Inquiry {
 public:
  Inquiry(const Cluster::Model& model, PodIndex pod)
      : question_{model, model.usage, model.pod_class(model.pod(pod).pod_class)},
        ahead_(NominatedAhead(model, model.nominated, pod)) {
    if (!ahead_.empty()) with_nominated_ = model.usage;
  }

  NodeExplanation Explain(NodeReport report) {
    const NodeIndex node = report.node;
    NodeExplanation explanation{.report = std::move(report), .objections = {}};
    if (explanation.report.filter.empty()) return explanation;
    for (const NominatedAt& at : ahead_) {
      if (at.node != node) continue;
      ChangeNominated(question_, at, 1, with_nominated_);
      explanation.objections = ObjectionsTo({question_.model, with_nominated_, question_.pod}, node);
      ChangeNominated(question_, at, -1, with_nominated_);
      explanation.counts_nominated = !explanation.objections.empty();
    }
    if (explanation.objections.empty()) explanation.objections = ObjectionsTo(question_, node);
    NameWhatLeftItOut(explanation);
    return explanation;
  }

 private:
  // A PreFilter result excluded the node; what the filters would have said all the same comes after it.
  static void NameWhatLeftItOut(NodeExplanation& explanation) {
    const NodeReport& report = explanation.report;
    auto& objections = explanation.objections;
    if (!objections.empty() && objections.front().filter == report.filter) return;
    std::vector<Objection> first;
    for (const std::string& reason : report.reasons) {
      first.push_back({.filter = report.filter, .reason = reason, .subject = reason});
    }
    objections.insert(objections.begin(), first.begin(), first.end());
  }

  Question question_;
  std::vector<NominatedAt> ahead_;
  Usage with_nominated_;
};

std::int64_t DistanceOf(const NodeExplanation& node) {
  std::int64_t distance = 0;
  for (const Objection& objection : node.objections) distance += objection.distance;
  return distance;
}

bool IsReal(const Cluster& cluster, const NodeExplanation& node) {
  return cluster.node(node.report.node).role == NodeRole::kReal;
}

std::vector<std::string> StepsFor(const NodeExplanation& node) {
  std::vector<std::string> steps;
  for (const Objection& objection : node.objections) {
    if (objection.remedy.empty()) return {};
    if (std::find(steps.begin(), steps.end(), objection.remedy) == steps.end()) steps.push_back(objection.remedy);
  }
  return steps;
}

}  // namespace

PodExplanation ExplainPod(const Cluster& cluster, PodIndex pod) {
  PodExplanation explanation;
  explanation.verdict = Judge(cluster, pod, NodeDomain::kReal);
  if (explanation.verdict.kind == Verdict::Kind::kNowhere) {
    const Verdict everywhere = Judge(cluster, pod, NodeDomain::kAll);
    if (everywhere.why_not) explanation.message = everywhere.why_not->SchedulerMessage();
    explanation.rejected = everywhere.why_not && !everywhere.why_not->rejection.empty();
  }
  const Cluster::Model& model = cluster.model();
  const Question question{model, model.usage, model.pod_class(model.pod(pod).pod_class)};
  explanation.lost = OutagesOf(question, LostNodes(question, model.real));
  Inquiry inquiry(model, pod);
  for (NodeReport& report : ReportNodes(cluster, pod)) {
    explanation.nodes.push_back(inquiry.Explain(std::move(report)));
  }
  return explanation;
}

std::vector<NodeGroup> GroupNodes(const Cluster& cluster, const PodExplanation& explanation) {
  using Key = std::tuple<NodeRole, std::string, std::vector<std::string>, std::vector<std::string>>;
  std::map<Key, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < explanation.nodes.size(); ++i) {
    const NodeExplanation& node = explanation.nodes[i];
    std::vector<std::string> subjects;
    for (const Objection& objection : node.objections) {
      if (objection.filter == node.report.filter) subjects.push_back(objection.subject);
    }
    members[{cluster.node(node.report.node).role, node.report.filter, node.report.reasons, std::move(subjects)}]
        .push_back(i);
  }
  std::vector<NodeGroup> groups;
  for (auto& [key, nodes] : members) {
    const auto closer = [&](std::size_t a, std::size_t b) {
      const NodeExplanation &one = explanation.nodes[a], &other = explanation.nodes[b];
      return std::tuple(one.objections.size(), DistanceOf(one), a) <
             std::tuple(other.objections.size(), DistanceOf(other), b);
    };
    std::sort(nodes.begin(), nodes.end(), closer);
    const auto& [role, filter, reasons, subjects] = key;
    groups.push_back({role, filter, reasons, subjects, std::move(nodes)});
  }
  std::stable_sort(groups.begin(), groups.end(), [](const NodeGroup& a, const NodeGroup& b) {
    return std::tuple(!a.filter.empty(), b.members.size()) < std::tuple(!b.filter.empty(), a.members.size());
  });
  return groups;
}

std::vector<Change> SmallestChanges(const Cluster& cluster, const PodExplanation& explanation, std::size_t at_most) {
  struct Kind {
    Change change;
    std::int64_t distance = 0;
    std::size_t all = 0;
  };
  std::map<std::vector<std::string>, Kind> kinds;  // by what stands in the way
  for (const NodeExplanation& node : explanation.nodes) {
    if (node.report.filter.empty() || !IsReal(cluster, node)) continue;
    std::vector<std::string> steps = StepsFor(node);
    if (steps.empty()) continue;
    std::vector<std::string> subjects;
    for (const Objection& objection : node.objections) subjects.push_back(objection.subject);
    Kind& kind = kinds[std::move(subjects)];
    ++kind.all;
    const std::int64_t distance = DistanceOf(node);
    if (kind.change.nodes.empty() || distance < kind.distance) {
      kind.change.nodes.clear();
      kind.change.steps = std::move(steps);
      kind.distance = distance;
    } else if (distance > kind.distance || steps != kind.change.steps) {
      continue;
    }
    kind.change.nodes.push_back(node.report.node);
  }
  std::vector<Kind> sorted;
  for (auto& [subjects, kind] : kinds) {
    kind.change.others = kind.all - kind.change.nodes.size();
    sorted.push_back(std::move(kind));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Kind& a, const Kind& b) {
    return std::tuple(a.change.steps.size(), a.distance, b.change.nodes.size()) <
           std::tuple(b.change.steps.size(), b.distance, a.change.nodes.size());
  });
  std::vector<Change> changes;
  for (std::size_t i = 0; i < std::min(at_most, sorted.size()); ++i) changes.push_back(std::move(sorted[i].change));
  return changes;
}

}  // namespace spillway::sim
