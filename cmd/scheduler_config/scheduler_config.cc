#include "cmd/scheduler_config/scheduler_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "cmd/scheduler_config/plugin_args.h"
#include "cmd/scheduler_config/strict_yaml.h"
#include "scheduler_sim/filter_chain.h"

namespace spillway::cmd {
namespace {

constexpr std::string_view kApiVersion = "kubescheduler.config.k8s.io/v1";
constexpr std::string_view kKind = "KubeSchedulerConfiguration";

void ReadType(Fields& root) {
  const std::string version = root.Text("apiVersion").value_or(""), kind = root.Text("kind").value_or("");
  if (kind != kKind) root.Complain("kind", fmt::format("\"{}\"; want {}", kind, kKind));
  if (version != kApiVersion) {
    root.Complain("apiVersion",
                  fmt::format("\"{}\" is not what kube-scheduler 1.30 to 1.36 reads; want {}", version, kApiVersion));
  }
}

sim::PluginSet ReadPluginSet(Fields set) {
  sim::PluginSet plugins;
  const auto read = [&](const char* key, std::vector<std::string>& into) {
    set.ForEach(key, [&](Fields& plugin) {
      const std::string name = plugin.Text("name").value_or("");
      if (name.empty()) plugin.Complain("name", "missing");
      plugin.Int("weight");
      plugin.RejectTheRest();
      for (const char* gone : {"AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"}) {
        if (name == gone) plugin.Complain("name", name + " is gone from kube-scheduler; remove it");
      }
      into.push_back(name);
    });
  };
  read("enabled", plugins.enabled);
  read("disabled", plugins.disabled);
  set.RejectTheRest();
  return plugins;
}

void ReadPlugins(Fields plugins, sim::SchedulerProfile& profile) {
  profile.multi_point = ReadPluginSet(plugins.Inside("multiPoint"));
  profile.pre_enqueue = ReadPluginSet(plugins.Inside("preEnqueue"));
  profile.pre_filter = ReadPluginSet(plugins.Inside("preFilter"));
  profile.filter = ReadPluginSet(plugins.Inside("filter"));
  // None of these makes a Pod unschedulable.
  for (const char* point : {"queueSort", "postFilter", "preScore", "score", "reserve", "permit", "preBind", "bind",
                            "postBind", "placementGenerate", "placementScore"}) {
    (void)ReadPluginSet(plugins.Inside(point));
  }
  plugins.RejectTheRest();
}

void ReadPercentage(Fields& of) {
  const auto percentage = of.Int("percentageOfNodesToScore");
  if (percentage && (*percentage < 0 || *percentage > 100)) {
    of.Complain("percentageOfNodesToScore", fmt::format("{} is not between 0 and 100", *percentage));
  }
}

sim::SchedulerProfile ReadProfile(Fields& fields, bool is_only_one) {
  sim::SchedulerProfile profile;
  const auto name = fields.Text("schedulerName");
  if (name) profile.scheduler_name = *name;
  if (profile.scheduler_name.empty() || (!name && !is_only_one)) {
    fields.Complain("schedulerName", "missing; with several profiles each needs a name of its own");
  }
  ReadPercentage(fields);
  ReadPlugins(fields.Inside("plugins"), profile);
  std::set<std::string> seen;
  fields.ForEach("pluginConfig", [&](Fields& config) {
    const std::string plugin = config.Text("name").value_or("");
    if (!seen.insert(plugin).second) config.Complain("name", plugin + " is configured twice");
    ReadPluginArgs(plugin, config, profile);
    config.RejectTheRest();
  });
  fields.RejectTheRest();
  // Whatever version it is going to be: plugins that only some have are refused by none here.
  const std::string refused = sim::ChainOf(profile, sim::Semantics()).refused;
  if (!refused.empty()) fields.Complain("plugins", "kube-scheduler would not start: " + refused);
  return profile;
}

// Settings of the process; nothing in them changes a verdict.
void CheckTheRest(Fields& root) {
  root.Int("parallelism");
  ReadPercentage(root);
  root.Int("podInitialBackoffSeconds");
  root.Int("podMaxBackoffSeconds");
  for (const char* flag : {"enableProfiling", "enableContentionProfiling", "delayCacheUntilActive"}) root.Bool(flag);
  Fields leader = root.Inside("leaderElection");
  leader.Allow({"leaderElect", "leaseDuration", "renewDeadline", "retryPeriod", "resourceLock", "resourceName",
                "resourceNamespace"});
  leader.RejectTheRest();
  Fields client = root.Inside("clientConnection");
  client.Allow({"kubeconfig", "acceptContentTypes", "contentType", "qps", "burst"});
  client.RejectTheRest();
}

void ReadConfig(Fields root, sim::SchedulerConfig& config) {
  ReadType(root);
  const auto profiles = root.Get("profiles");
  const bool is_only_one = profiles && profiles->IsSequence() && profiles->size() == 1;
  if (profiles && profiles->IsSequence() && profiles->size() > 0) config.profiles.clear();
  root.ForEach("profiles", [&](Fields& fields) {
    sim::SchedulerProfile profile = ReadProfile(fields, is_only_one);
    for (const sim::SchedulerProfile& other : config.profiles) {
      if (other.scheduler_name == profile.scheduler_name) {
        fields.Complain("schedulerName", fmt::format("a second profile named {}", profile.scheduler_name));
      }
    }
    config.profiles.push_back(std::move(profile));
  });
  ReadExtenders(root, config);
  CheckTheRest(root);
  root.RejectTheRest();
}

}  // namespace

Result<sim::SchedulerConfig> ParseSchedulerConfig(std::string_view yaml, std::string_view name) {
  Mistakes mistakes{std::string(name)};
  sim::SchedulerConfig config;
  try {
    if (const auto document = OnlyDocument(yaml, mistakes)) ReadConfig(Fields(mistakes, *document, ""), config);
  } catch (const YAML::Exception& error) {
    mistakes.NoteLine(error.mark.line + 1, error.msg);
  }
  if (mistakes.first()) return Fail(*mistakes.first());
  return config;
}

Result<sim::SchedulerConfig> ReadSchedulerConfig(const std::string& path) {
  const auto text = base::ReadFile(path);
  if (!text) return Fail(text.error());
  return ParseSchedulerConfig(*text, path);
}

}  // namespace spillway::cmd
