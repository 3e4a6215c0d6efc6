#include "cmd/plugin_args.h"

#include <fmt/core.h>

#include <charconv>
#include <map>

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
  if (requirement.key.empty()) fields.Complain("key", "missing");
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

void ReadSpreadArgs(Fields& args, sim::SchedulerProfile&) { args.Allow({"defaultConstraints", "defaultingType"}); }

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

void ReadExtenders(Fields& root, sim::SchedulerConfig&) { root.Allow({"extenders"}); }

}  // namespace spillway::cmd
