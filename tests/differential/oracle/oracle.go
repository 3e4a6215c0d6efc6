// Package oracle asks the real kube-scheduler plugins.
package oracle

import (
	"context"
	"fmt"
	"slices"
	"sort"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	schedmetrics "k8s.io/kubernetes/pkg/scheduler/metrics"

	fwk "k8s.io/kube-scheduler/framework"

	"spillway.io/tests/differential/cluster"
	"spillway.io/tests/differential/verdict"
)

// SchedulerName is the one profile there is.
const SchedulerName = v1.DefaultSchedulerName

// Oracle is kube-scheduler's framework with the default profile, on whatever cluster it is asked about. Not for
// concurrent use.
type Oracle struct {
	framework framework.Framework
	listers   *listers
	nominator *nominator
	shared    *sharedLister
}

// sharedLister lets one framework, expensive to build, look at one snapshot after the other.
type sharedLister struct{ *internalcache.Snapshot }

// New builds the framework once; it lives until ctx ends.
func New(ctx context.Context) (*Oracle, error) {
	schedmetrics.InitMetrics()
	configuration, err := latest.Default()
	if err != nil {
		return nil, err
	}
	o := &Oracle{listers: newListers(), nominator: &nominator{}, shared: &sharedLister{}}
	o.shared.Snapshot = internalcache.NewEmptySnapshot()
	options := append(versionOptions(ctx, o.listers.factory),
		frameworkruntime.WithClientSet(o.listers.client),
		frameworkruntime.WithInformerFactory(o.listers.factory),
		frameworkruntime.WithSnapshotSharedLister(o.shared),
		frameworkruntime.WithPodNominator(o.nominator),
		frameworkruntime.WithParallelism(1),
		frameworkruntime.WithLogger(klog.Background()),
	)
	o.framework, err = frameworkruntime.NewFramework(ctx, plugins.NewInTreeRegistry(), profile(configuration), options...)
	return o, err
}

func profile(configuration *config.KubeSchedulerConfiguration) *config.KubeSchedulerProfile {
	return &configuration.Profiles[0]
}

// Judge says of every pending Pod what kube-scheduler would, Pod by Pod against the cluster as it is.
func (o *Oracle) Judge(ctx context.Context, c *cluster.Cluster) (verdict.Answer, error) {
	o.load(c)
	pending := slices.Clone(c.Pending())
	sort.Slice(pending, func(i, j int) bool {
		a, b := pending[i], pending[j]
		return a.Namespace < b.Namespace || (a.Namespace == b.Namespace && a.Name < b.Name)
	})
	answer := verdict.Answer{Verdicts: []verdict.Verdict{}}
	for _, pod := range pending {
		judged, err := o.judge(ctx, c, pod)
		if err != nil {
			return answer, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		answer.Verdicts = append(answer.Verdicts, judged)
	}
	return answer, nil
}

func (o *Oracle) load(c *cluster.Cluster) {
	o.listers.load(c)
	o.shared.Snapshot = internalcache.NewSnapshot(c.Placed(), c.Nodes)
	o.nominator.load(c)
}

// judge follows Scheduler.schedulePod and findNodesThatFitPod of k8s.io/kubernetes/pkg/scheduler/schedule_one.go, which
// are not exported, but looks at every node even after enough feasible ones are found.
func (o *Oracle) judge(ctx context.Context, c *cluster.Cluster, pod *v1.Pod) (verdict.Verdict, error) {
	v := verdict.Verdict{Namespace: pod.Namespace, Name: pod.Name, Verdict: verdict.Nowhere, Feasible: []string{}, Nodes: []verdict.Node{}}
	if why := c.Undecidable(pod, SchedulerName); why != "" {
		v.Verdict = verdict.Undecidable
		return v, nil
	}
	if len(c.Nodes) == 0 {
		v.Message = "no nodes available to schedule pods"
		return v, nil
	}
	state := framework.NewCycleState()
	diagnosis := framework.Diagnosis{NodeToStatus: framework.NewDefaultNodeToStatus()}
	result, status, rejectors := o.framework.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		if !status.IsRejected() {
			v.Verdict = verdict.Undecidable // kube-scheduler says SchedulerError and retries
			return v, nil
		}
		diagnosis.PreFilterMsg = status.Message()
		v.Message = o.fitError(c, pod, diagnosis)
		return v, nil
	}
	if !result.AllNodes() {
		diagnosis.NodeToStatus.SetAbsentNodesStatus(fwk.NewStatus(fwk.UnschedulableAndUnresolvable,
			fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", sets.List(rejectors))))
	}
	for _, node := range c.NodeNames() {
		// The Pod's own nominated node is tried first, whatever PreFilter said of it.
		if !result.AllNodes() && !result.NodeNames.Has(node) && node != pod.Status.NominatedNodeName {
			v.Nodes = append(v.Nodes, verdict.Node{Node: node, Filter: "PreFilter",
				Reasons: diagnosis.NodeToStatus.AbsentNodesStatus().Reasons()})
			continue
		}
		info, err := o.shared.NodeInfos().Get(node)
		if err != nil {
			return v, err
		}
		status := o.framework.RunFilterPluginsWithNominatedPods(ctx, state, pod, info)
		switch {
		case status.IsSuccess():
			v.Feasible = append(v.Feasible, node)
		case status.IsRejected():
			diagnosis.NodeToStatus.Set(node, status)
			v.Nodes = append(v.Nodes, verdict.Node{Node: node, Filter: status.Plugin(), Reasons: slices.Sorted(slices.Values(status.Reasons()))})
		default:
			return verdict.Verdict{Namespace: pod.Namespace, Name: pod.Name, Verdict: verdict.Undecidable,
				Feasible: []string{}, Nodes: []verdict.Node{}}, nil
		}
	}
	if slices.ContainsFunc(v.Feasible, c.IsReal) {
		v.Verdict = verdict.Fits
	}
	if len(v.Feasible) == 0 {
		v.Message = o.fitError(c, pod, diagnosis)
	}
	return v, nil
}

func (o *Oracle) fitError(c *cluster.Cluster, pod *v1.Pod, diagnosis framework.Diagnosis) string {
	return (&framework.FitError{Pod: pod, NumAllNodes: len(c.Nodes), Diagnosis: diagnosis}).Error()
}
