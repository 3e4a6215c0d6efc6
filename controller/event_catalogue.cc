#include "controller/event_catalogue.h"

#include <fmt/core.h>

namespace spillway::controller {

const std::vector<EventDoc>& EventCatalogue() {
  static const std::vector<EventDoc> catalogue = {
      {kOverflowScheduled, "Binding", "Normal", "The Pod was bound to a virtual node.",
       "Bound to virtual node vnode-1 after 2.1s pending: 0/12 real nodes fit (8 Insufficient cpu, 4 node(s) had "
       "untolerated taint(s)); chosen of 3 by quota used (3% < 4% < 9%). decision=7f3a2c91"},
      {kWouldOverflow, "Simulating", "Normal", "With --dry-run, instead of OverflowScheduled: nothing was bound.",
       "[dry-run] Would bind to virtual node vnode-1 after 2.1s pending: 0/12 real nodes fit (12 Insufficient cpu). "
       "decision=7f3a2c91"},
      {kOverflowWaiting, "Deferring", "Normal",
       fmt::format("It fits on no real node, and at least {} s pass before it is acted on: a grace, kube-scheduler's "
                   "turn, or that of a node which just became not ready, or is new, and would take it.",
                   kWaitingWorthTellingSeconds),
       "Waiting until 2026-11-22T10:03:12Z (--pending-grace=30s) before overflowing: 0/12 real nodes fit (12 "
       "Insufficient cpu)"},
      {kOverflowNotNeeded, "Simulating", "Normal",
       fmt::format("kube-scheduler marked it Unschedulable, yet for {} s the simulation has found room for it.",
                   kNotNeededAfterSeconds),
       "Fits real node node-7 for 30s, yet kube-scheduler has not placed it; left to kube-scheduler, whose last word "
       "is: 0/12 nodes are available: 12 Insufficient cpu. preemption: 0/12 nodes are available: 12 No preemption "
       "victims found for incoming pod."},
      {kOverflowNotEligible, "Filtering", "Normal", "It fits on no real node, but may not overflow.",
       "Not eligible: namespace kube-system is in --exclude-namespaces; 0/12 real nodes fit (12 Insufficient cpu)"},
      {kOverflowUndecidable, "Simulating", "Normal",
       fmt::format(
           "It uses what the simulation does not know, and is left alone. Told once it is marked Unschedulable, "
           "or after {} s.",
           kUndecidableAfterSeconds),
       "Left alone: it uses resource claims (dynamic resource allocation), which only kube-scheduler can allocate"},
      {kOverflowNoCapacity, "Selecting", "Warning", "It fits on no real node, and no virtual node takes it now.",
       "0/3 virtual nodes fit: 2 Too many pods, 1 not ready; 0/12 real nodes fit (12 Insufficient cpu)"},
      {kOverflowUnsupported, "Selecting", "Warning",
       "It fits on no real node, and no virtual node can run it, however much room there is: a feature, a volume or "
       "its "
       "size is beyond what their providers can.",
       "0/3 virtual nodes fit: 2 cannot run hostPID (spec.hostPID), 1 has no instance that large (at most "
       "cpu=64,memory=512Gi); 0/12 real nodes fit (12 Insufficient cpu)"},
      {kOverflowAtLimit, "Deferring", "Normal",
       "It fits on no real node, and a cap on what may overflow is reached: it goes when something there has ended.",
       "Waiting: limits.namespaces[0] of ConfigMap spillway-system/spillway-configuration of namespace shop: 10 of at "
       "most 10 Pods in use, 1 more wanted; 0/12 real nodes fit (12 Insufficient cpu)"},
      {kOverflowReleased, "Releasing", "Normal",
       "Enough of its workload stay on real nodes: its gate was lifted in the same write that sends it to virtual "
       "nodes, "
       "and kube-scheduler places it there.",
       "Released to virtual nodes: real nodes are kept for others of its workload: LOCAL_REPLICAS=1 on the Pod: of "
       "ReplicaSet shop/web-7d4, 1 on real nodes and 0 that wait before it are enough. decision=7f3a2c91"},
      {kOverflowEvicted, "Evicting", "Normal",
       "Its virtual node could not run it for --virtual-grace, and nothing of it had started: it was evicted, so that "
       "its "
       "owner makes another.",
       "Evicted from virtual node vnode-1, which has not been able to run it for 5m: out of stock; ReplicaSet web-7d4 "
       "makes another, which avoids that node for an hour; 1 of at most 3 evictions an hour. decision=7f3a2c91"},
      {kOverflowEvictionHeld, "Evicting", "Warning",
       "Its virtual node cannot run it, and it is not evicted for now: no other virtual node takes Pods, its owner's "
       "have "
       "been evicted often enough, a PodDisruptionBudget or a missing permission is against it.",
       "Not evicted from virtual node vnode-1, which has not been able to run it for 5m: out of stock; no other "
       "virtual "
       "node takes Pods on which its owner's have not failed. decision=7f3a2c91"},
      {kWouldEvict, "Evicting", "Normal", "In a dry run, instead of OverflowEvicted: nothing was evicted.",
       "[dry-run] Would evict from virtual node vnode-1, which has not been able to run it for 5m: out of stock. "
       "decision=7f3a2c91"},
      {kLocalReplicasAdjusted, "Counting", "Warning",
       "The Pod asks for local replicas, and that is not, or not all, followed: what is used instead. Told once a "
       "workload.",
       "LOCAL_REPLICAS=-1 is no whole number of at least 0: treated as if it was not set"},
      {kConfigurationTaken, "Configuring", "Normal", "On the ConfigMap: what it says is in effect.",
       "In effect from now on, mode Enforce"},
      {kConfigurationRejected, "Configuring", "Warning",
       "On the ConfigMap: it cannot be read, and what is in effect instead.",
       "rejected: config.yaml:4: unknown field \"limits.pod\"; did you mean pods?; the last one that could be read "
       "stays in effect"},
      {kOverflowBindFailed, "Binding", "Warning",
       fmt::format(
           "The bind failed {} times in a row, or was refused with 403: by an admission plugin, or since a permission "
           "is missing.",
           kBindFailuresWorthTelling),
       "Bind to virtual node vnode-1 failed 3 times, next try in 4.0s: the API server answered 500. decision=7f3a2c91"},
  };
  return catalogue;
}

std::string_view ActionOf(std::string_view reason) {
  for (const EventDoc& doc : EventCatalogue()) {
    if (doc.reason == reason) return doc.action;
  }
  return "Overflow";
}

std::string EventsPage() {
  std::string page =
      "# Events\n\n"
      "Written to `events.k8s.io/v1` on the Pod, or the ConfigMap, they are about, as `spillway.io/controller`: "
      "`kubectl describe pod` "
      "shows\n"
      "them. Each reason stands for one state, told once per Pod; the id after `decision=` is also in the log and in "
      "the\n"
      "Pod's annotation `spillway.io/decision-id`. Texts are for people and may change; reasons are stable.\n\n"
      "| reason | type | action | when |\n|---|---|---|---|\n";
  for (const EventDoc& doc : EventCatalogue()) {
    page += fmt::format("| `{}` | {} | {} | {} |\n", doc.reason, doc.type, doc.action, doc.when);
  }
  page += "\nExamples:\n\n```text\n";
  for (const EventDoc& doc : EventCatalogue()) page += fmt::format("{}  {}  {}\n", doc.type, doc.reason, doc.example);
  return page + "```\n";
}

}  // namespace spillway::controller
