#include "tests/simulation/shrink.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>
#include <vector>

#include "tests/simulation/swarm.h"

namespace spillway::simulation {
namespace {

constexpr const char* kAllowances[] = {" watch.lag", " partition ", " list.pages", " http delay"};

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// "explained", "crash", ...: a smaller scenario must not fail for another reason.
std::set<std::string> KindsOf(const RunResult& result) {
  std::set<std::string> kinds;
  for (const std::string& failure : result.failures) kinds.insert(failure.substr(0, failure.find(':')));
  return kinds;
}

std::set<std::string> Failures(const std::vector<std::string>& lines, std::uint64_t seed, const RunOptions& options) {
  const auto scenario = ParseScenario("shrunk.sim", Joined(lines));
  return scenario ? KindsOf(RunOnce(*scenario, seed, options)) : std::set<std::string>();
}

// Those that World::LongestLag() looks at stay: without them the judge allows for no lag, and calls wrong what was
// right.
bool MayGo(const std::string& line) {
  if (!line.starts_with("fault") && !line.starts_with("load")) return false;
  return std::none_of(std::begin(kAllowances), std::end(kAllowances),
                      [&](const char* what) { return line.find(what) != std::string::npos; });
}

}  // namespace

std::string Shrunk(const Scenario& file, std::uint64_t seed, const RunOptions& options) {
  if (!file.is_swarm) return "";
  std::vector<std::string> lines = LinesOf(DrawSwarm(seed));
  const std::set<std::string> wanted = Failures(lines, seed, options);
  if (wanted.empty()) return "";
  for (std::size_t i = lines.size(); i-- > 0;) {
    if (!MayGo(lines[i])) continue;
    std::vector<std::string> fewer = lines;
    fewer.erase(fewer.begin() + static_cast<long>(i));
    const std::set<std::string> kinds = Failures(fewer, seed, options);
    if (std::includes(kinds.begin(), kinds.end(), wanted.begin(), wanted.end())) lines = std::move(fewer);
  }
  return Joined(lines);
}

}  // namespace spillway::simulation
