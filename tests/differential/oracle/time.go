package oracle

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"spillway.io/tests/differential/cluster"
)

// Load makes the cluster the one that Time asks about, with the default profile.
func (o *Oracle) Load(c *cluster.Cluster) { o.usual.load(c) }

// Time measures what kube-scheduler does to find that a Pod fits nowhere: PreFilter, Filter on one node after the other,
// and the message with its counted reasons. One duration a repetition: CPU time of the whole process for one Pod, the
// mean over at least `atLeast`.
func (o *Oracle) Time(ctx context.Context, pod *v1.Pod, repetitions int, atLeast time.Duration) ([]time.Duration, string, error) {
	var took []time.Duration
	var message string
	for range repetitions {
		runtime.GC()
		start, rounds := cpuTime(), 0
		for rounds == 0 || cpuTime()-start < atLeast {
			var err error
			if message, err = o.usual.nowhere(ctx, pod); err != nil {
				return nil, "", err
			}
			rounds++
		}
		took = append(took, (cpuTime()-start)/time.Duration(rounds))
	}
	return took, message, nil
}

func (s *session) nowhere(ctx context.Context, pod *v1.Pod) (string, error) {
	f := s.profileOf(pod).framework
	state := framework.NewCycleState()
	found := newFindings()
	result, status, _ := preFilter(ctx, f, state, pod)
	if !status.IsSuccess() || !result.AllNodes() {
		return "", fmt.Errorf("pod %s was not to be rejected before nodes are looked at: %v", pod.Name, status)
	}
	nodes, err := s.shared.NodeInfos().List()
	if err != nil {
		return "", err
	}
	for _, node := range nodes {
		status := f.RunFilterPluginsWithNominatedPods(ctx, state, pod, node)
		if !status.IsRejected() {
			return "", fmt.Errorf("pod %s was to fit nowhere; node %s: %v", pod.Name, node.Node().Name, status)
		}
		found.set(node.Node().Name, status)
	}
	return found.message(len(nodes), pod), nil
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
