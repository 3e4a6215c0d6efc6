// Package oracle asks the real kube-scheduler plugins.
package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"spillway.io/tests/differential/cluster"
	"spillway.io/tests/differential/verdict"
)

// Version of kube-scheduler, as the linker was told.
var Version string

// Oracle is kube-scheduler with the configuration that comes with the cluster it is asked about, or the default one.
// Not for concurrent use.
type Oracle struct {
	usual, special *session        // special: the last one that was not the usual
	specialFor     json.RawMessage // its configuration
}

// New builds the default framework once; it lives until ctx ends.
func New(ctx context.Context) (*Oracle, error) {
	initMetrics()
	usual, err := newSession(ctx, nil)
	return &Oracle{usual: usual}, err
}

func (o *Oracle) session(ctx context.Context, c *cluster.Cluster) (*session, error) {
	if c.Configuration == nil {
		return o.usual, nil
	}
	if o.special != nil {
		if bytes.Equal(o.specialFor, c.Configuration) {
			return o.special, nil
		}
		o.special.end()
		o.special = nil
	}
	special, err := newSession(ctx, c.Configuration)
	if err != nil {
		return nil, err
	}
	o.special, o.specialFor = special, c.Configuration
	return special, nil
}

// Judge says of every pending Pod what kube-scheduler would, Pod by Pod against the cluster as it is.
func (o *Oracle) Judge(ctx context.Context, c *cluster.Cluster) (verdict.Answer, error) {
	s, err := o.session(ctx, c)
	if err != nil {
		return verdict.Answer{}, err
	}
	s.load(c)
	pending := slices.Clone(c.Pending())
	sort.Slice(pending, func(i, j int) bool {
		a, b := pending[i], pending[j]
		return a.Namespace < b.Namespace || (a.Namespace == b.Namespace && a.Name < b.Name)
	})
	answer := verdict.Answer{Verdicts: []verdict.Verdict{}}
	for _, pod := range pending {
		// A copy: PodRequests adds overhead to the Pod's own big decimals ("0.000001Ki"), and so gives more each time.
		// kube-apiserver stores no such quantity.
		judged, err := s.judge(ctx, c, pod.DeepCopy())
		if err != nil {
			return answer, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		answer.Verdicts = append(answer.Verdicts, judged)
	}
	return answer, nil
}

// judge follows Scheduler.schedulePod and findNodesThatFitPod of k8s.io/kubernetes/pkg/scheduler/schedule_one.go, which
// are not exported, but looks at every node even after enough feasible ones are found.
func (s *session) judge(ctx context.Context, c *cluster.Cluster, pod *v1.Pod) (verdict.Verdict, error) {
	v := verdict.Verdict{Namespace: pod.Namespace, Name: pod.Name, Verdict: verdict.Nowhere, Feasible: []string{}, Nodes: []verdict.Node{}}
	if why := s.undecidable(c, pod); why != "" {
		v.Verdict = verdict.Undecidable
		return v, nil
	}
	if len(c.Nodes) == 0 {
		v.Message = "no nodes available to schedule pods"
		return v, nil
	}
	v, err := s.judgeBy(ctx, c, s.profileOf(pod).framework, pod)
	if err != nil || v.Verdict != verdict.Nowhere || !leavesExtendedResourcesToDRA(c) {
		return v, err
	}
	return s.nowhereWithDevices(ctx, c, pod, v)
}

func (s *session) judgeBy(ctx context.Context, c *cluster.Cluster, f framework.Framework, pod *v1.Pod) (verdict.Verdict, error) {
	v := verdict.Verdict{Namespace: pod.Namespace, Name: pod.Name, Verdict: verdict.Nowhere, Feasible: []string{}, Nodes: []verdict.Node{}}
	state := framework.NewCycleState()
	found := newFindings()
	result, status, narrowing := preFilter(ctx, f, state, pod)
	if !status.IsSuccess() {
		if !status.IsRejected() {
			v.Verdict = verdict.Undecidable // kube-scheduler says SchedulerError and retries
			return v, nil
		}
		found.PreFilterMsg = status.Message()
		v.Message = found.message(len(c.Nodes), pod)
		return v, nil
	}
	leftOutBy := fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", narrowing)
	if !result.AllNodes() {
		found.leaveOut(leftOutBy)
	}
	for _, node := range c.NodeNames() {
		// The Pod's own nominated node is tried first, whatever PreFilter said of it.
		leftOut := !result.AllNodes() && !result.NodeNames.Has(node)
		absent := verdict.Node{Node: node, Filter: "PreFilter", Reasons: []string{leftOutBy}}
		if leftOut && node != pod.Status.NominatedNodeName {
			v.Nodes = append(v.Nodes, absent)
			continue
		}
		info, err := s.shared.NodeInfos().Get(node)
		if err != nil {
			return v, err
		}
		status := f.RunFilterPluginsWithNominatedPods(ctx, state, pod, info)
		switch {
		case status.IsSuccess():
			v.Feasible = append(v.Feasible, node)
		case status.IsRejected():
			found.set(node, status)
			v.Nodes = append(v.Nodes, verdict.Node{Node: node, Filter: filterName(status.Plugin()), Reasons: slices.Sorted(slices.Values(status.Reasons()))})
		case leftOut: // evaluateNominatedNode failed, which is logged and forgotten
			v.Nodes = append(v.Nodes, absent)
		default:
			return verdict.Verdict{Namespace: pod.Namespace, Name: pod.Name, Verdict: verdict.Undecidable,
				Feasible: []string{}, Nodes: []verdict.Node{}}, nil
		}
	}
	// Extenders are asked about nodes that passed all filters, and can only take some away.
	if slices.ContainsFunc(v.Feasible, c.IsReal) && s.askedExtender(pod) != "" {
		return verdict.Verdict{Namespace: pod.Namespace, Name: pod.Name, Verdict: verdict.Undecidable, Feasible: []string{}, Nodes: []verdict.Node{}}, nil
	}
	if slices.ContainsFunc(v.Feasible, c.IsReal) {
		v.Verdict = verdict.Fits
	}
	if len(v.Feasible) == 0 {
		v.Message = found.message(len(c.Nodes), pod)
	}
	return v, nil
}
