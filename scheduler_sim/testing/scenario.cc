#include "scheduler_sim/testing/scenario.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "scheduler_sim/testing/scenario_fields.h"

namespace spillway::sim::testing {
namespace {

// "p[1..3]" is p1, p2, p3.
std::vector<std::string> Expand(const std::string& name) {
  const std::size_t open = name.find('[');
  if (open == std::string::npos) return {name};
  const std::size_t dots = name.find("..", open);
  const int first = std::stoi(name.substr(open + 1)), last = std::stoi(name.substr(dots + 2));
  std::vector<std::string> names;
  for (int i = first; i <= last; ++i) names.push_back(name.substr(0, open) + std::to_string(i));
  return names;
}

void ReadLine(Scenario& scenario, const std::string& line) {
  std::istringstream words(line);
  std::string kind, name;
  if (!(words >> kind) || kind[0] == '#') return;
  if (!(words >> name)) throw std::invalid_argument("needs a name");
  std::vector<std::string> fields;
  for (std::string field; words >> field && field[0] != '#';) fields.push_back(field);
  for (const std::string& each : Expand(name)) {
    if (kind == "node" || kind == "virtual") {
      scenario.nodes.push_back(MakeNode(each, kind == "virtual", fields));
    } else if (kind == "pod") {
      scenario.pods.push_back(MakePod(each, fields));
    } else {
      throw std::invalid_argument("\"" + kind + "\" is no kind of object");
    }
  }
}

}  // namespace

Scenario::Scenario(std::string_view text, ClusterOptions options) : cluster(std::move(options)) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    try {
      ReadLine(*this, line);
    } catch (const std::logic_error& error) {
      throw std::invalid_argument("scenario line \"" + line + "\": " + error.what());
    }
  }
  for (const kube::Node& each : nodes) cluster.Upsert(each);
  for (const kube::Pod& each : pods) cluster.Upsert(each);
}

PodIndex Scenario::pod(std::string_view name) const { return cluster.FindPod(name).value(); }
NodeIndex Scenario::node(std::string_view name) const { return cluster.FindNode(name).value(); }
std::vector<PodIndex> Scenario::waiting() const { return InQueueOrder(cluster, cluster.pending()); }

Fates Judge(std::string_view text, ClusterOptions options) {
  const Scenario scenario(text, std::move(options));
  const Packing packing = Pack(scenario.cluster, scenario.waiting(), NodeDomain::kReal);
  std::map<PodIndex, std::string> names;
  for (const kube::Pod& each : scenario.pods) {
    if (!each.is_terminal()) names[scenario.pod(each.metadata.uid)] = each.metadata.name;
  }

  Fates fates;
  std::vector<PodIndex> nowhere;
  for (const Packing::Entry& entry : packing.entries()) {
    Fate& fate = fates[names[entry.pod]];
    fate.verdict = entry.verdict;
    fate.message = entry.verdict.undecidable;
    if (entry.verdict.kind == Verdict::Kind::kFits) fate.node = scenario.cluster.node(entry.verdict.node).name;
    if (entry.verdict.kind != Verdict::Kind::kNowhere) continue;
    fate.message = entry.verdict.why_not->SchedulerMessage();
    nowhere.push_back(entry.pod);
  }
  for (const Placement& placement : Spread(scenario.cluster, nowhere, {})) {
    Fate& fate = fates[names[placement.pod]];
    fate.why = placement.why;
    fate.overflowed = placement.node.has_value();
    if (placement.node) fate.node = scenario.cluster.node(*placement.node).name;
  }
  return fates;
}

std::string MessageFor(std::string_view text, ClusterOptions options) {
  const Scenario scenario(text, std::move(options));
  const std::vector<PodIndex> waiting = scenario.waiting();
  if (waiting.size() != 1) throw std::invalid_argument("one Pod must wait");
  const Verdict verdict = Judge(scenario.cluster, waiting.front(), NodeDomain::kAll);
  if (verdict.kind == Verdict::Kind::kUndecidable) return verdict.undecidable;
  return verdict.kind == Verdict::Kind::kFits ? "" : verdict.why_not->SchedulerMessage();
}

}  // namespace spillway::sim::testing
