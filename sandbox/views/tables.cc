#include "sandbox/views/tables.h"

#include <fmt/core.h>

#include <utility>

#include "sandbox/views/table_printers.h"

namespace spillway::sandbox {
namespace {

const Printer& DefaultPrinter() {
  static const Printer printer{"", "", {{"Name"}, {"Age"}}, [](const Json& object, WallTime now) -> Json {
                                 return {NameOf(object), AgeOfObject(object, now)};
                               }};
  return printer;
}

const Printer& PrinterOf(const Kind& served) {
  const Kind& kind = StorageOf(served);
  for (const auto* printers : {&PodPrinters(), &WorkloadPrinters(), &ClusterPrinters(), &ConfigPrinters()}) {
    for (const Printer& printer : *printers) {
      if (printer.plural == kind.plural && printer.group == kind.group) return printer;
    }
  }
  return DefaultPrinter();
}

std::string Joined(const Json& template_spec, const char* field) {
  std::string all;
  for (const Json& container : ArrayAt(template_spec, "containers")) {
    if (!all.empty()) all += ',';
    all += TextAt(container, field);
  }
  return all;
}

// "2d3h": the larger unit, and the smaller one unless it is zero.
std::string TwoUnits(std::int64_t large, char large_unit, std::int64_t small, char small_unit) {
  return small == 0 ? fmt::format("{}{}", large, large_unit)
                    : fmt::format("{}{}{}{}", large, large_unit, small, small_unit);
}

}  // namespace

Json TableColumns(const Kind& kind) {
  Json columns = Json::array();
  for (const Column& column : PrinterOf(kind).columns) {
    columns.push_back({{"name", column.name},
                       {"type", column.type},
                       {"format", column.name == "Name" && column.priority == 0 ? "name" : ""},
                       {"description", ""},
                       {"priority", column.priority}});
  }
  return columns;
}

Json TableCells(const Kind& kind, const Json& object, WallTime now) { return PrinterOf(kind).cells(object, now); }

std::string HumanDuration(Duration duration) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return fmt::format("{}s", seconds);
  const std::int64_t minutes = seconds / 60;
  if (minutes < 10) return TwoUnits(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return fmt::format("{}m", minutes);
  const std::int64_t hours = minutes / 60;
  if (hours < 8) return TwoUnits(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return fmt::format("{}h", hours);
  const std::int64_t days = hours / 24;
  if (days < 8) return TwoUnits(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return fmt::format("{}d", days);
  if (days < 365 * 8) return TwoUnits(days / 365, 'y', days % 365, 'd');
  return fmt::format("{}y", days / 365);
}

std::string AgeOf(std::string_view timestamp, WallTime now) {
  const auto time = base::ParseRfc3339(timestamp);
  return time ? HumanDuration(now - *time) : "<unknown>";
}

std::string LabelsText(const Json* labels) {
  if (!labels || !labels->is_object() || labels->empty()) return "<none>";
  std::string text;
  for (const auto& [key, value] : labels->items()) {
    if (!text.empty()) text += ',';
    text += key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

std::string SelectorText(const Json* selector) {
  if (!selector || !selector->is_object()) return "<none>";
  std::string text = LabelsText(Find(*selector, "matchLabels"));
  if (text == "<none>") text.clear();
  for (const Json& each : ArrayAt(*selector, "matchExpressions")) {
    std::string values;
    for (const Json& value : ArrayAt(each, "values")) {
      if (!values.empty()) values += ',';
      if (value.is_string()) values += value.get<std::string>();
    }
    const std::string key = TextAt(each, "key");
    const std::string op = TextAt(each, "operator");
    if (!text.empty()) text += ',';
    if (op == "In") text += fmt::format("{} in ({})", key, values);
    if (op == "NotIn") text += fmt::format("{} notin ({})", key, values);
    if (op == "Exists") text += key;
    if (op == "DoesNotExist") text += "!" + key;
  }
  return OrNone(std::move(text));
}

std::string NameOf(const Json& object) { return TextAt(object, "metadata.name"); }

std::string AgeOfObject(const Json& object, WallTime now) {
  return AgeOf(TextAt(object, "metadata.creationTimestamp"), now);
}

std::string OrNone(std::string text) { return text.empty() ? "<none>" : text; }
std::string OrUnset(std::string text) { return text.empty() ? "<unset>" : text; }

std::string ContainerNames(const Json& object) {
  const Json* spec = Find(object, "spec.template.spec");
  return spec ? Joined(*spec, "name") : "";
}

std::string ContainerImages(const Json& object) {
  const Json* spec = Find(object, "spec.template.spec");
  return spec ? Joined(*spec, "image") : "";
}

}  // namespace spillway::sandbox
