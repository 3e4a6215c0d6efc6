#include "cmd/flags/policy_flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

DEFINE_string(overflow_taints, "virtual-kubelet.io/provider,eks.tke.cloud.tencent.com/eklet,azure.com/aci",
              "Keys of NoSchedule taints that fence virtual nodes off, and which overflowing Pods need not tolerate.");
DEFINE_string(exclude_namespaces, "kube-system", "Pods in these namespaces never overflow.");
DEFINE_string(trigger, "insufficient-resources",
              "Which Pods that fit on no real node overflow: insufficient-resources (at least one node lacks resources "
              "for them, or is lost to them: not ready, cordoned, under pressure; or there is none) or any.");

namespace spillway::cmd {
namespace {

// Source: apimachinery validation.IsDNS1123Label.
bool IsNamespaceName(std::string_view name) {
  const auto is_inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), is_inner) && name.front() != '-' &&
         name.back() != '-';
}

}  // namespace

Result<controller::Policy> PolicyFromFlags(const VirtualNodes& virtual_nodes, const sim::SchedulerConfig& scheduler) {
  controller::Policy policy;
  policy.virtual_node_selector = virtual_nodes.text;
  policy.scheduler_names.clear();
  for (const sim::SchedulerProfile& profile : scheduler.profiles) {
    policy.scheduler_names.push_back(profile.scheduler_name);
  }
  policy.overflow_taints = ListOf(FLAGS_overflow_taints);
  policy.exclude_namespaces = ListOf(FLAGS_exclude_namespaces);
  for (const std::string& name : policy.exclude_namespaces) {
    if (IsNamespaceName(name)) continue;
    return Fail(
        Code::kInvalidArgument,
        fmt::format("--exclude-namespaces={}: \"{}\" is no name of a namespace: small letters, digits and inner "
                    "hyphens, at most 63",
                    FLAGS_exclude_namespaces, name));
  }
  if (FLAGS_trigger == "any") {
    policy.trigger = controller::Trigger::kAny;
  } else if (FLAGS_trigger != "insufficient-resources") {
    return Fail(Code::kInvalidArgument, fmt::format("--trigger={}: want insufficient-resources or any", FLAGS_trigger));
  }
  return policy;
}

}  // namespace spillway::cmd
