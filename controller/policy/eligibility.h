#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controller/policy/policy.h"
#include "controller/policy/surroundings.h"
#include "kube/api/objects.h"
#include "scheduler_sim/verdict.h"

namespace spillway::controller {

// Why a Pod is not Spillway's business.
enum class Rule : std::uint8_t {
  // kube-scheduler does not place it now: it takes no part in the simulation either.
  kSchedulingGated,
  kTerminating,
  kOtherScheduler,
  // It takes its place in the simulation, but may not overflow.
  kNominated,
  kSchedulerError,
  kDaemonSet,
  kMirrorPod,
  kNamespaceExcluded,
  kOptedOut,     // spillway.io/overflow on the Pod
  kSwitchedOff,  // any other switch, see switches.h
  kRestricted,   // see restrictions.h
  kTrigger,
};
// As the reason label of spillway_decisions_total: "namespace_excluded".
std::string_view ToString(Rule rule);

struct HeldBack {
  Rule rule;
  std::string text;  // for operators, with what to change: "namespace kube-system is in --exclude-namespaces"
};

// nullopt when kube-scheduler would place the Pod now, so that it competes for real nodes.
std::optional<HeldBack> WhyNotScheduled(const kube::Pod& pod, const Policy& policy);
// Set when kube-scheduler or an autoscaler has a node in mind for it, or preemption is under way. That holds it back
// for as long as something may come of it, see Decide().
std::optional<HeldBack> WhyNominated(const kube::Pod& pod);
// nullopt when the Pod may overflow if it fits on no real node. Precondition: WhyNotScheduled() is nullopt.
std::optional<HeldBack> WhyNotEligible(const kube::Pod& pod, const Policy& policy, const Surroundings& around);
// nullopt when no restriction of the provider is against it. `volumes`: of its claims.
std::optional<HeldBack> WhyRestricted(const kube::Pod& pod, std::span<const sim::ClaimedVolume> volumes,
                                      const Policy& policy);
// Which switches let an eligible Pod overflow, and which are not followed: "let go by AUTO_SCALE_EKS=true on the Pod
// (...)"; empty: none says anything.
std::string WhatLetItGo(const kube::Pod& pod, const Policy& policy, const Surroundings& around);
// nullopt when this way of fitting nowhere is a case for overflow.
std::optional<HeldBack> WhyNotTriggered(const sim::Explanation& nowhere, const Policy& policy);

// kube-scheduler has tried the Pod and written the condition PodScheduled=False, reason Unschedulable.
bool IsMarkedUnschedulable(const kube::Pod& pod);

}  // namespace spillway::controller
