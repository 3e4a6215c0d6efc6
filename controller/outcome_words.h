#pragma once

#include <string>
#include <string_view>

#include "controller/pending_pod.h"
#include "controller/policy/policy.h"

namespace spillway::controller {

// "fits_real_node", as in the answers of `spillway explain` and `spillway simulate`.
std::string_view Word(Outcome outcome);

struct Asked {
  Instant at{};
  bool dry_run = false;
};
// Why a Pod is, or is not, moved just now: "not moved: namespace kube-system is in --exclude-namespaces".
std::string WhatBecomesOf(const PendingPod& pod, const Decision& decision, const Policy& policy, const Asked& asked);

}  // namespace spillway::controller
