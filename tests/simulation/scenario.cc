#include "tests/simulation/scenario.h"

#include <fmt/core.h>

#include <charconv>
#include <functional>
#include <sstream>

#include "base/files.h"
#include "base/runtime.h"
#include "cloud/providers/simulated/options.h"

namespace spillway::simulation {
namespace {

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> ParseShare(std::string_view text) {
  const bool percent = !text.empty() && text.back() == '%';
  if (percent) text.remove_suffix(1);
  double share = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (percent) share /= 100;
  if (share < 0 || share > 1) return std::nullopt;
  return share;
}

enum class Kind : std::uint8_t { kText, kNumber, kTime, kShare, kLatency, kMoment };

// Every option that a scenario may use: a misspelt one must not silently do nothing.
const std::map<std::string, Kind, std::less<>>& KnownOptions() {
  static const std::map<std::string, Kind, std::less<>> options = {
      {"at", Kind::kMoment},         {"every", Kind::kTime},         {"until", Kind::kTime},
      {"from", Kind::kTime},         {"for", Kind::kTime},           {"within", Kind::kTime},
      {"after", Kind::kTime},        {"run", Kind::kTime},           {"grace", Kind::kTime},
      {"batch-idle", Kind::kTime},   {"batch-max", Kind::kTime},     {"start", Kind::kLatency},
      {"delete", Kind::kLatency},    {"latency", Kind::kLatency},    {"real", Kind::kNumber},
      {"virtual", Kind::kNumber},    {"pods", Kind::kNumber},        {"vpods", Kind::kNumber},
      {"replicas", Kind::kNumber},   {"completions", Kind::kNumber}, {"local", Kind::kNumber},
      {"count", Kind::kNumber},      {"status", Kind::kNumber},      {"parallelism", Kind::kNumber},
      {"priority", Kind::kNumber},   {"backoff", Kind::kNumber},     {"qps", Kind::kNumber},
      {"burst", Kind::kNumber},      {"share", Kind::kShare},        {"lost", Kind::kShare},
      {"no_stock", Kind::kShare},    {"lost_reply", Kind::kShare},   {"throttled", Kind::kShare},
      {"slow_delete", Kind::kShare}, {"cpu", Kind::kText},           {"memory", Kind::kText},
      {"vcpu", Kind::kText},         {"vmemory", Kind::kText},       {"provider", Kind::kText},
      {"namespace", Kind::kText},    {"annotation", Kind::kText},    {"gate", Kind::kText},
      {"label", Kind::kText},        {"dry-run", Kind::kText},       {"resource", Kind::kText},
      {"taint", Kind::kText},        {"trigger", Kind::kText},       {"scheduler", Kind::kText},
      {"leader-elect", Kind::kText}, {"method", Kind::kText},        {"node", Kind::kText},
      {"toleration", Kind::kText},   {"port", Kind::kNumber},        {"selector", Kind::kText},
      {"spread", Kind::kNumber},     {"reason", Kind::kText},        {"by", Kind::kTime},
      {"cut", Kind::kShare},         {"limit", Kind::kNumber},       {"zone", Kind::kText},
      {"apart", Kind::kText},        {"near", Kind::kText},          {"gated", Kind::kText},
      {"volume", Kind::kText},       {"owner", Kind::kText},         {"retry-after", Kind::kTime},
      {"gpu", Kind::kText},          {"scratch", Kind::kText},       {"needs", Kind::kText},
      {"can", Kind::kText},          {"agents", Kind::kText},        {"late_no_stock", Kind::kShare},
      {"restrictions", Kind::kText}, {"autoscaler", Kind::kText},    {"deadline", Kind::kTime},
      {"data", Kind::kText},         {"mode", Kind::kText},          {"most", Kind::kNumber},
  };
  return options;
}

bool IsValid(Kind kind, std::string_view value) {
  switch (kind) {
    case Kind::kText:
      return !value.empty();
    case Kind::kNumber:
      return ParseNumber(value).has_value();
    case Kind::kTime:
      return base::ParseGoDuration(value).has_value();
    case Kind::kShare:
      return ParseShare(value).has_value();
    case Kind::kLatency:
      return cloud::Latency::Parse(value).has_value();
    case Kind::kMoment:
      return value == "random" || base::ParseGoDuration(value).has_value();
  }
  return false;
}

// Splits at `separators` outside parentheses.
std::vector<std::string> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (depth == 0 && separators.find(c) != std::string_view::npos) {
      if (!part.empty()) parts.push_back(std::move(part));
      part.clear();
    } else if (!(part.empty() && c == ' ')) {
      part += c;
    }
  }
  if (!part.empty()) parts.push_back(std::move(part));
  return parts;
}

Result<Line> ParseParts(const std::vector<std::string>& parts) {
  Line line;
  for (const std::string& part : parts) {
    const std::size_t equals = part.find('=');
    const std::size_t parenthesis = part.find('(');
    if (equals == std::string::npos || parenthesis < equals) {
      line.words.push_back(part);
      continue;
    }
    const std::string key = part.substr(0, equals), value = part.substr(equals + 1);
    const auto known = KnownOptions().find(key);
    if (known == KnownOptions().end()) return Fail(Code::kInvalidArgument, fmt::format("unknown option \"{}\"", key));
    if (!IsValid(known->second, value))
      return Fail(Code::kInvalidArgument, fmt::format("bad value \"{}\" of option {}", value, key));
    if (key == "provider") {
      if (auto call = ParseCall(value); !call) return Fail(call.error());
    }
    line.options[key] = value;
  }
  return line;
}

Moment MomentOf(Line& line) {
  Moment moment;
  if (const auto every = line.options.extract("every")) {
    moment.kind = Moment::Kind::kEvery;
    moment.every = *base::ParseGoDuration(every.mapped());
  }
  if (const auto at = line.options.extract("at")) {
    if (at.mapped() == "random") {
      moment.kind = Moment::Kind::kRandom;
    } else {
      moment.at = *base::ParseGoDuration(at.mapped());
    }
  }
  if (const auto from = line.options.extract("from")) moment.at = *base::ParseGoDuration(from.mapped());
  if (const auto until = line.options.extract("until")) moment.until = *base::ParseGoDuration(until.mapped());
  return moment;
}

bool ReadSeeds(const std::string& word, Scenario& scenario) {
  const std::size_t dots = word.find("..");
  const auto first = ParseNumber(word.substr(0, dots));
  const auto last = dots == std::string::npos ? first : ParseNumber(word.substr(dots + 2));
  if (!first || !last || *first < 0 || *last < *first) return false;
  scenario.first_seed = static_cast<std::uint64_t>(*first);
  scenario.last_seed = static_cast<std::uint64_t>(*last);
  return true;
}

Status ReadStatement(const std::string& statement, Line line, Scenario& scenario) {
  if (statement == "seeds") {
    if (!ReadSeeds(line.Word(0), scenario)) return Fail(Code::kInvalidArgument, "seeds are written as 1..200");
  } else if (statement == "swarm") {
    scenario.is_swarm = true;
  } else if (statement == "length") {
    const auto length = base::ParseGoDuration(line.Word(0));
    if (!length) return Fail(Code::kInvalidArgument, "length is a duration, as 3m");
    scenario.length = *length;
  } else if (statement == "cluster") {
    scenario.cluster = std::move(line);
  } else if (statement == "controller") {
    scenario.controller = std::move(line);
  } else if (statement == "node") {
    scenario.nodes.push_back(std::move(line));
  } else if (statement == "virtual") {
    scenario.virtual_nodes.push_back(std::move(line));
  } else if (statement == "load" || statement == "fault") {
    Step step;
    step.when = MomentOf(line);
    step.what = std::move(line);
    if (step.what.words.empty()) return Fail(Code::kInvalidArgument, "what " + statement + "?");
    (statement == "load" ? scenario.loads : scenario.faults).push_back(std::move(step));
  } else if (statement == "expect") {
    scenario.expectations.push_back(std::move(line));
  } else {
    return Fail(Code::kInvalidArgument, fmt::format("unknown statement \"{}\"", statement));
  }
  return {};
}

}  // namespace

std::string Line::Text(const std::string& option, std::string fallback) const {
  const auto found = options.find(option);
  return found == options.end() ? std::move(fallback) : found->second;
}
std::int64_t Line::Number(const std::string& option, std::int64_t fallback) const {
  return ParseNumber(Text(option)).value_or(fallback);
}
Duration Line::Time(const std::string& option, Duration fallback) const {
  return base::ParseGoDuration(Text(option)).value_or(fallback);
}
double Line::Share(const std::string& option, double fallback) const {
  return ParseShare(Text(option)).value_or(fallback);
}

Result<Line> ParseCall(std::string_view text) {
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) return Line{0, {std::string(text)}, {}};
  if (!text.ends_with(")")) return Fail(Code::kInvalidArgument, fmt::format("no closing parenthesis in \"{}\"", text));
  auto line = ParseParts(Split(text.substr(open + 1, text.size() - open - 2), ","));
  if (line) line->words.insert(line->words.begin(), std::string(text.substr(0, open)));
  return line;
}

Result<Scenario> ParseScenario(std::string_view file_name, std::string_view text) {
  Scenario scenario;
  const std::size_t slash = file_name.rfind('/');
  scenario.name = file_name.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (scenario.name.ends_with(".sim")) scenario.name.resize(scenario.name.size() - 4);

  std::istringstream lines{std::string(text)};
  std::string row;
  for (int number = 1; std::getline(lines, row); ++number) {
    row.resize(std::min(row.size(), row.find('#')));
    std::vector<std::string> parts = Split(row, " \t\r");
    if (parts.empty()) continue;
    const std::string statement = parts.front();
    parts.erase(parts.begin());
    auto line = ParseParts(parts);
    Status read = line ? Status() : Fail(line.error());
    if (read) {
      line->number = number;
      read = ReadStatement(statement, *std::move(line), scenario);
    }
    if (!read) return Fail(Code::kInvalidArgument, fmt::format("{}:{}: {}", file_name, number, read.error().message));
  }
  if (scenario.expectations.empty() && !scenario.is_swarm)
    return Fail(Code::kInvalidArgument, fmt::format("{}: nothing is expected; add an expect line", file_name));
  return scenario;
}

Result<Scenario> ReadScenario(const std::string& path) {
  const auto text = base::ReadFile(path);
  if (!text) return Fail(text.error());
  return ParseScenario(path, *text);
}

}  // namespace spillway::simulation
