#include "cmd/doctor/metrics_text.h"

#include <algorithm>
#include <cstdlib>

namespace spillway::cmd::doctor {
namespace {

struct Sample {
  std::string_view labels;
  double value = 0;
};

// name{labels} value, or name value.
std::optional<Sample> Read(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return std::nullopt;
  line.remove_prefix(name.size());
  Sample sample;
  if (line.starts_with('{')) {
    const std::size_t end = line.rfind('}');
    if (end == std::string_view::npos) return std::nullopt;
    sample.labels = line.substr(1, end - 1);
    line.remove_prefix(end + 1);
  }
  if (!line.starts_with(' ')) return std::nullopt;
  sample.value = std::strtod(std::string(line.substr(1)).c_str(), nullptr);
  return sample;
}

template <typename Visit>
void EachSample(std::string_view text, std::string_view name, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const auto sample = Read(text.substr(0, end), name)) visit(*sample);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::optional<double> SampleOf(std::string_view text, std::string_view name, std::string_view label) {
  std::optional<double> found;
  EachSample(text, name, [&](const Sample& sample) {
    if (!found && sample.labels.find(label) != std::string_view::npos) found = sample.value;
  });
  return found;
}

std::vector<std::string> LabelsWithValue(std::string_view text, std::string_view name, std::string_view label,
                                         double value) {
  const std::string before = std::string(label) + "=\"";
  std::vector<std::string> found;
  EachSample(text, name, [&](const Sample& sample) {
    const std::size_t begin = sample.labels.find(before);
    if (sample.value != value || begin == std::string_view::npos) return;
    const std::string_view rest = sample.labels.substr(begin + before.size());
    found.emplace_back(rest.substr(0, rest.find('"')));
  });
  return found;
}

}  // namespace spillway::cmd::doctor
