#include "cloud/pod_resources.h"

#include <algorithm>

#include "cloud/json.h"

namespace spillway::cloud {
namespace {

ResourceAmounts Amounts(const Json& list) {
  ResourceAmounts amounts;
  for (const auto& [name, value] : Members(list).items()) {
    const auto amount = kube::Quantity::Parse(Text(value));
    if (amount) amounts[name] = *amount;
  }
  return amounts;
}

void Add(ResourceAmounts& sum, const ResourceAmounts& more) {
  for (const auto& [name, amount] : more) sum[name] += amount;
}

void RaiseTo(ResourceAmounts& least, const ResourceAmounts& other) {
  for (const auto& [name, amount] : other) least[name] = std::max(least[name], amount);
}

bool IsPodLevelResource(std::string_view name) {
  return name == "cpu" || name == "memory" || name.starts_with("hugepages-");
}

}  // namespace

ResourceAmounts PodRequests(const nlohmann::json& pod) {
  const Json& spec = At(pod, "spec");
  ResourceAmounts total;
  for (const Json& container : Items(At(spec, "containers")))
    Add(total, Amounts(At(container, "resources", "requests")));

  ResourceAmounts sidecars, peak;
  for (const Json& container : Items(At(spec, "initContainers"))) {
    ResourceAmounts own = Amounts(At(container, "resources", "requests"));
    if (TextAt(container, "restartPolicy") == "Always") {
      Add(total, own);
      Add(sidecars, own);
      RaiseTo(peak, sidecars);
    } else {
      Add(own, sidecars);
      RaiseTo(peak, own);
    }
  }
  RaiseTo(total, peak);

  for (const auto& [name, amount] : Amounts(At(spec, "resources", "requests"))) {
    if (IsPodLevelResource(name)) total[name] = amount;
  }
  Add(total, Amounts(At(spec, "overhead")));
  return total;
}

}  // namespace spillway::cloud
