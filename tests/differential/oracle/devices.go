package oracle

import (
	"context"

	v1 "k8s.io/api/core/v1"

	"spillway.io/tests/differential/cluster"
	"spillway.io/tests/differential/verdict"
)

// Clusters here have no ResourceSlices: where a node's device plugin offers none, DynamicResources finds no device. In a
// real cluster it might, and Spillway cannot know. A Pod fits if it fits without; it fits nowhere if it would not fit
// either if every node had as many devices as it may ask for; else nobody but kube-scheduler can say.
func (s *session) nowhereWithDevices(ctx context.Context, c *cluster.Cluster, pod *v1.Pod, without verdict.Verdict) (verdict.Verdict, error) {
	s.listers.loadDevices(c.NodeNames())
	defer s.listers.loadDevices(nil)
	with, err := s.judgeBy(ctx, c, s.profileOf(pod).framework, pod)
	if err != nil || with.Verdict == verdict.Nowhere {
		return without, err
	}
	return verdict.Verdict{Namespace: pod.Namespace, Name: pod.Name, Verdict: verdict.Undecidable,
		Feasible: []string{}, Nodes: []verdict.Node{}}, nil
}
