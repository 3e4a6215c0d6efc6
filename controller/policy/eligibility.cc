#include "controller/policy/eligibility.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "controller/policy/gates.h"

namespace spillway::controller {
namespace {

using Held = std::optional<HeldBack>;

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// ---- kube-scheduler does not place it now

Held Gated(const kube::Pod& pod, const Policy&) {
  if (!pod.has_scheduling_gates) return std::nullopt;
  if (WaitsForGateOnly(pod)) {
    return HeldBack{
        Rule::kSchedulingGated,
        fmt::format("it has scheduling gates, of which {} is the controller's to lift", kLocalReplicasGate)};
  }
  return HeldBack{Rule::kSchedulingGated, "it has scheduling gates"};
}

Held Terminating(const kube::Pod& pod, const Policy&) {
  if (!pod.is_terminating()) return std::nullopt;
  return HeldBack{Rule::kTerminating, "it is being deleted"};
}

Held OtherScheduler(const kube::Pod& pod, const Policy& policy) {
  const std::string& name = pod.scheduler_name.empty() ? "default-scheduler" : pod.scheduler_name;
  if (Contains(policy.scheduler_names, name)) return std::nullopt;
  return HeldBack{Rule::kOtherScheduler, fmt::format("its scheduler {} is not in --scheduler-names", name)};
}

// ---- it may not overflow

// kube-scheduler failed for a reason of its own: nothing follows about nodes.
Held SchedulerError(const kube::Pod& pod, const Policy&) {
  if (!pod.pod_scheduled || pod.pod_scheduled->is_true || pod.pod_scheduled->reason != "SchedulerError") {
    return std::nullopt;
  }
  return HeldBack{Rule::kSchedulerError, "kube-scheduler reports SchedulerError for it, not Unschedulable"};
}

Held DaemonSet(const kube::Pod& pod, const Policy&) {
  if (!pod.metadata.IsOwnedBy("DaemonSet")) return std::nullopt;
  return HeldBack{Rule::kDaemonSet, "it belongs to a DaemonSet, and so to one node"};
}

Held MirrorPod(const kube::Pod& pod, const Policy&) {
  if (kube::Find(pod.metadata.annotations, "kubernetes.io/config.mirror") == nullptr) return std::nullopt;
  return HeldBack{Rule::kMirrorPod, "it mirrors a static Pod of a kubelet"};
}

Held NamespaceExcluded(const kube::Pod& pod, const Policy& policy) {
  if (!Contains(policy.exclude_namespaces, pod.metadata.ns)) return std::nullopt;
  return HeldBack{Rule::kNamespaceExcluded,
                  fmt::format("namespace {} is in {}", pod.metadata.ns, policy.exclude_namespaces_set_in)};
}

std::string InParentheses(const std::string& text) { return text.empty() ? "" : fmt::format(" ({})", text); }

Held Switched(const kube::Pod& pod, const Policy& policy, const Surroundings& around) {
  const SwitchAnswer answer = AskSwitches(pod, around.namespaces(), around.auto_scale(), policy);
  if (answer.may) return std::nullopt;
  const std::string besides = InParentheses(answer.besides);
  if (answer.own_name) {
    return HeldBack{Rule::kOptedOut,
                    "it is annotated spillway.io/overflow=false; remove the annotation to let it overflow" + besides};
  }
  return HeldBack{Rule::kSwitchedOff, fmt::format("{} keeps it on real nodes{}", answer.by, besides)};
}

using RuleFunction = Held (*)(const kube::Pod&, const Policy&);

template <std::size_t N>
Held First(const std::array<RuleFunction, N>& rules, const kube::Pod& pod, const Policy& policy) {
  for (const RuleFunction rule : rules) {
    if (Held held = rule(pod, policy)) return held;
  }
  return std::nullopt;
}

}  // namespace

std::string_view ToString(Rule rule) {
  switch (rule) {
    case Rule::kSchedulingGated:
      return "scheduling_gated";
    case Rule::kTerminating:
      return "terminating";
    case Rule::kOtherScheduler:
      return "other_scheduler";
    case Rule::kNominated:
      return "nominated";
    case Rule::kSchedulerError:
      return "scheduler_error";
    case Rule::kDaemonSet:
      return "daemon_set";
    case Rule::kMirrorPod:
      return "mirror_pod";
    case Rule::kNamespaceExcluded:
      return "namespace_excluded";
    case Rule::kOptedOut:
      return "opted_out";
    case Rule::kSwitchedOff:
      return "switched_off";
    case Rule::kRestricted:
      return "restricted";
    case Rule::kTrigger:
      return "trigger";
  }
  return "unknown";
}

Held WhyNotScheduled(const kube::Pod& pod, const Policy& policy) {
  static constexpr std::array<RuleFunction, 3> kRules = {Gated, Terminating, OtherScheduler};
  return First(kRules, pod, policy);
}

Held WhyNominated(const kube::Pod& pod) {
  if (pod.nominated_node_name.empty()) return std::nullopt;
  return HeldBack{Rule::kNominated, fmt::format("it is nominated to node {}", pod.nominated_node_name)};
}

Held WhyNotEligible(const kube::Pod& pod, const Policy& policy, const Surroundings& around) {
  static constexpr std::array<RuleFunction, 4> kRules = {SchedulerError, DaemonSet, MirrorPod, NamespaceExcluded};
  if (Held held = First(kRules, pod, policy)) return held;
  return Switched(pod, policy, around);
}

Held WhyRestricted(const kube::Pod& pod, std::span<const sim::ClaimedVolume> volumes, const Policy& policy) {
  auto why = WhyRestricted(pod, volumes, policy.restrictions);
  if (!why) return std::nullopt;
  return HeldBack{Rule::kRestricted, std::move(*why)};
}

std::string WhatLetItGo(const kube::Pod& pod, const Policy& policy, const Surroundings& around) {
  const SwitchAnswer answer = AskSwitches(pod, around.namespaces(), around.auto_scale(), policy);
  if (answer.by.empty()) return answer.besides;
  return fmt::format("let go by {}{}", answer.by, InParentheses(answer.besides));
}

Held WhyNotTriggered(const sim::Explanation& nowhere, const Policy& policy) {
  if (policy.trigger == Trigger::kAny || nowhere.lacks_capacity()) return std::nullopt;
  return HeldBack{Rule::kTrigger,
                  "no real node lacks resources for it or is lost to it, it is kept off all of them by its own "
                  "constraints; --trigger=any would let it overflow"};
}

bool IsMarkedUnschedulable(const kube::Pod& pod) {
  return pod.pod_scheduled && !pod.pod_scheduled->is_true && pod.pod_scheduled->reason == "Unschedulable";
}

}  // namespace spillway::controller
