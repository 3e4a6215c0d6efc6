//go:build !before132

package oracle

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

type snapshot = internalcache.Snapshot

var newSnapshot = internalcache.NewSnapshot

func newClient() kubernetes.Interface { return fake.NewClientset() }
func initMetrics()                    { metrics.InitMetrics() }

// preFilter also names the plugins that narrowed the nodes.
func preFilter(ctx context.Context, f framework.Framework, state *framework.CycleState, pod *v1.Pod) (*preFilterResult, *nodeStatus, []string) {
	result, status, narrowing := f.RunPreFilterPlugins(ctx, state, pod)
	return result, status, sets.List(narrowing)
}

// findings are what the message is made of.
type findings struct{ framework.Diagnosis }

func newFindings() findings {
	return findings{framework.Diagnosis{NodeToStatus: framework.NewDefaultNodeToStatus()}}
}

func (f *findings) set(node string, status *nodeStatus) { f.NodeToStatus.Set(node, status) }

// leaveOut says why the nodes are not looked at that PreFilter leaves out.
func (f *findings) leaveOut(why string) {
	f.NodeToStatus.SetAbsentNodesStatus(newStatus(unresolvable, why))
}

func (f *findings) message(nodes int, pod *v1.Pod) string {
	return (&framework.FitError{Pod: pod, NumAllNodes: nodes, Diagnosis: f.Diagnosis}).Error()
}
