#include "cmd/doctor/output.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace spillway::cmd::doctor {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr Level kLevels[] = {Level::kOk, Level::kUnknown, Level::kWarn, Level::kFail};

// What others have written comes along in messages: it stays on its line.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::size_t CountLevel(const Findings& findings, Level level) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [level](const Finding& one) { return one.level == level; }));
}

}  // namespace

std::string ReportText(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{:<8}{:<14}{}\n", ToString(finding.level), finding.check, OneLine(finding.what));
    if (!finding.todo.empty()) text += fmt::format("{:<22}-> {}\n", "", OneLine(finding.todo));
  }
  std::string counts;
  for (const Level level : kLevels) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", CountLevel(findings, level), ToString(level));
  }
  return text + counts + "\n";
}

std::string ReportJson(const Findings& findings) {
  OrderedJson json;
  json["exitCode"] = ExitCodeOf(findings);
  json["counts"] = OrderedJson::object();
  for (const Level level : kLevels) json["counts"][std::string(ToString(level))] = CountLevel(findings, level);
  json["findings"] = OrderedJson::array();
  for (const Finding& finding : findings) {
    OrderedJson one;
    one["level"] = ToString(finding.level);
    one["check"] = finding.check;
    one["what"] = finding.what;
    if (!finding.todo.empty()) one["todo"] = finding.todo;
    json["findings"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace spillway::cmd::doctor
