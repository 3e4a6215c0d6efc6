#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cmd/simulate/simulation.h"
#include "controller/outcome_words.h"

namespace spillway::cmd {
namespace {

using OrderedJson = nlohmann::ordered_json;
using Kind = sim::Verdict::Kind;

OrderedJson ToJson(const sim::Cluster& cluster, const Outcome& outcome) {
  auto feasible = OrderedJson::array();
  auto nodes = OrderedJson::array();
  if (outcome.verdict.kind != Kind::kUndecidable) {
    for (sim::NodeReport& report : sim::ReportNodes(cluster, outcome.pod->index)) {
      std::string name(cluster.node(report.node).name);
      if (report.filter.empty()) {
        feasible.push_back(std::move(name));
      } else {
        nodes.push_back(
            {{"node", std::move(name)}, {"filter", std::move(report.filter)}, {"reasons", std::move(report.reasons)}});
      }
    }
  }
  OrderedJson json;
  json["namespace"] = outcome.pod->ns;
  json["name"] = outcome.pod->name;
  json["verdict"] = sim::WordOf(outcome.verdict.kind);
  json["message"] = outcome.message;
  json["feasible"] = std::move(feasible);
  json["nodes"] = std::move(nodes);
  if (!outcome.placement.empty()) json["placement"] = outcome.placement;
  if (outcome.decided) json["outcome"] = controller::Word(*outcome.decided);
  if (!outcome.why.empty()) json["why"] = outcome.why;
  return json;
}

// The reasons that most nodes gave, at most three.
std::string TopReasons(const sim::Verdict& verdict) {
  if (verdict.kind == Kind::kUndecidable) return verdict.undecidable;
  if (!verdict.why_not) return "";
  if (verdict.why_not->nodes == 0) return "there is no real node";
  if (!verdict.why_not->rejection.empty()) return verdict.why_not->rejection;
  auto reasons = verdict.why_not->reasons;
  std::stable_sort(reasons.begin(), reasons.end(), [](const auto& a, const auto& b) { return a.nodes > b.nodes; });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, reasons.size()); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", reasons[i].nodes, reasons[i].reason);
  }
  return text;
}

std::string NeededText(const NodesOfShape& needed) {
  constexpr std::size_t kNamed = 5;
  std::string text =
      fmt::format("\n{} node{} like {} would take {} of {} Pods that fit on no real node", needed.nodes,
                  needed.nodes == 1 ? "" : "s", needed.shape, needed.placed, needed.placed + needed.left_over.size());
  for (std::size_t i = 0; i < std::min(kNamed, needed.left_over.size()); ++i) {
    text += (i == 0 ? "; not " : ", ") + needed.left_over[i];
  }
  if (needed.left_over.size() > kNamed) text += fmt::format(" and {} more", needed.left_over.size() - kNamed);
  return text + "\n";
}

std::string Where(const sim::Cluster& cluster, const Outcome& outcome) {
  if (!outcome.placement.empty()) return outcome.placement;
  if (outcome.verdict.kind == Kind::kFits) return std::string(cluster.node(outcome.verdict.node).name);
  return "-";
}

}  // namespace

std::string AsJson(const sim::Cluster& cluster, const std::vector<Outcome>& outcomes,
                   const std::optional<NodesOfShape>& needed) {
  std::string text = "{\"verdicts\":[";
  for (const Outcome& outcome : outcomes) {
    if (text.back() == '}') text += ',';
    text += ToJson(cluster, outcome).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  }
  text += ']';
  if (needed) {
    const OrderedJson json = {{"shape", needed->shape},
                              {"nodes", needed->nodes},
                              {"placed", needed->placed},
                              {"leftOver", needed->left_over}};
    text += ",\"nodesNeeded\":" + json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  }
  return text += "}\n";
}

std::string AsTable(const sim::Cluster& cluster, const std::vector<Outcome>& outcomes,
                    const std::optional<NodesOfShape>& needed) {
  std::vector<std::array<std::string, 4>> rows = {{"POD", "VERDICT", "WHERE", "WHY"}};
  for (const Outcome& outcome : outcomes) {
    std::string why = TopReasons(outcome.verdict);
    if (!outcome.why.empty()) why += (why.empty() ? "" : "; ") + outcome.why;
    rows.push_back({outcome.pod->ns + "/" + outcome.pod->name, std::string(sim::WordOf(outcome.verdict.kind)),
                    Where(cluster, outcome), std::move(why)});
  }
  std::array<std::size_t, 3> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    fmt::format_to(std::back_inserter(text), "{:<{}}  {:<{}}  {:<{}}  {}", row[0], widths[0], row[1], widths[1], row[2],
                   widths[2], row[3]);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  if (needed) text += NeededText(*needed);
  return text;
}

}  // namespace spillway::cmd
