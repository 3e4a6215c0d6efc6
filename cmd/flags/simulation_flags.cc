#include "cmd/flags/simulation_flags.h"

#include <fmt/core.h>

#include <algorithm>

#include "cmd/scheduler_config/scheduler_config.h"
#include "kube/api/pod_features.h"
#include "kube/api/selector.h"
#include "scheduler_sim/semantics.h"

DEFINE_string(virtual_node_selector, "type=virtual-kubelet",
              "Label selector of the virtual nodes; all others are real.");
DEFINE_string(foreign_node_capabilities, std::string(spillway::kube::kForeignNodeCapabilities),
              "What virtual nodes can run that do not say it themselves, as those of other people: names of "
              "docs/capabilities.md; * is everything. Pods that ask for more are not moved there.");
DEFINE_string(scheduler_config, "",
              "kube-scheduler's own configuration file (KubeSchedulerConfiguration), where it was given one: what it "
              "says about plugins, their arguments and extenders decides which nodes can take a Pod.");
DEFINE_string(scheduler_names, "",
              "Pods of these schedulers only are looked at. Empty: the profiles of --scheduler-config, or "
              "default-scheduler without one.");
DEFINE_string(kube_scheduler_version, "auto",
              "The kube-scheduler to simulate, 1.30 to 1.36; auto: as the API server's version, 1.36 without one.");

namespace spillway::cmd {
namespace {

std::string NamesOf(const sim::SchedulerConfig& config) {
  std::string names;
  for (const sim::SchedulerProfile& profile : config.profiles)
    names += (names.empty() ? "" : ", ") + profile.scheduler_name;
  return names;
}

// The same selector with what a nodeSelector can say, one value of a label, as labels: to send Pods to what it selects.
kube::LabelSelector WithLabels(kube::LabelSelector selector) {
  auto& requirements = selector.match_expressions;
  const auto is_label = [](const kube::LabelRequirement& each) {
    return each.op == kube::LabelRequirement::Operator::kIn && each.values.size() == 1;
  };
  for (const kube::LabelRequirement& each : requirements) {
    if (is_label(each)) selector.match_labels.emplace_back(each.key, each.values.front());
  }
  requirements.erase(std::remove_if(requirements.begin(), requirements.end(), is_label), requirements.end());
  return selector;
}

}  // namespace

Result<int> SchedulerMinorVersion() {
  const std::string& text = FLAGS_kube_scheduler_version;
  if (text == "auto") return 0;
  for (int minor = sim::kOldestMinorVersion; minor <= sim::kNewestMinorVersion; ++minor) {
    if (text == fmt::format("1.{}", minor) || text.starts_with(fmt::format("1.{}.", minor))) return minor;
  }
  return Fail(Code::kInvalidArgument, fmt::format("--kube-scheduler-version={}: want auto, or one of 1.{} to 1.{}",
                                                  text, sim::kOldestMinorVersion, sim::kNewestMinorVersion));
}

Result<sim::SchedulerConfig> SchedulerProfiles() {
  const std::vector<std::string> names = ListOf(FLAGS_scheduler_names);
  if (FLAGS_scheduler_config.empty()) return sim::DefaultConfig(names);
  auto config = ReadSchedulerConfig(FLAGS_scheduler_config);
  if (!config || names.empty()) return config;
  for (const std::string& name : names) {
    const auto& profiles = config->profiles;
    if (std::any_of(profiles.begin(), profiles.end(), [&](const auto& each) { return each.scheduler_name == name; })) {
      continue;
    }
    return Fail(Code::kInvalidArgument,
                fmt::format("--scheduler-names={}: --scheduler-config={} has no profile {}; it has {}",
                            FLAGS_scheduler_names, FLAGS_scheduler_config, name, NamesOf(*config)));
  }
  std::erase_if(config->profiles, [&](const auto& profile) {
    return std::find(names.begin(), names.end(), profile.scheduler_name) == names.end();
  });
  return config;
}

Result<VirtualNodes> VirtualNodeSelector() {
  auto selector = kube::ParseSelector(FLAGS_virtual_node_selector);
  if (!selector || FLAGS_virtual_node_selector.empty()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--virtual-node-selector={}: {}", FLAGS_virtual_node_selector,
                            selector ? "an empty selector would make every node virtual" : selector.error().message));
  }
  auto foreign = kube::Capabilities::Parse(FLAGS_foreign_node_capabilities);
  for (const std::string& name : foreign.names()) {
    if (name == "*" || kube::IsFeatureName(name)) continue;
    return Fail(
        Code::kInvalidArgument,
        fmt::format("--foreign-node-capabilities: there is no feature \"{}\"; docs/capabilities.md lists them", name));
  }
  return VirtualNodes{WithLabels(std::move(*selector)), FLAGS_virtual_node_selector, std::move(foreign)};
}

}  // namespace spillway::cmd
