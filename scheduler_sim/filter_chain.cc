#include "scheduler_sim/filter_chain.h"

#include <algorithm>
#include <array>
#include <set>

#include "scheduler_sim/filter.h"

namespace spillway::sim {
namespace {

using Names = std::vector<std::string>;

struct InTree {
  std::string_view name;
  bool is_default = true;
  bool pre_filter = false, filter = false;
  bool filter_needs_pre_filter = false;  // fails the Pod with an error when PreFilter did not run
};

// In the order of the defaults.
constexpr InTree kInTree[] = {
    {"SchedulingGates"},
    {"PrioritySort"},
    {"NodeUnschedulable", true, false, true},
    {"NodeName", true, false, true},
    {"TaintToleration", true, false, true},
    {"NodeAffinity", true, true, true},
    {"NodePorts", true, true, true, true},
    {"NodeResourcesFit", true, true, true, true},
    {"VolumeRestrictions", true, true, true, true},
    {"NodeVolumeLimits", true, true, true},
    {"VolumeBinding", true, true, true, true},
    {"VolumeZone", true, true, true},
    {"PodTopologySpread", true, true, true, true},
    {"InterPodAffinity", true, true, true, true},
    {"DynamicResources", true, true, true, true},
    {"DefaultPreemption"},
    {"NodeResourcesBalancedAllocation"},
    {"ImageLocality"},
    {"DefaultBinder"},
    {"NodeDeclaredFeatures", true, true, true, true},
    {"GangScheduling", false},
    {"TopologyPlacementGenerator", false},
    {"PodGroupPodsCount", false},
};

const InTree* FindInTree(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kInTree), std::end(kInTree), [&](const InTree& plugin) { return plugin.name == name; });
  return found == std::end(kInTree) ? nullptr : found;
}

bool Contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Names Defaults(const Semantics& semantics) {
  Names names;
  for (const InTree& plugin : kInTree) {
    const bool gated = (plugin.name == "NodeDeclaredFeatures" && !semantics.declared_features) ||
                       (plugin.name == "DynamicResources" && !semantics.dynamic_resources);
    if (plugin.is_default && !gated) names.emplace_back(plugin.name);
  }
  return names;
}

Names MultiPoint(const PluginSet& given, const Semantics& semantics) {
  Names merged;
  if (!Contains(given.disabled, "*")) {
    for (const std::string& name : Defaults(semantics)) {
      if (!Contains(given.disabled, name)) merged.push_back(name);
    }
  }
  const Names kept = merged;
  for (const std::string& name : given.enabled) {
    if (!Contains(kept, name)) merged.push_back(name);
  }
  return merged;
}

// Plugins that the extension point names and multiPoint has too come first, then the rest of multiPoint, then the rest
// of what the extension point names.
template <typename Implements>
Names Expand(const PluginSet& point, const Names& multi_point, Implements implements) {
  if (Contains(point.disabled, "*")) return point.enabled;
  Names first, second, third;
  for (const std::string& name : multi_point) {
    if (implements(name) && !Contains(point.disabled, name) && !Contains(point.enabled, name)) second.push_back(name);
  }
  for (const std::string& name : point.enabled) {
    const bool is_override = Contains(multi_point, name) && !Contains(point.disabled, name);
    (is_override ? first : third).push_back(name);
  }
  first.insert(first.end(), second.begin(), second.end());
  first.insert(first.end(), third.begin(), third.end());
  return first;
}

bool IsPreFilter(std::string_view name) {
  const InTree* plugin = FindInTree(name);
  return plugin != nullptr && plugin->pre_filter;
}

bool IsFilter(std::string_view name) {
  const InTree* plugin = FindInTree(name);
  return plugin != nullptr && plugin->filter;
}

std::vector<const Filter*> Simulated(const Names& names) {
  std::vector<const Filter*> filters;
  for (const std::string& name : names) {
    for (const Filter* filter : Filters()) {
      if (filter->name() == name) filters.push_back(filter);
    }
  }
  return filters;
}

std::string WhyRefused(const SchedulerProfile& profile, const Names& multi_point) {
  struct Point {
    const Names& enabled;
    std::string_view name;
    bool (*implements)(std::string_view);
  };
  const auto any = [](std::string_view) { return true; };
  for (const Point& point :
       {Point{multi_point, "multiPoint", any}, Point{profile.pre_enqueue.enabled, "preEnqueue", any},
        Point{profile.pre_filter.enabled, "preFilter", IsPreFilter},
        Point{profile.filter.enabled, "filter", IsFilter}}) {
    std::set<std::string> seen;
    for (const std::string& name : point.enabled) {
      if (!seen.insert(name).second) {
        return "plugins." + std::string(point.name) + " enables " + name + " twice";
      }
      if (FindInTree(name) != nullptr && !point.implements(name)) {
        return "plugins." + std::string(point.name) + " enables " + name + ", which is no plugin of that kind";
      }
    }
  }
  return {};
}

std::string WhyUndecidable(const SchedulerProfile& profile, const Names& multi_point, const Names& pre_filters,
                           const Names& filters) {
  const std::string of = "the profile of its scheduler, " + profile.scheduler_name + ", ";
  for (const Names* names : {&profile.pre_enqueue.enabled, &pre_filters, &filters, &multi_point}) {
    for (const std::string& name : *names) {
      if (FindInTree(name) == nullptr) {
        return of + "uses the plugin " + name + ", which is not part of kube-scheduler and cannot be simulated";
      }
    }
  }
  for (const std::string& name : filters) {
    const InTree* plugin = FindInTree(name);
    if (plugin->filter_needs_pre_filter && !Contains(pre_filters, name)) {
      return of + "runs " + name + " as a filter but not as a preFilter, which kube-scheduler fails with an error";
    }
  }
  return {};
}

}  // namespace

FilterChain ChainOf(const SchedulerProfile& profile, const Semantics& semantics) {
  const Names multi_point = MultiPoint(profile.multi_point, semantics);
  const Names pre_filters = Expand(profile.pre_filter, multi_point, IsPreFilter);
  const Names filters = Expand(profile.filter, multi_point, IsFilter);
  FilterChain chain;
  chain.pre_filters = Simulated(pre_filters);
  chain.filters = Simulated(filters);
  chain.pre_filters_without_volumes = chain.pre_filters;
  chain.filters_without_volumes = chain.filters;
  for (auto* list : {&chain.pre_filters_without_volumes, &chain.filters_without_volumes}) {
    std::erase_if(*list, [](const Filter* filter) { return filter->is_about_volumes(); });
  }
  chain.undecidable = WhyUndecidable(profile, multi_point, pre_filters, filters);
  chain.refused = WhyRefused(profile, multi_point);
  if (chain.undecidable.empty() && !chain.refused.empty()) chain.undecidable = chain.refused;
  return chain;
}

}  // namespace spillway::sim
