#include "cmd/simulation_flags.h"

#include <fmt/core.h>

#include "kube/api/selector.h"

DEFINE_string(virtual_node_selector, "type=virtual-kubelet",
              "Label selector of the virtual nodes; all others are real.");
DEFINE_string(scheduler_names, "default-scheduler", "Pods of these schedulers only are looked at.");
DEFINE_string(kube_scheduler_version, "auto",
              "The kube-scheduler to simulate, 1.33 to 1.36; auto: as the API server's version, 1.36 without one.");

namespace spillway::cmd {

Result<int> SchedulerMinorVersion() {
  const std::string& text = FLAGS_kube_scheduler_version;
  if (text == "auto") return 0;
  for (int minor = 33; minor <= 36; ++minor) {
    if (text == fmt::format("1.{}", minor) || text.starts_with(fmt::format("1.{}.", minor))) return minor;
  }
  return Fail(Code::kInvalidArgument,
              fmt::format("--kube-scheduler-version={}: want auto, 1.33, 1.34, 1.35 or 1.36", text));
}

Result<std::vector<std::string>> SchedulerNames() {
  auto names = ListOf(FLAGS_scheduler_names);
  if (names.empty()) {
    return Fail(Code::kInvalidArgument, "--scheduler-names is empty: no Pod would ever be looked at");
  }
  return names;
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
