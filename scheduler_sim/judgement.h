#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A node with Pods that are nominated to it.
struct NominatedAt {
  NodeIndex node;
  std::vector<PodIndex> pods;
};
// Nodes where one of the nominated Pods, of priority at least `pod`'s and other than itself, waits, with those Pods.
std::vector<NominatedAt> NominatedAhead(const Cluster::Model& model, const std::vector<PodIndex>& nominated,
                                        PodIndex pod);

// What one Pod is judged by: its class in this usage, the node that it is nominated to itself, if any, and the
// nominated Pods that come before it.
struct Case {
  Question question;
  NodeIndex own;
  const std::vector<NominatedAt>& ahead;
};
// Judges a pending Pod alone, nominated Pods of its own or higher priority on their nodes: a node one of them waits for
// must admit the Pod both with and without them, as kube-scheduler has it. The node that the Pod itself is nominated to
// is tried whatever PreFilter says of it, and keeps the reason found there; that kube-scheduler itself fails on it
// there is logged and forgotten. `scratch` holds the question's usage, before and after; it is not looked at while
// there is neither an own node nor somebody ahead.
//
// kube-scheduler looks at virtual nodes as well: it fails on the Pod wherever it fails, also outside `domain`.
//
// Source: kube-scheduler framework/runtime RunFilterPluginsWithNominatedPods; schedule_one.go evaluateNominatedNode.
Evaluation EvaluateCase(const Case& of, const NodeSet& domain, Usage& scratch);

// Adds (1) or takes away (-1) the Pods nominated to a node, as far as the question's Pod sees them: kube-scheduler's
// AddPod extensions update what PreFilter counted, by rules of their own. The question's usage is without nominated
// Pods, and not `usage`.
//
// Source: interpodaffinity and podtopologyspread AddPod; spread looks neither at deletion timestamps nor for empty
// selectors there, and inter-Pod affinity that PreFilter skipped stays skipped.
void ChangeNominated(const Question& question, const NominatedAt& at, std::int32_t change, Usage& usage);

// The first failing filter on one node and its reasons; an empty filter name when the node is feasible.
NodeReport Inspect(const Question& question, NodeIndex node);
// The same with the Pods of `ahead` that wait for this node, then without. `scratch` holds the question's usage, before
// and after.
NodeReport Inspect(const Question& question, NodeIndex node, const std::vector<NominatedAt>& ahead, Usage& scratch);
// What is said of a node that a PreFilter result leaves out; NodeAffinity's is the only such result.
NodeReport NotAskedAbout(NodeIndex node);
// The same as Inspect() for the node that the Pod itself is nominated to, when PreFilter left it out.
NodeReport InspectLeftOut(const Question& question, NodeIndex own, const std::vector<NominatedAt>& ahead,
                          Usage& scratch);
// Whether only a filter that may err about `node` has anything against it, with the Pods of `ahead` or without.
bool MayAdmit(const Question& question, NodeIndex node, const std::vector<NominatedAt>& ahead, Usage& scratch);

// Why a node that passed all filters does not settle it: an extender that is asked about Pods of this class.
std::string LastWordOf(const PodClass& pod_class);
// Why a Pod is undecidable that makes kube-scheduler itself fail with `error`.
std::string SchedulerFails(const std::string& error);

// `evaluation` is the question's, of `domain`, and leaves no node.
std::shared_ptr<const Explanation> Explain(const Question& question, const Evaluation& evaluation,
                                           const NodeSet& domain);
// kNowhere, or kUndecidable when there is a doubt.
Verdict FitsNowhere(std::shared_ptr<const Explanation> why_not);

// kube-scheduler's LeastAllocated score, cpu and memory weighing the same: 0 to 100, higher is better.
//
// Source: kube-scheduler plugins/noderesources/least_allocated.go, whole-number arithmetic included.
std::int64_t LeastAllocatedScore(const Question& question, NodeIndex node);

// The best of `feasible` by score, then by name; invalid when empty.
NodeIndex BestNode(const Question& question, const NodeSet& feasible);
// The Pod's place among the nodes that take it: the one it is nominated to, else the best.
NodeIndex PlaceFor(const Case& of, const NodeSet& feasible);

}  // namespace spillway::sim
