// Package measure makes the large cluster on which the plugins are timed: the same, object for object as far as filters
// look, as Loaded() in bench/simulator_bench.cc.
package measure

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"spillway.io/tests/differential/cluster"
)

const workloads = 500

// Cluster has `podsPerNode` placed Pods on each node, which leave a little cpu free.
func Cluster(nodes, podsPerNode int) *cluster.Cluster {
	c := &cluster.Cluster{}
	for i := range nodes {
		c.Nodes = append(c.Nodes, node(i))
	}
	for i := range nodes * podsPerNode {
		p := pod(i, i%workloads, 120, 500<<20)
		p.Spec.NodeName = nodeName(i % nodes)
		p.Status.Phase = v1.PodRunning
		c.Pods = append(c.Pods, p)
	}
	return c
}

// Shapes of the pending Pod, by name. All of them fit nowhere: no node has a whole cpu left.
var Shapes = map[string]func(*v1.Pod){
	"plain":         func(*v1.Pod) {},
	"node_selector": func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} },
	"zone_spread": func(p *v1.Pod) {
		p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: v1.LabelTopologyZone, WhenUnsatisfiable: v1.DoNotSchedule, LabelSelector: ownApp(p)}}
	},
	"hostname_anti_affinity": func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{TopologyKey: v1.LabelHostname, LabelSelector: ownApp(p)}}}}
	},
}

// Pending is the Pod to judge.
func Pending(shape func(*v1.Pod)) *v1.Pod {
	p := pod(10_000_000, 1, 1000, 1<<30)
	shape(p)
	return p
}

func ownApp(p *v1.Pod) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": p.Labels["app"]}}
}

func nodeName(i int) string { return fmt.Sprintf("ip-10-0-%d.eu-west-1.compute.internal", i) }

func node(i int) *v1.Node {
	disk := "ssd"
	if i%2 == 1 {
		disk = "hdd"
	}
	resources := list(4000, 32<<30)
	resources[v1.ResourcePods] = *resource.NewQuantity(110, resource.DecimalSI)
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName(i), UID: types.UID(fmt.Sprintf("node-%d", i)), Labels: map[string]string{
			"disk": disk, v1.LabelHostname: nodeName(i), v1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%3)}},
		Status: v1.NodeStatus{Capacity: resources, Allocatable: resources,
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}}},
	}
}

// A replica of a workload, as its controller makes it.
func pod(number, workload int, milliCPU, memory int64) *v1.Pod {
	app := fmt.Sprintf("workload-%d", workload)
	tier := "web"
	if workload%2 == 1 {
		tier = "db"
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%d", workload%20), Name: fmt.Sprintf("%s-6c9f7d5b4-%d", app, number),
			UID: types.UID(fmt.Sprintf("pod-%d", number)), Labels: map[string]string{"app": app, "pod-template-hash": "6c9f7d5b4", "tier": tier},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app, UID: types.UID(app), Controller: ptr.To(true)}}},
		Spec: v1.PodSpec{SchedulerName: v1.DefaultSchedulerName, Containers: []v1.Container{{
			Name: "main", Resources: v1.ResourceRequirements{Requests: list(milliCPU, memory)}}}},
	}
}

func list(milliCPU, memory int64) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
		v1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI)}
}
