#include "sandbox/standins/pod_resources.h"

#include <algorithm>

#include "kube/api/quantity.h"

namespace spillway::sandbox {
namespace {

std::optional<kube::Quantity> ParseQuantity(const Json& quantity) {
  if (quantity.is_string()) return kube::Quantity::Parse(quantity.get<std::string>());
  if (quantity.is_number()) return kube::Quantity::Parse(quantity.dump());
  return std::nullopt;
}

PodRequest RequestsOf(const Json& resources) {
  return {MilliCpu(At(resources, {"cpu"})), Bytes(At(resources, {"memory"}))};
}
PodRequest Sum(PodRequest a, PodRequest b) { return {a.milli_cpu + b.milli_cpu, a.memory + b.memory}; }
PodRequest Larger(PodRequest a, PodRequest b) {
  return {std::max(a.milli_cpu, b.milli_cpu), std::max(a.memory, b.memory)};
}

}  // namespace

std::int64_t MilliCpu(const Json& quantity) {
  const auto parsed = ParseQuantity(quantity);
  return parsed ? parsed->MilliValue() : 0;
}
std::int64_t Bytes(const Json& quantity) {
  const auto parsed = ParseQuantity(quantity);
  return parsed ? parsed->Value() : 0;
}

PodRequest RequestOf(const Json& pod) {
  PodRequest total, largest_init, sidecars;
  for (const Json& container : At(pod, {"spec", "containers"}))
    total = Sum(total, RequestsOf(At(container, {"resources", "requests"})));
  for (const Json& container : At(pod, {"spec", "initContainers"})) {
    const PodRequest own = RequestsOf(At(container, {"resources", "requests"}));
    const bool is_sidecar = Text(container, {"restartPolicy"}) == "Always";
    largest_init = Larger(largest_init, Sum(own, sidecars));
    if (!is_sidecar) continue;
    sidecars = Sum(sidecars, own);
    total = Sum(total, own);
  }
  return Sum(Larger(total, largest_init), RequestsOf(At(pod, {"spec", "overhead"})));
}

}  // namespace spillway::sandbox
