#include "scheduler_sim/model/requests.h"

#include <algorithm>

namespace spillway::sim {
namespace {

using kube::Quantity;
using kube::ResourceList;

constexpr std::string_view kCpu = "cpu", kMemory = "memory", kEphemeralStorage = "ephemeral-storage", kPods = "pods";
constexpr Quantity kDefaultCpu = Quantity::FromMilli(100);
constexpr Quantity kDefaultMemory = Quantity::FromUnits(200LL * 1024 * 1024);

// Amounts per resource. A handful of entries, so a linear search beats a map. A resource may be present with zero: that
// is different from absent when defaults are filled in.
class Amounts {
 public:
  Quantity& At(std::string_view name) {
    for (auto& [other, amount] : entries_) {
      if (other == name) return amount;
    }
    return entries_.emplace_back(name, Quantity()).second;
  }
  bool Has(std::string_view name) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == name; });
  }
  template <typename List>
  void Add(const List& list) {
    for (const auto& [name, amount] : list) At(name) += amount;
  }
  template <typename List>
  void RaiseTo(const List& list) {
    for (const auto& [name, amount] : list) {
      const bool known = Has(name);
      Quantity& mine = At(name);
      if (!known || mine < amount) mine = amount;
    }
  }
  void FillIn(std::string_view name, Quantity amount) {
    if (!Has(name)) At(name) = amount;
  }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::vector<std::pair<std::string_view, Quantity>> entries_;
};

const kube::ContainerStatus* StatusOf(const kube::Pod& pod, const std::string& container) {
  const kube::ContainerStatus* found = nullptr;  // upstream builds a map, init containers last: the last one wins
  for (const auto* statuses : {&pod.container_statuses, &pod.init_container_statuses}) {
    for (const kube::ContainerStatus& status : *statuses) {
      if (status.name == container) found = &status;
    }
  }
  return found;
}

enum class View { kPending, kPlaced };

struct DefaultsFor {
  bool cpu = false, memory = false;
};

class Calculation {
 public:
  Calculation(const kube::Pod& pod, const Semantics& semantics, View view)
      : pod_(pod), semantics_(semantics), view_(view) {}

  Amounts Sum(DefaultsFor defaults) const {
    Amounts sum, sidecars, largest_init;
    for (const kube::Container& container : pod_.containers) sum.Add(Effective(container, true, defaults));
    for (const kube::Container& container : pod_.init_containers) {
      Amounts own = Effective(container, container.restart_always, defaults);
      if (container.restart_always) {
        sum.Add(own);
        sidecars.Add(own);
        largest_init.RaiseTo(sidecars);
      } else {
        own.Add(sidecars);
        largest_init.RaiseTo(own);
      }
    }
    sum.RaiseTo(largest_init);
    if (PodLevelSet()) ReplaceByPodLevel(sum);
    sum.Add(pod_.overhead);
    return sum;
  }

  bool PodLevelSet() const {
    return semantics_.pod_level_resources && pod_.pod_level_requests &&
           std::any_of(pod_.pod_level_requests->begin(), pod_.pod_level_requests->end(),
                       [](const auto& entry) { return Supported(entry.first); });
  }

 private:
  static bool Supported(std::string_view name) {
    return name == kCpu || name == kMemory || name.substr(0, 10) == "hugepages-";
  }

  Amounts Effective(const kube::Container& container, bool resizable, DefaultsFor defaults) const {
    Amounts amounts;
    const bool resized = view_ == View::kPlaced && semantics_.container_resize && resizable;
    const kube::ContainerStatus* status = resized ? StatusOf(pod_, container.name) : nullptr;
    if (status != nullptr && status->resources_requests) {
      if (!pod_.resize_infeasible) amounts.RaiseTo(container.requests);
      amounts.RaiseTo(*status->resources_requests);
      amounts.RaiseTo(status->allocated_resources);
    } else {
      amounts.RaiseTo(container.requests);
    }
    if (defaults.cpu) amounts.FillIn(kCpu, kDefaultCpu);
    if (defaults.memory) amounts.FillIn(kMemory, kDefaultMemory);
    return amounts;
  }

  void ReplaceByPodLevel(Amounts& sum) const {
    const bool resize = view_ == View::kPlaced && semantics_.pod_level_resize && pod_.pod_status_requests.has_value();
    Amounts effective;
    if (resize) {
      if (!pod_.resize_infeasible) effective.RaiseTo(*pod_.pod_level_requests);
      effective.RaiseTo(*pod_.pod_status_requests);
      effective.RaiseTo(pod_.pod_allocated_resources);
    }
    for (const auto& [name, amount] : *pod_.pod_level_requests) {
      if (Supported(name)) sum.At(name) = resize ? effective.At(name) : amount;
    }
  }

  const kube::Pod& pod_;
  const Semantics& semantics_;
  View view_;
};

PodRequests Rounded(const kube::Pod& pod, const Semantics& semantics, View view) {
  const Calculation calculation(pod, semantics, view);
  const Amounts sum = calculation.Sum({});
  PodRequests requests;
  for (const auto& [name, amount] : sum) {
    if (name == kCpu) {
      requests.milli_cpu = amount.MilliValue();
    } else if (name == kMemory) {
      requests.memory = amount.Value();
    } else if (name == kEphemeralStorage) {
      requests.ephemeral_storage = amount.Value();
    } else if (name != kPods && IsScalarResource(name) && amount.Value() != 0) {
      requests.scalars.emplace_back(name, amount.Value());
    }
  }
  std::sort(requests.scalars.begin(), requests.scalars.end());

  const bool pod_level = calculation.PodLevelSet();
  const DefaultsFor defaults{.cpu = !pod_level || !sum.Has(kCpu), .memory = !pod_level || !sum.Has(kMemory)};
  Amounts scored = calculation.Sum(defaults);
  requests.scored_milli_cpu = scored.At(kCpu).MilliValue();
  requests.scored_memory = scored.At(kMemory).Value();
  return requests;
}

bool IsQualifiedNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}
bool IsAlphanumeric(char c) { return IsQualifiedNameChar(c) && c != '-' && c != '_' && c != '.'; }

// apimachinery's IsQualifiedName("requests." + name): a DNS subdomain, a slash, a name of up to 63.
bool IsQuotaName(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos || slash == 0 || name.find('/', slash + 1) != std::string_view::npos)
    return false;
  const std::string_view prefix = name.substr(0, slash), local = name.substr(slash + 1);
  if (prefix.size() + std::string_view("requests.").size() > 253 || local.empty() || local.size() > 63) return false;
  if (!IsAlphanumeric(local.front()) || !IsAlphanumeric(local.back())) return false;
  if (!std::all_of(local.begin(), local.end(), IsQualifiedNameChar)) return false;
  bool label_start = true;
  char previous = '.';
  for (const char c : prefix) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!alphanumeric && (label_start || (c != '-' && c != '.') || (c == '.' && previous == '-'))) return false;
    label_start = c == '.';
    previous = c;
  }
  return !label_start && previous != '-';
}

}  // namespace

PodRequests PendingRequests(const kube::Pod& pod, const Semantics& semantics) {
  return Rounded(pod, semantics, View::kPending);
}

PodRequests PlacedRequests(const kube::Pod& pod, const Semantics& semantics) {
  return Rounded(pod, semantics, View::kPlaced);
}

bool IsScalarResource(std::string_view name) {
  if (name.substr(0, 10) == "hugepages-" || name.substr(0, 19) == "attachable-volumes-") return true;
  return name.find("kubernetes.io/") != std::string_view::npos || IsExtendedResource(name);
}

bool IsExtendedResource(std::string_view name) {
  const bool native = name.find('/') == std::string_view::npos || name.find("kubernetes.io/") != std::string_view::npos;
  return !native && name.substr(0, 9) != "requests." && IsQuotaName(name);
}

bool CanBeDevices(std::string_view name) {
  return IsExtendedResource(name) || name.starts_with("deviceclass.resource.kubernetes.io/");
}

NodeCapacity CapacityOf(const kube::Node& node) {
  NodeCapacity capacity;
  for (const auto& [name, amount] : node.allocatable) {
    if (name == kCpu) {
      capacity.milli_cpu = amount.MilliValue();
    } else if (name == kMemory) {
      capacity.memory = amount.Value();
    } else if (name == kEphemeralStorage) {
      capacity.ephemeral_storage = amount.Value();
    } else if (name == kPods) {
      capacity.pods = amount.Value();
    } else if (IsScalarResource(name) && (amount.Value() != 0 || CanBeDevices(name))) {
      capacity.scalars.emplace_back(name, amount.Value());
    }
  }
  std::sort(capacity.scalars.begin(), capacity.scalars.end());
  return capacity;
}

}  // namespace spillway::sim
