#include "cloud/agent/resource_field.h"

#include <fmt/core.h>

#include "kube/api/quantity.h"

namespace spillway::cloud {

namespace {
using kube::Quantity;

Quantity AmountOf(const Json& container, const std::string& list, const std::string& resource,
                  const NodeAmounts& node) {
  const auto own = Quantity::Parse(TextAt(container, "resources", list, resource)).value_or(Quantity());
  const auto all = node.find(resource);
  const bool is_limited_by_node = list == "limits" && own.is_zero() && all != node.end();
  return is_limited_by_node ? Quantity::Parse(all->second).value_or(own) : own;
}
}  // namespace

std::optional<std::string> ResourceField(const Json& pod, const Json& container, const Json& ref,
                                         const NodeAmounts& node) {
  const std::string path = TextAt(ref, "resource");
  const auto dot = path.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const std::string list = path.substr(0, dot), resource = path.substr(dot + 1);
  if (list != "requests" && list != "limits") return std::nullopt;
  const bool is_cpu = resource == "cpu";
  if (!is_cpu && resource != "memory" && resource != "ephemeral-storage" && !resource.starts_with("hugepages-")) {
    return std::nullopt;
  }

  const std::string other = TextAt(ref, "containerName");
  const Json* source = &container;
  if (!other.empty()) {
    source = &Named(At(pod, "spec", "containers"), other);
    if (source->is_null()) source = &Named(At(pod, "spec", "initContainers"), other);
    if (source->is_null()) return std::nullopt;
  }
  const Quantity amount = AmountOf(*source, list, resource, node);
  const Json& divisor_text = At(ref, "divisor");
  auto divisor = Quantity::Parse(Text(divisor_text)).value_or(Quantity());
  if (divisor.is_zero()) divisor = Quantity::FromUnits(1);
  if (divisor < Quantity()) return std::nullopt;
  const auto quotient = (amount.nano() + divisor.nano() - 1) / divisor.nano();
  return fmt::format("{}", static_cast<std::int64_t>(quotient));
}

}  // namespace spillway::cloud
