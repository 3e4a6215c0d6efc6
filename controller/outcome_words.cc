#include "controller/outcome_words.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::controller {

std::string_view Word(Outcome outcome) {
  switch (outcome) {
    case Outcome::kFits:
      return "fits_real_node";
    case Outcome::kUndecidable:
      return "undecidable";
    case Outcome::kNotEligible:
      return "not_eligible";
    case Outcome::kWaiting:
      return "waiting";
    case Outcome::kNoVirtualNode:
      return "no_virtual_node";
    case Outcome::kOverflow:
      return "overflow";
  }
  return "undecidable";
}

namespace {

std::string Becomes(const PendingPod& pod, const Decision& decision, const Policy& policy, const Asked& asked) {
  if (pod.counts_as_placed()) return fmt::format("it is being bound to virtual node {}", pod.assumed_node);
  const auto in = [&](Instant when) { return base::FormatDuration(std::max(Duration(0), when - asked.at)); };
  switch (decision.outcome) {
    case Outcome::kFits:
      return fmt::format("not moved: real node {} takes it; that is for kube-scheduler to do", decision.node);
    case Outcome::kUndecidable:
      return fmt::format("not moved: {}", decision.detail);
    case Outcome::kNotEligible:
      return fmt::format("not moved: {}", decision.held_back->text);
    case Outcome::kWaiting:
      if (decision.wait == Wait::kCondition) {
        return "not moved yet: preemption might make room, so kube-scheduler is to mark it Unschedulable first";
      }
      if (decision.wait == Wait::kTurn) {
        return "not moved yet: a real node would take it as things stand, and only Pods before it in the queue are "
               "expected there, so kube-scheduler is to try it first";
      }
      if (decision.wait == Wait::kBackoff) {
        return fmt::format("not moved yet: {}; next try in {}",
                           pod.bind.failures == 0
                               ? std::string("its bind was refused")
                               : fmt::format("its bind failed {} time{}, last {}", pod.bind.failures,
                                             pod.bind.failures == 1 ? "" : "s", pod.bind.last_failure),
                           in(decision.until.value_or(asked.at)));
      }
      if (decision.wait == Wait::kAutoscaler) {
        return fmt::format("not moved yet: a node autoscaler may bring a node ({}=defer), {} to go",
                           policy.node_autoscaler_set_in, in(decision.until.value_or(asked.at)));
      }
      if (decision.wait == Wait::kGroup) return fmt::format("not moved yet: {}", decision.detail);
      if (decision.wait == Wait::kLimit) return fmt::format("not moved yet: {}", decision.detail);
      if (decision.wait == Wait::kNodeReturn) {
        return fmt::format(
            "not moved yet: node {}, which is not ready, would take it; --node-return-grace={}, {} to go",
            decision.node, base::FormatDuration(policy.node_return_grace), in(decision.until.value_or(asked.at)));
      }
      return fmt::format("not moved yet: that it fits nowhere must stand for --pending-grace={}, {} to go",
                         base::FormatDuration(policy.pending_grace), in(decision.until.value_or(asked.at)));
    case Outcome::kNoVirtualNode:
      return fmt::format("not moved: {}", decision.detail);
    case Outcome::kOverflow:
      if (!asked.dry_run) {
        return fmt::format("moving to a virtual node as soon as its turn comes{}{}",
                           decision.let_go.empty() ? "" : "; ", decision.let_go);
      }
      return fmt::format("{}: would move to virtual node {}: {}{}{}", policy.mode_set_in, decision.node,
                         decision.detail, decision.let_go.empty() ? "" : "; ", decision.let_go);
  }
  return {};
}

}  // namespace

std::string WhatBecomesOf(const PendingPod& pod, const Decision& decision, const Policy& policy, const Asked& asked) {
  return Becomes(pod, decision, policy, asked) + (decision.replicas.empty() ? "" : "; " + decision.replicas);
}

}  // namespace spillway::controller
