#include "scheduler_sim/filters/node_declared_features.h"

#include <algorithm>

namespace spillway::sim {
namespace {

constexpr std::string_view kFeaturesMissing = "node(s) didn't match Pod's required features";

}  // namespace

void NodeDeclaredFeatures::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  if (question.pod.required_features.empty()) return;
  std::int64_t rejected = 0;
  alive.ForEach([&](NodeIndex node) {
    if (Admits(question, node)) return;
    alive.Remove(node);
    ++rejected;
  });
  tally.Add(kFeaturesMissing, rejected);
}

bool NodeDeclaredFeatures::Admits(const Question& question, NodeIndex node) const {
  const std::vector<std::string>& declared = question.model.node(node).declared_features;
  return std::all_of(question.pod.required_features.begin(), question.pod.required_features.end(),
                     [&](const std::string& feature) {
                       return std::find(declared.begin(), declared.end(), feature) != declared.end();
                     });
}

std::vector<std::string> NodeDeclaredFeatures::Explain(const Question&, NodeIndex) const {
  return {std::string(kFeaturesMissing)};
}

std::vector<Objection> NodeDeclaredFeatures::Object(const Question& question, NodeIndex node) const {
  const std::vector<std::string>& declared = question.model.node(node).declared_features;
  std::vector<Objection> objections;
  for (const std::string& feature : question.pod.required_features) {
    if (std::find(declared.begin(), declared.end(), feature) != declared.end()) continue;
    objections.push_back({.reason = std::string(kFeaturesMissing),
                          .subject = "feature " + feature,
                          .detail = "it does not declare " + feature});
  }
  return objections;
}

}  // namespace spillway::sim
