#include "cmd/scheduler_config/plugin_args.h"

#include <fmt/core.h>

#include <charconv>
#include <cstdint>
#include <map>

#include "kube/api/labels.h"

namespace spillway::cmd {
namespace {

using Operator = kube::LabelRequirement::Operator;

bool IsInteger(const std::string& text) {
  std::int64_t value = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(begin, end, value);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

// As component-helpers checks them; a Pod's own may be broken, these may not.
kube::LabelRequirement ReadRequirement(Fields& fields, bool is_field) {
  static const std::map<std::string, Operator> kOperators = {
      {"In", Operator::kIn},         {"NotIn", Operator::kNotIn},
      {"Exists", Operator::kExists}, {"DoesNotExist", Operator::kDoesNotExist},
      {"Gt", Operator::kGt},         {"Lt", Operator::kLt}};
  kube::LabelRequirement requirement;
  requirement.key = fields.Text("key").value_or("");
  const std::string op = fields.Text("operator").value_or("");
  requirement.values = fields.Texts("values");
  fields.RejectTheRest();
  const auto known = kOperators.find(op);
  if (is_field ? requirement.key != "metadata.name" : !kube::IsLabelKey(requirement.key)) {
    fields.Complain("key", is_field ? "want metadata.name" : "want a label's key");
  }
  for (const std::string& value : requirement.values) {
    if (!is_field && !kube::IsLabelValue(value))
      fields.Complain("values", fmt::format("\"{}\" is no label's value", value));
  }
  if (known == kOperators.end() || (is_field && op != "In" && op != "NotIn")) {
    fields.Complain("operator", fmt::format("\"{}\" is no operator here", op));
    return requirement;
  }
  requirement.op = known->second;
  const std::size_t count = requirement.values.size();
  const bool one = is_field || op == "Gt" || op == "Lt";
  if (one && count != 1) fields.Complain("values", fmt::format("{} wants exactly one value", op));
  if (op.ends_with("In") && count == 0) fields.Complain("values", op + " wants a value");
  if (op.ends_with("xist") && count != 0) fields.Complain("values", op + " wants no value");
  if (op == "Exists" && count != 0) fields.Complain("values", "Exists wants no value");
  if ((op == "Gt" || op == "Lt") && count == 1 && !IsInteger(requirement.values.front())) {
    fields.Complain("values", op + " wants a whole number");
  }
  return requirement;
}

kube::NodeSelectorTerm ReadTerm(Fields& fields) {
  kube::NodeSelectorTerm term;
  fields.ForEach("matchExpressions",
                 [&](Fields& each) { term.match_expressions.push_back(ReadRequirement(each, false)); });
  fields.ForEach("matchFields", [&](Fields& each) { term.match_fields.push_back(ReadRequirement(each, true)); });
  fields.RejectTheRest();
  return term;
}

void ReadNodeAffinityArgs(Fields& args, sim::SchedulerProfile& profile) {
  Fields affinity = args.Inside("addedAffinity");
  if (affinity.Get("requiredDuringSchedulingIgnoredDuringExecution")) {
    Fields required = affinity.Inside("requiredDuringSchedulingIgnoredDuringExecution");
    kube::NodeSelector selector;
    required.ForEach("nodeSelectorTerms", [&](Fields& term) { selector.terms.push_back(ReadTerm(term)); });
    required.RejectTheRest();
    profile.added_affinity = std::move(selector);
  }
  affinity.ForEach("preferredDuringSchedulingIgnoredDuringExecution", [](Fields& term) {
    term.Int("weight");
    Fields preference = term.Inside("preference");
    (void)ReadTerm(preference);
    term.RejectTheRest();
  });
  affinity.RejectTheRest();
}

void ReadFitArgs(Fields& args, sim::SchedulerProfile& profile) {
  profile.ignored_resources = args.Texts("ignoredResources");
  profile.ignored_resource_groups = args.Texts("ignoredResourceGroups");
  for (const std::string& group : profile.ignored_resource_groups) {
    if (group.find('/') != std::string::npos) {
      args.Complain("ignoredResourceGroups", fmt::format("{} has a slash; a group is what stands before it", group));
    }
  }
  args.Allow({"scoringStrategy"});
}

// "Honor" or "Ignore".
bool ReadPolicy(Fields& fields, const char* key, bool honor_by_default) {
  const std::string policy = fields.Text(key).value_or(honor_by_default ? "Honor" : "Ignore");
  if (policy != "Honor" && policy != "Ignore") fields.Complain(key, "want Honor or Ignore");
  return policy == "Honor";
}

kube::TopologySpreadConstraint ReadConstraint(Fields& fields) {
  kube::TopologySpreadConstraint constraint;
  const std::int64_t max_skew = fields.Int("maxSkew").value_or(0);
  if (max_skew <= 0 || max_skew > INT32_MAX) fields.Complain("maxSkew", "want a number above 0");
  constraint.max_skew = static_cast<std::int32_t>(max_skew);
  constraint.topology_key = fields.Text("topologyKey").value_or("");
  if (!kube::IsLabelKey(constraint.topology_key)) fields.Complain("topologyKey", "want a label's key");
  const std::string action = fields.Text("whenUnsatisfiable").value_or("");
  if (action != "DoNotSchedule" && action != "ScheduleAnyway") {
    fields.Complain("whenUnsatisfiable", "want DoNotSchedule or ScheduleAnyway");
  }
  constraint.do_not_schedule = action == "DoNotSchedule";
  if (fields.Get("labelSelector")) {
    fields.Complain("labelSelector", "default constraints have none; it is derived for each Pod");
  }
  if (const auto domains = fields.Int("minDomains")) constraint.min_domains = static_cast<std::int32_t>(*domains);
  constraint.node_affinity_honor = ReadPolicy(fields, "nodeAffinityPolicy", true);
  constraint.node_taints_honor = ReadPolicy(fields, "nodeTaintsPolicy", false);
  constraint.match_label_keys = fields.Texts("matchLabelKeys");
  fields.RejectTheRest();
  return constraint;
}

void ReadSpreadArgs(Fields& args, sim::SchedulerProfile& profile) {
  args.ForEach("defaultConstraints", [&](Fields& fields) {
    kube::TopologySpreadConstraint constraint = ReadConstraint(fields);
    for (const kube::TopologySpreadConstraint& other : profile.default_constraints) {
      if (other.topology_key == constraint.topology_key && other.do_not_schedule == constraint.do_not_schedule) {
        fields.Complain("topologyKey", "a second such constraint for " + constraint.topology_key);
      }
    }
    profile.default_constraints.push_back(std::move(constraint));
  });
  const std::string type = args.Text("defaultingType").value_or("System");
  if (type != "System" && type != "List") args.Complain("defaultingType", "want System or List");
  if (type == "System" && !profile.default_constraints.empty()) {
    args.Complain("defaultingType", "want List, since there are defaultConstraints");
  }
}

void ReadOther(const std::string& plugin, Fields& args) {
  if (plugin == "DefaultPreemption") args.Allow({"minCandidateNodesPercentage", "minCandidateNodesAbsolute"});
  if (plugin == "InterPodAffinity") args.Allow({"hardPodAffinityWeight", "ignorePreferredTermsOfExistingPods"});
  if (plugin == "NodeResourcesBalancedAllocation") args.Allow({"resources"});
  if (plugin == "VolumeBinding") args.Allow({"bindTimeoutSeconds", "shape"});
  if (plugin == "DynamicResources") args.Allow({"filterTimeout", "bindingTimeout"});
}

bool HasArgs(const std::string& plugin) {
  for (const char* name : {"DefaultPreemption", "DynamicResources", "InterPodAffinity", "NodeAffinity",
                           "NodeResourcesBalancedAllocation", "NodeResourcesFit", "PodTopologySpread", "VolumeBinding"})
    if (plugin == name) return true;
  return false;
}

}  // namespace

void ReadPluginArgs(const std::string& plugin, Fields& config, sim::SchedulerProfile& profile) {
  if (plugin.empty()) config.Complain("name", "missing");
  if (!HasArgs(plugin)) return config.Allow({"args"});
  Fields args = config.Inside("args");
  const auto kind = args.Text("kind"), version = args.Text("apiVersion");
  if (kind && *kind != plugin + "Args") args.Complain("kind", fmt::format("\"{}\"; want {}Args", *kind, plugin));
  if (version && *version != "kubescheduler.config.k8s.io/v1") {
    args.Complain("apiVersion", fmt::format("\"{}\"; want kubescheduler.config.k8s.io/v1", *version));
  }
  if (plugin == "NodeAffinity") {
    ReadNodeAffinityArgs(args, profile);
  } else if (plugin == "NodeResourcesFit") {
    ReadFitArgs(args, profile);
  } else if (plugin == "PodTopologySpread") {
    ReadSpreadArgs(args, profile);
  } else {
    ReadOther(plugin, args);
  }
  args.RejectTheRest();
}

void ReadExtenders(Fields& root, sim::SchedulerConfig& config) {
  std::vector<std::string> ignored;
  root.ForEach("extenders", [&](Fields& fields) {
    sim::Extender extender;
    extender.url = fields.Text("urlPrefix").value_or("");
    const bool filters = !fields.Text("filterVerb").value_or("").empty();
    fields.ForEach("managedResources", [&](Fields& resource) {
      const std::string name = resource.Text("name").value_or("");
      if (name.empty()) resource.Complain("name", "missing");
      if (resource.Bool("ignoredByScheduler").value_or(false)) ignored.push_back(name);
      extender.managed_resources.push_back(name);
      resource.RejectTheRest();
    });
    // An extender that fails is left out if it is ignorable; while it works it has its say all the same.
    fields.Bool("ignorable");
    fields.Allow({"preemptVerb", "prioritizeVerb", "weight", "bindVerb", "enableHTTPS", "tlsConfig", "httpTimeout",
                  "nodeCacheCapable"});
    fields.RejectTheRest();
    if (filters) config.extenders.push_back(std::move(extender));
  });
  if (ignored.empty()) return;
  for (sim::SchedulerProfile& profile : config.profiles) profile.ignored_resources = ignored;
}

}  // namespace spillway::cmd
