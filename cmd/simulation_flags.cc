#include "cmd/simulation_flags.h"

#include <fmt/core.h>

#include <algorithm>

#include "cmd/scheduler_config.h"
#include "kube/api/selector.h"

DEFINE_string(virtual_node_selector, "type=virtual-kubelet",
              "Label selector of the virtual nodes; all others are real.");
DEFINE_string(scheduler_config, "",
              "kube-scheduler's own configuration file (KubeSchedulerConfiguration), where it was given one: what it "
              "says about plugins, their arguments and extenders decides which nodes can take a Pod.");
DEFINE_string(scheduler_names, "",
              "Pods of these schedulers only are looked at. Empty: the profiles of --scheduler-config, or "
              "default-scheduler without one.");
DEFINE_string(kube_scheduler_version, "auto",
              "The kube-scheduler to simulate, 1.33 to 1.36; auto: as the API server's version, 1.36 without one.");

namespace spillway::cmd {
namespace {

std::string NamesOf(const sim::SchedulerConfig& config) {
  std::string names;
  for (const sim::SchedulerProfile& profile : config.profiles)
    names += (names.empty() ? "" : ", ") + profile.scheduler_name;
  return names;
}

}  // namespace

Result<int> SchedulerMinorVersion() {
  const std::string& text = FLAGS_kube_scheduler_version;
  if (text == "auto") return 0;
  for (int minor = 33; minor <= 36; ++minor) {
    if (text == fmt::format("1.{}", minor) || text.starts_with(fmt::format("1.{}.", minor))) return minor;
  }
  return Fail(Code::kInvalidArgument,
              fmt::format("--kube-scheduler-version={}: want auto, 1.33, 1.34, 1.35 or 1.36", text));
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
  return VirtualNodes{std::move(*selector), FLAGS_virtual_node_selector};
}

}  // namespace spillway::cmd
