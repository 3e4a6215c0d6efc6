// Package generate makes random clusters: small, so that a disagreement can be read, and tuned so that verdicts are
// mixed. Objects are what kube-apiserver could hold, corner cases included.
package generate

import (
	"fmt"
	"math/rand/v2"
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"spillway.io/tests/differential/cluster"
)

// A feature of Pods or nodes that a generated cluster may be rich in.
type feature struct {
	name   string
	begin  func(*builder) // before there is any object but namespaces
	node   func(*builder, *v1.Node)
	pod    func(*builder, *v1.Pod)
	finish func(*builder)
}

var features []feature

func init() {
	features = []feature{
		{name: "resources", node: (*builder).nodeResources, pod: (*builder).podResources},
		{name: "resize", pod: (*builder).podResize},
		{name: "taints", node: (*builder).nodeTaints, pod: (*builder).podTolerations},
		{name: "unschedulable", node: (*builder).nodeUnschedulable, pod: (*builder).podToleratesCordon},
		{name: "nodeaffinity", pod: (*builder).podNodeAffinity},
		{name: "ports", pod: (*builder).podPorts},
		{name: "nominated", pod: (*builder).podNominated},
		{name: "endings", pod: (*builder).podEnding},
		{name: "virtual", node: (*builder).nodeVirtual},
		{name: "strays", finish: (*builder).strays},
		{name: "interpod", pod: (*builder).podInterPodAffinity},
		{name: "spread", pod: (*builder).podSpread},
		{name: "declared", node: (*builder).nodeDeclares, pod: (*builder).podNeedsDeclared},
		{name: "disks", pod: (*builder).podDisks},
		{name: "claims", finish: (*builder).claims},
		{name: "equals", finish: (*builder).equalVolumes},
		{name: "undecidable", pod: (*builder).podUndecidable},
		{name: "configuration", begin: (*builder).configure, pod: (*builder).podScheduler},
		{name: "workloads", pod: (*builder).podOwner, finish: (*builder).workloads},
		{name: "devices", pod: (*builder).podDevices, finish: (*builder).deviceClasses},
	}
}

// Features in the order they are applied.
func Features() []string {
	var names []string
	for _, f := range features {
		names = append(names, f.name)
	}
	return names
}

type builder struct {
	*rand.Rand
	c  *cluster.Cluster
	on map[string]bool
	// Of the profiles, see configuration.go.
	schedulerNames []string
}

// Cluster is the same for the same seed, index and enabled features. Each cluster has a random choice of the features,
// so that they are seen alone and in company.
func Cluster(seed, index uint64, enabled []string) *cluster.Cluster {
	b := &builder{Rand: rand.New(rand.NewPCG(seed, index)), c: &cluster.Cluster{}, on: map[string]bool{}}
	share := oneOf(b, 0.25, 0.5, 1)
	for _, name := range enabled {
		b.on[name] = b.Float64() < share
	}
	b.on[enabled[b.IntN(len(enabled))]] = true
	b.namespaces()
	b.each(func(f feature) {
		if f.begin != nil {
			f.begin(b)
		}
	})
	b.nodes()
	b.pods()
	b.each(func(f feature) {
		if f.finish != nil {
			f.finish(b)
		}
	})
	return b.c
}

func (b *builder) each(do func(feature)) {
	for _, f := range features {
		if b.on[f.name] {
			do(f)
		}
	}
}

// chance is true once in n times.
func (b *builder) chance(n int) bool { return b.IntN(n) == 0 }

func oneOf[T any](b *builder, values ...T) T { return values[b.IntN(len(values))] }

// someOf gives up to n different values.
func someOf[T comparable](b *builder, n int, values ...T) []T {
	var chosen []T
	for range b.IntN(n + 1) {
		if value := oneOf(b, values...); !slices.Contains(chosen, value) {
			chosen = append(chosen, value)
		}
	}
	return chosen
}

func ptr[T any](value T) *T { return &value }

var namespaceNames = []string{"default", "team-a", "team-b", "nowhere"}

func (b *builder) namespaces() {
	for _, name := range namespaceNames[:3] { // "nowhere" has no object
		labels := map[string]string{"kubernetes.io/metadata.name": name}
		if b.chance(2) {
			labels["team"] = oneOf(b, "a", "b")
		}
		if b.chance(3) {
			labels["env"] = oneOf(b, "prod", "")
		}
		b.c.Namespaces = append(b.c.Namespaces, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("ns-" + name), Labels: labels}})
	}
}

const (
	hostname = "kubernetes.io/hostname"
	zone     = "topology.kubernetes.io/zone"
	region   = "topology.kubernetes.io/region"
	rack     = "rack"
)

func (b *builder) nodes() {
	for i := range 1 + b.IntN(8) {
		name := fmt.Sprintf("n%d", i+1)
		node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("node-" + name), Labels: map[string]string{}}}
		b.nodeLabels(node)
		node.Status.Allocatable = v1.ResourceList{"cpu": quantity("8"), "memory": quantity("16Gi"), "pods": quantity("110")}
		node.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: oneOf(b, v1.ConditionTrue, v1.ConditionTrue, v1.ConditionFalse)}}
		b.each(func(f feature) {
			if f.node != nil {
				f.node(b, node)
			}
		})
		b.c.Nodes = append(b.c.Nodes, node)
	}
}

func (b *builder) nodeLabels(node *v1.Node) {
	labels := node.Labels
	if !b.chance(12) {
		labels[hostname] = node.Name
	}
	if !b.chance(6) {
		labels[zone] = oneOf(b, "z1", "z2", "z3")
	}
	if b.chance(3) {
		labels[region] = oneOf(b, "r1", "r2")
	}
	if b.chance(2) {
		labels[rack] = oneOf(b, "1", "2")
	}
	if b.chance(2) {
		labels["disk"] = oneOf(b, "ssd", "hdd", "")
	}
	if b.chance(2) {
		labels["size"] = oneOf(b, "1", "5", "007", "12", "-3", "x", "", "9223372036854775807", "9223372036854775808")
	}
}

func (b *builder) pods() {
	placed := b.IntN(21)
	if b.chance(4) {
		placed = b.IntN(4)
	}
	for i := range placed {
		node := oneOf(b, b.c.Nodes...)
		b.addPod(fmt.Sprintf("e%d", i+1), node.Name)
	}
	for i := range 1 + b.IntN(4) {
		b.addPod(fmt.Sprintf("p%d", i+1), "")
	}
}

func (b *builder) addPod(name, node string) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: oneOf(b, namespaceNames...), UID: types.UID("pod-" + name), Labels: b.podLabels()}}
	if b.chance(2) {
		pod.Namespace = "default"
	}
	pod.Spec.NodeName = node
	pod.Spec.Containers = []v1.Container{{Name: "c1"}}
	if b.chance(2) {
		pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: "c2"})
	}
	if b.chance(3) {
		pod.Spec.Priority = ptr(oneOf[int32](b, 0, 10, 10, 1000, -5))
	}
	pod.Status.Phase = v1.PodPending
	if node != "" {
		pod.Status.Phase = v1.PodRunning
	}
	b.each(func(f feature) {
		if f.pod != nil {
			f.pod(b, pod)
		}
	})
	b.c.Pods = append(b.c.Pods, pod)
}

func (b *builder) podLabels() map[string]string {
	labels := map[string]string{}
	if !b.chance(5) {
		labels["app"] = oneOf(b, "web", "db", "cache")
	}
	if b.chance(2) {
		labels["tier"] = oneOf(b, "front", "back")
	}
	if b.chance(3) {
		labels["rev"] = oneOf(b, "1", "2", "")
	}
	return labels
}

func (b *builder) nodeVirtual(node *v1.Node) {
	if !b.chance(3) {
		return
	}
	node.Labels["type"] = oneOf(b, "virtual-kubelet", "virtual-kubelet", "other")
	if b.chance(2) {
		node.Spec.Taints = append(node.Spec.Taints, v1.Taint{Key: "virtual-kubelet.io/provider", Value: "spillway", Effect: v1.TaintEffectNoSchedule})
	}
}

// Pods that have ended free their node; Pods that are ending do not, and topology spread does not count them.
func (b *builder) podEnding(pod *v1.Pod) {
	if b.chance(4) {
		pod.Status.Phase = oneOf(b, v1.PodSucceeded, v1.PodFailed, v1.PodUnknown)
	}
	if b.chance(4) && pod.Spec.NodeName != "" {
		pod.DeletionTimestamp = ptr(metav1.Unix(1700000000, 0))
		pod.DeletionGracePeriodSeconds = ptr[int64](30)
	}
}

// Pods bound to nodes that do not exist.
func (b *builder) strays() {
	for i := range b.IntN(3) {
		b.addPod(fmt.Sprintf("s%d", i+1), "gone")
	}
}

func (b *builder) podNominated(pod *v1.Pod) {
	if pod.Spec.NodeName == "" && !b.chance(3) {
		pod.Status.NominatedNodeName = oneOf(b, b.c.Nodes...).Name
		if b.chance(10) {
			pod.Status.NominatedNodeName = "gone"
		}
	}
}

func (b *builder) podUndecidable(pod *v1.Pod) {
	if pod.Spec.NodeName != "" {
		return
	}
	switch b.IntN(8) {
	case 0:
		pod.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "example.com/wait"}}
	case 1:
		pod.Spec.SchedulerName = "other-scheduler"
	case 2:
		pod.Spec.ResourceClaims = []v1.PodResourceClaim{resourceClaim("gpu")}
	}
}
