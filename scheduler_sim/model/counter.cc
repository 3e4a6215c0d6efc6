#include "scheduler_sim/model/counter.h"

#include <algorithm>
#include <cstring>

namespace spillway::sim {
namespace {

std::string_view TakeText(std::string_view& bytes) {
  std::uint32_t size;
  std::memcpy(&size, bytes.data(), sizeof size);
  const std::string_view text = bytes.substr(sizeof size, size);
  bytes.remove_prefix(sizeof size + size);
  return text;
}

}  // namespace

std::optional<std::string_view> PackedLabels::Find(std::string_view wanted) const {
  std::string_view bytes = bytes_;
  if (bytes.empty()) return std::nullopt;
  bytes.remove_prefix(sizeof(std::uint32_t));  // how many
  while (!bytes.empty()) {
    const std::string_view key = TakeText(bytes), value = TakeText(bytes);
    if (key == wanted) return value;
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
