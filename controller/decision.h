#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "controller/policy/eligibility.h"
#include "scheduler_sim/verdict.h"

// What a round makes of a Pod: data, nothing executed yet.
namespace spillway::controller {

enum class Outcome : std::uint8_t {
  kFits,           // a real node takes it: kube-scheduler's business
  kUndecidable,    // left alone
  kNotEligible,    // see Decision::held_back
  kWaiting,        // see Decision::wait
  kNoVirtualNode,  // fits on no real node and on no virtual node
  kOverflow,       // onto the virtual node that suits when its turn comes
};

enum class Wait : std::uint8_t {
  kGrace,       // --pending-grace
  kCondition,   // preemption might help: kube-scheduler is to say so first
  kBackoff,     // a bind failed
  kAutoscaler,  // it may bring a node: --node-autoscaler-deadline
  kGroup,       // the others of its group, see policy/groups.h
  kLimit,       // a cap is reached, see limits.h
  kTurn,  // a real node would take it as things stand, but Pods before it are expected there: kube-scheduler's turn
  kNodeReturn,  // Decision::node, a real one that just became not ready or is new, would take it: --node-return-grace
};

// Why no virtual node takes a Pod, by what would change that.
enum class NoPlace : std::uint8_t {
  kNoneExists,  // a virtual node
  kNoneCanRun,  // another Pod: the provider of none can run this one
  kNoneFits,    // room, or a node that can be used again
};

struct Decision {
  Outcome outcome = Outcome::kUndecidable;
  // What the simulation said; nullopt when the Pod took no part in it.
  std::optional<sim::Verdict::Kind> verdict;
  Instant since{};  // when that verdict was first reached
  sim::ClassIndex pod_class;
  std::string node;  // kFits, kNodeReturn: a real node; kOverflow: the virtual node, once it is chosen
  std::shared_ptr<const sim::Explanation> nowhere;  // why no real node takes it; null unless that is so
  std::optional<HeldBack> held_back;                // kNotEligible
  Wait wait = Wait::kGrace;                         // kWaiting
  std::optional<Instant> until;                     // kWaiting: when to look again, if time alone can change it
  // Where it stands among the replicas of its workload, see policy/local_replicas.h; empty: it asks for nothing of the
  // kind.
  std::string replicas;
  std::string replicas_besides;  // of that, what is not followed, and what is used instead; empty: all is
  bool is_beyond_local = false;  // enough others stay local: it goes though a real node may take it
  std::string detail;            // kUndecidable: why; kLimit: which; kOverflow, kNoVirtualNode: the balancer's words
  std::string let_go;            // kOverflow: which switches did, see WhatLetItGo()
  NoPlace none = NoPlace::kNoneFits;  // kNoVirtualNode
};

}  // namespace spillway::controller
