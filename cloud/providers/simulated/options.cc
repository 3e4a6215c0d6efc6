#include "cloud/providers/simulated/options.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::cloud {
namespace {
constexpr int kLongestInMeans = 10;  // an exponential draw beyond this is cut: "settles within" must stay a promise
}

Result<Latency> Latency::Parse(std::string_view text) {
  const auto wrong = [&] {
    return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is no latency; want 1s, exp(2s) or uniform(1s,3s)", text));
  };
  const auto inside = [&](std::string_view function) -> std::optional<std::string_view> {
    if (!text.starts_with(function) || !text.ends_with(')')) return std::nullopt;
    std::string_view rest = text.substr(function.size());
    if (!rest.starts_with('(')) return std::nullopt;
    return rest.substr(1, rest.size() - 2);
  };
  const auto length = [](std::string_view part) -> std::optional<Duration> {
    const auto parsed = base::ParseGoDuration(part);
    return parsed && *parsed >= 0s ? parsed : std::nullopt;
  };

  if (const auto mean = inside("exp")) {
    const auto parsed = length(*mean);
    if (!parsed) return wrong();
    return Exponential(*parsed);
  }
  if (const auto range = inside("uniform")) {
    const auto comma = range->find(',');
    if (comma == std::string_view::npos) return wrong();
    const auto low = length(range->substr(0, comma));
    const auto high = length(range->substr(comma + 1));
    if (!low || !high || *low > *high) return wrong();
    return Uniform(*low, *high);
  }
  const auto fixed = length(text);
  if (!fixed) return wrong();
  return Fixed(*fixed);
}

std::vector<kube::LargestInstance> TypicalLargestInstances() {
  return *kube::ParseLargestInstances(
      "cpu=64,memory=512Gi,ephemeral-storage=1Ti;"
      "cpu=64,memory=512Gi,ephemeral-storage=1Ti,nvidia.com/gpu=8");
}

Duration Latency::Draw(Random& random) const {
  switch (kind_) {
    case Kind::kFixed:
      return low_;
    case Kind::kExponential:
      return std::min(random.Exponential(low_), kLongestInMeans * low_);
    case Kind::kUniform:
      return random.Between(low_, high_);
  }
  return low_;
}

}  // namespace spillway::cloud
