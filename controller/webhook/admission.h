#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/policy/gates.h"
#include "controller/policy/restrictions.h"
#include "kube/api/objects.h"

// What Spillway does to a Pod as it is created: a function of the AdmissionReview that kube-apiserver sends and of what
// is known now. It only adds, never to its own namespace or kube-system, and to a Pod that it has seen already nothing.
//
// Source: k8s.io/api admission/v1 (AdmissionReview), kubernetes pkg/apis/core/validation (what a gated Pod may be),
// brief: virtual-node-affinity-injection of ACK, LOCAL_REPLICAS and tke-scheduler of tke-resilience.
namespace spillway::webhook {

using controller::kLocalReplicasGate;
// Annotation of a Pod that was sent to virtual nodes since its namespace says so.
inline constexpr std::string_view kInjected = "spillway.io/injected";

// Which of its two webhooks was asked: kube-apiserver itself looks at the namespace's label and asks the right one.
enum class Duty : std::uint8_t {
  kInject,  // namespaces with virtual-node-affinity-injection=enabled: affinity, toleration, deletion cost
  kAdopt,   // all others too: schedulerName, and the gate of Pods with local replicas
};

// Values only; another copy when something changes.
struct AdmissionRules {
  std::vector<std::string> excluded_namespaces = {"kube-system"};  // and its own
  std::vector<std::string> adopted_schedulers = {"tke-scheduler"};
  // Somebody is there to lift gates: the leader's Lease is fresh, and the mode is Enforce.
  bool gates = false;

  kube::LabelSelector virtual_nodes;
  std::vector<std::string> overflow_taints;  // keys, see sim::SpreadOptions
  std::string pod_deletion_cost = "-1000";   // empty: none
  controller::Restrictions restrictions;
};

struct AdmissionAnswer {
  int status = 200;  // 400: it is no AdmissionReview, and `body` says why as text; kube-apiserver goes by failurePolicy
  std::string body;
  // For metrics, none of a dry run.
  bool patched = false, is_dry_run = false;
};

// Never throws, whatever the bytes: a Pod that cannot be read is let through as it is, with a warning. At most as long
// as a few times the body, which the server limits.
AdmissionAnswer Review(std::string_view body, Duty duty, const AdmissionRules& rules);

}  // namespace spillway::webhook
