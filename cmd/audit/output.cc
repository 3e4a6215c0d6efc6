#include "cmd/audit/output.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/demo/table.h"

namespace spillway::cmd {
namespace {

using OrderedJson = nlohmann::ordered_json;
// "3d", "5h", "12m", "40s".
std::string Age(std::optional<WallTime> since, WallTime now) {
  if (!since) return "-";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *since).count();
  if (seconds >= 2 * 86400) return fmt::format("{}d", seconds / 86400);
  if (seconds >= 2 * 3600) return fmt::format("{}h", seconds / 3600);
  if (seconds >= 2 * 60) return fmt::format("{}m", seconds / 60);
  return fmt::format("{}s", std::max<std::int64_t>(seconds, 0));
}

std::string NodeOf(const Finding& finding) {
  return finding.instance ? finding.instance->identity.node_name : finding.pod.node;
}

nlohmann::json RowOf(const Finding& finding, WallTime now) {
  const auto& instance = finding.instance;
  nlohmann::json cells = nlohmann::json::array();
  cells.push_back(ToString(finding.kind));
  cells.push_back(instance ? instance->id : "-");
  cells.push_back(instance ? cloud::ToString(instance->state) : "-");
  cells.push_back(NodeOf(finding));
  cells.push_back(instance ? Age(instance->created_at, now) : "-");
  cells.push_back(finding.pod.ns + "/" + finding.pod.name);
  cells.push_back(finding.detail);
  return {{"cells", std::move(cells)}};
}

std::string Table(const AuditReport& report) {
  nlohmann::json table;
  for (const char* name : {"Finding", "Instance", "State", "Node", "Age", "Pod", "Detail"}) {
    table["columnDefinitions"].push_back({{"name", name}});
  }
  for (const Finding& finding : report.findings) table["rows"].push_back(RowOf(finding, report.now));
  return RenderTable(table);
}

std::size_t Count(const AuditReport& report, FindingKind kind) {
  return static_cast<std::size_t>(std::count_if(report.findings.begin(), report.findings.end(),
                                                [kind](const Finding& finding) { return finding.kind == kind; }));
}

constexpr FindingKind kKinds[] = {FindingKind::kOrphan, FindingKind::kOnOtherNode, FindingKind::kSecondInstance,
                                  FindingKind::kNoInstance};

OrderedJson ToJson(const Finding& finding) {
  OrderedJson json;
  json["kind"] = ToString(finding.kind);
  json["node"] = NodeOf(finding);
  if (finding.instance) {
    json["instance"] = {{"id", finding.instance->id}, {"state", cloud::ToString(finding.instance->state)}};
    if (finding.instance->created_at)
      json["instance"]["createdAt"] = base::FormatRfc3339(*finding.instance->created_at);
  }
  json["pod"] = {{"namespace", finding.pod.ns}, {"name", finding.pod.name}, {"uid", finding.pod.uid}};
  if (!finding.pod.phase.empty()) {
    json["pod"]["node"] = finding.pod.node;
    json["pod"]["phase"] = finding.pod.phase;
  }
  if (!finding.detail.empty()) json["detail"] = finding.detail;
  return json;
}

}  // namespace

std::string AuditText(const AuditReport& report) {
  std::string text;
  if (!report.findings.empty()) text = Table(report) + "\n";
  text += fmt::format("{} instances of cluster {} at provider {}: ", report.facts.after.size(), report.cluster_id,
                      report.provider);
  return text + fmt::format("{} orphaned, {} of Pods on other nodes, {} second ones; {} Pods without instance\n",
                            Count(report, FindingKind::kOrphan), Count(report, FindingKind::kOnOtherNode),
                            Count(report, FindingKind::kSecondInstance), Count(report, FindingKind::kNoInstance));
}

std::string AuditJson(const AuditReport& report) {
  OrderedJson json;
  json["clusterId"] = report.cluster_id;
  json["provider"] = report.provider;
  json["observedAt"] = base::FormatRfc3339(report.now);
  json["instances"] = report.facts.after.size();
  json["counts"] = OrderedJson::object();
  for (const FindingKind kind : kKinds) json["counts"][std::string(ToString(kind))] = Count(report, kind);
  json["findings"] = OrderedJson::array();
  for (const Finding& finding : report.findings) json["findings"].push_back(ToJson(finding));
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace spillway::cmd
