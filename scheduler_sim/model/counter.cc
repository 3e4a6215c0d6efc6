#include "scheduler_sim/model/counter.h"

#include <algorithm>
#include <cstring>

namespace spillway::sim {
namespace {

// Longer values, which no API server accepts, have their size behind this byte.
constexpr unsigned char kLong = 255;

std::string_view TakeValue(std::string_view& values) {
  std::uint32_t size = static_cast<unsigned char>(values.front());
  values.remove_prefix(1);
  if (size == kLong) {
    std::memcpy(&size, values.data(), sizeof size);
    values.remove_prefix(sizeof size);
  }
  const std::string_view value = values.substr(0, size);
  values.remove_prefix(size);
  return value;
}

}  // namespace

void PackedLabels::Append(std::string_view value, std::string& values) {
  const auto size = static_cast<std::uint32_t>(value.size());
  values.push_back(static_cast<char>(size < kLong ? size : kLong));
  if (size >= kLong) values.append(reinterpret_cast<const char*>(&size), sizeof size);
  values.append(value);
}

std::optional<std::string_view> PackedLabels::Find(std::string_view wanted) const {
  std::string_view values = values_;
  for (const std::string& name : names_) {
    const std::string_view value = TakeValue(values);
    if (name == wanted) return value;
  }
  return std::nullopt;
}

bool PackedLabels::Meets(const kube::LabelRequirement& requirement) const {
  using Operator = kube::LabelRequirement::Operator;
  const std::optional<std::string_view> value = Find(requirement.key);
  const auto listed = [&] {
    return value && std::find(requirement.values.begin(), requirement.values.end(), *value) != requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::kIn:
      return listed();
    case Operator::kNotIn:
      return !listed();
    case Operator::kExists:
      return value.has_value();
    case Operator::kDoesNotExist:
      return !value.has_value();
    default:
      return false;  // label selectors know no others
  }
}

bool PackedLabels::Match(const kube::LabelSelector& selector) const {
  for (const auto& [key, value] : selector.match_labels) {
    const std::optional<std::string_view> actual = Find(key);
    if (!actual || *actual != value) return false;
  }
  return std::all_of(selector.match_expressions.begin(), selector.match_expressions.end(),
                     [&](const kube::LabelRequirement& requirement) { return Meets(requirement); });
}

void Counts::Add(std::uint32_t domain, std::int32_t change, bool spread) {
  if (domain >= per_domain.size()) per_domain.resize(domain + 1);
  std::int32_t& count = per_domain[domain];
  const std::int32_t before = count;
  count += change;
  total += change;
  if (before == 0 && count > 0) ++relaxations;
  if (spread) Move(before, count);
}

void Counts::AddDomain(std::uint32_t domain) {
  const std::int32_t count = Of(domain);
  if (static_cast<std::size_t>(count) >= domains_at.size()) domains_at.resize(static_cast<std::size_t>(count) + 1);
  ++domains_at[static_cast<std::size_t>(count)];
  ++domains;
  FindLeast();
}

void Counts::RemoveDomain(std::uint32_t domain) {
  --domains_at[static_cast<std::size_t>(Of(domain))];
  --domains;
  FindLeast();
}

void Counts::Move(std::int32_t from, std::int32_t to) {
  if (static_cast<std::size_t>(to) >= domains_at.size()) domains_at.resize(static_cast<std::size_t>(to) + 1);
  --domains_at[static_cast<std::size_t>(from)];
  ++domains_at[static_cast<std::size_t>(to)];
  if (to < least) {
    least = to;
  } else if (from == least && domains_at[static_cast<std::size_t>(from)] == 0) {
    FindLeast();
    ++relaxations;
  }
}

void Counts::FindLeast() {
  least = 0;
  if (domains == 0) return;
  while (domains_at[static_cast<std::size_t>(least)] == 0) ++least;
}

}  // namespace spillway::sim
