#include "cmd/flags/policy_flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "cmd/configuration/configuration.h"

DEFINE_string(overflow_taints, "virtual-kubelet.io/provider,eks.tke.cloud.tencent.com/eklet,azure.com/aci",
              "Keys of NoSchedule taints that fence virtual nodes off, and which overflowing Pods need not tolerate.");
DEFINE_string(exclude_namespaces, "kube-system", "Pods in these namespaces never overflow.");
DEFINE_string(trigger, "insufficient-resources",
              "Which Pods that fit on no real node overflow: insufficient-resources (at least one node lacks resources "
              "for them, or is lost to them: not ready, cordoned, under pressure; or there is none) or any.");

DEFINE_string(restrictions, "none",
              "What virtual nodes of a provider do not run, whatever they say of themselves: tke, eci, none, or a file "
              "with the fields of a profile; docs/policy.md lists them.");
DEFINE_string(
    auto_scale_eks_config, "kube-system/eks-config",
    "ConfigMap whose AUTO_SCALE_EKS switches overflow for the whole cluster, as namespace/name; empty: none.");
DEFINE_string(
    auto_scale_eks_table, "coherent",
    "How AUTO_SCALE_EKS of a Pod and of the cluster add up: coherent (the Pod's wins) or brief (a Pod's false "
    "counts as not set).");
DEFINE_string(node_autoscaler, "ignore",
              "ignore, or defer: Pods that fit nowhere wait for cluster-autoscaler or Karpenter to bring a node, for "
              "--node-autoscaler-deadline at most.");
DEFINE_duration(node_autoscaler_deadline, "3m", "So long a node autoscaler gets for each Pod; at most 1h.");

namespace spillway::cmd {
namespace {

// Source: apimachinery validation.IsDNS1123Label.
bool IsNamespaceName(std::string_view name) {
  const auto is_inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), is_inner) && name.front() != '-' &&
         name.back() != '-';
}

bool IsObjectName(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && IsNamespaceName(text.substr(0, slash)) && slash + 1 < text.size() &&
         text.find('/', slash + 1) == std::string_view::npos;
}

Status ReadSwitches(controller::Policy& policy) {
  policy.auto_scale_eks_config = FLAGS_auto_scale_eks_config;
  if (!policy.auto_scale_eks_config.empty() && !IsObjectName(policy.auto_scale_eks_config)) {
    return Fail(Code::kInvalidArgument, fmt::format("--auto-scale-eks-config={}: want namespace/name, or nothing",
                                                    FLAGS_auto_scale_eks_config));
  }
  if (FLAGS_auto_scale_eks_table == "brief") {
    policy.auto_scale_eks_table = controller::SwitchTable::kBrief;
  } else if (FLAGS_auto_scale_eks_table != "coherent") {
    return Fail(Code::kInvalidArgument,
                fmt::format("--auto-scale-eks-table={}: want coherent or brief", FLAGS_auto_scale_eks_table));
  }
  return {};
}

Status ReadNodeAutoscaler(controller::Policy& policy) {
  if (FLAGS_node_autoscaler == "defer") {
    policy.node_autoscaler = controller::NodeAutoscaler::kDefer;
  } else if (FLAGS_node_autoscaler != "ignore") {
    return Fail(Code::kInvalidArgument,
                fmt::format("--node-autoscaler={}: want ignore or defer", FLAGS_node_autoscaler));
  }
  policy.node_autoscaler_deadline = DurationOf(FLAGS_node_autoscaler_deadline);
  if (policy.node_autoscaler_deadline > std::chrono::hours(1)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--node-autoscaler-deadline={}: want at most 1h", FLAGS_node_autoscaler_deadline));
  }
  return {};
}

}  // namespace

Result<controller::Policy> PolicyOfFlags() {
  auto virtual_nodes = VirtualNodeSelector();
  if (!virtual_nodes) return Fail(std::move(virtual_nodes.error()));
  auto scheduler = SchedulerProfiles();
  if (!scheduler) return Fail(std::move(scheduler.error()));
  return PolicyFromFlags(*virtual_nodes, *scheduler);
}

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
  for (const auto read : {ReadSwitches, ReadNodeAutoscaler}) {
    if (Status status = read(policy); !status) return Fail(std::move(status.error()));
  }
  auto restrictions = RestrictionsFromFlag(FLAGS_restrictions);
  if (!restrictions) return Fail(std::move(restrictions.error()));
  policy.restrictions = std::move(*restrictions);
  if (FLAGS_trigger == "any") {
    policy.trigger = controller::Trigger::kAny;
  } else if (FLAGS_trigger != "insufficient-resources") {
    return Fail(Code::kInvalidArgument, fmt::format("--trigger={}: want insufficient-resources or any", FLAGS_trigger));
  }
  return policy;
}

}  // namespace spillway::cmd
