#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// Judges a pending Pod alone, nominated Pods of its own or higher priority on their nodes: a node one of them waits for
// must admit the Pod both with and without them, as kube-scheduler has it. The node that the Pod itself is nominated to
// is tried whatever PreFilter says of it, and keeps the reason found there; that kube-scheduler itself fails on it
// there is logged and forgotten.
//
// Source: kube-scheduler framework/runtime RunFilterPluginsWithNominatedPods; schedule_one.go evaluateNominatedNode.
Evaluation EvaluatePod(const Cluster::Model& model, PodIndex pod, const NodeSet& domain);

// Nodes where a nominated Pod of priority at least `pod`'s waits, other than itself, with those Pods.
struct NominatedAt {
  NodeIndex node;
  std::vector<PodIndex> pods;
};
std::vector<NominatedAt> NominatedAhead(const Cluster::Model& model, PodIndex pod);

// Adds (1) or takes away (-1) a nominated Pod on its node, as far as the question's Pod sees it: kube-scheduler's
// AddPod extensions update what PreFilter counted, by rules of their own. `base` is the usage without nominated Pods.
//
// Source: interpodaffinity and podtopologyspread AddPod; spread looks neither at deletion timestamps nor for empty
// selectors there, and inter-Pod affinity that PreFilter skipped stays skipped.
void ChangeNominated(const Cluster::Model& model, const PodClass& pod, const Usage& base, PodIndex nominated,
                     std::int32_t change, Usage& usage);

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

// Why a node that passed all filters does not settle it: an extender that is asked about Pods of this class.
std::string LastWordOf(const PodClass& pod_class);
// Why a Pod is undecidable that makes kube-scheduler itself fail with `error`.
std::string SchedulerFails(const std::string& error);

std::shared_ptr<const Explanation> Explain(const Evaluation& evaluation, const NodeSet& domain);

// kube-scheduler's LeastAllocated score, cpu and memory weighing the same: 0 to 100, higher is better.
//
// Source: kube-scheduler plugins/noderesources/least_allocated.go, whole-number arithmetic included.
std::int64_t LeastAllocatedScore(const Question& question, NodeIndex node);

// The best of `feasible` by score, then by name; invalid when empty.
NodeIndex BestNode(const Question& question, const NodeSet& feasible);

}  // namespace spillway::sim
