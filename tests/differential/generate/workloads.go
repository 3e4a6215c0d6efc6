package generate

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"spillway.io/tests/differential/cluster"
)

// Names of workloads that own Pods; of each kind there may be one in each namespace.
var workloadNames = []string{"web", "db", "gone"}

// podOwner makes the Pod a workload's: default spread constraints go by the workload's selector.
func (b *builder) podOwner(pod *v1.Pod) {
	if b.chance(4) {
		return
	}
	owner := metav1.OwnerReference{Name: oneOf(b, workloadNames...), UID: "owner", Controller: ptr(!b.chance(12))}
	switch b.IntN(8) {
	case 0:
		owner.APIVersion, owner.Kind = "v1", "ReplicationController"
	case 1, 2:
		owner.APIVersion, owner.Kind = "apps/v1", "StatefulSet"
	case 3:
		owner.APIVersion, owner.Kind = oneOf(b, "batch/v1", "apps/v1beta1"), oneOf(b, "Job", "ReplicaSet")
	default:
		owner.APIVersion, owner.Kind = "apps/v1", "ReplicaSet"
	}
	owner.UID = types.UID(pod.Namespace + "-" + owner.Kind + "-" + owner.Name)
	pod.OwnerReferences = []metav1.OwnerReference{owner}
}

func (b *builder) workloads() {
	for _, namespace := range namespaceNames {
		for _, name := range workloadNames[:2] {
			if !b.chance(3) {
				b.c.ReplicaSets = append(b.c.ReplicaSets, &appsv1.ReplicaSet{ObjectMeta: b.named("ReplicaSet", namespace, name),
					Spec: appsv1.ReplicaSetSpec{Selector: b.workloadSelector()}})
			}
			if b.chance(2) {
				b.c.StatefulSets = append(b.c.StatefulSets, &appsv1.StatefulSet{ObjectMeta: b.named("StatefulSet", namespace, name),
					Spec: appsv1.StatefulSetSpec{Selector: b.workloadSelector()}})
			}
			if b.chance(3) {
				b.c.Controllers = append(b.c.Controllers, &v1.ReplicationController{ObjectMeta: b.named("ReplicationController", namespace, name),
					Spec: v1.ReplicationControllerSpec{Selector: b.selectorMap()}})
			}
		}
		for i := range b.IntN(3) {
			service := &v1.Service{ObjectMeta: b.named("Service", namespace, fmt.Sprintf("s%d", i+1))}
			if !b.chance(8) {
				service.Spec.Selector = b.selectorMap()
			}
			b.c.Services = append(b.c.Services, service)
		}
	}
}

func (b *builder) named(kind, namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, UID: types.UID(namespace + "-" + kind + "-" + name)}
}

func (b *builder) workloadSelector() *metav1.LabelSelector {
	if b.chance(3) {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			b.labelRequirement(oneOf(b, "app", "tier", "rev"), "web", "db", "front", "1")}}
	}
	return &metav1.LabelSelector{MatchLabels: b.selectorMap()}
}

func (b *builder) selectorMap() map[string]string {
	selector := map[string]string{}
	if !b.chance(5) {
		selector["app"] = oneOf(b, "web", "web", "db", "cache")
	}
	if b.chance(4) {
		selector["tier"] = oneOf(b, "front", "back")
	}
	return selector
}

// deviceClasses stand for extended resources that Pods ask for.
func (b *builder) deviceClasses() {
	for i := range b.IntN(3) {
		class := &cluster.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("class%d", i+1), UID: types.UID(fmt.Sprintf("class%d", i+1))}}
		if !b.chance(3) {
			class.Spec.ExtendedResourceName = ptr(oneOf(b, "example.com/gpu", "example.com/fpga"))
		}
		b.c.DeviceClasses = append(b.c.DeviceClasses, class)
	}
}

// podDevices asks for a DeviceClass by its implicit resource name, for one that is never there, or by an explicit name.
func (b *builder) podDevices(pod *v1.Pod) {
	if !b.chance(4) {
		return
	}
	amount := v1.ResourceList{v1.ResourceName(oneOf(b, "deviceclass.resource.kubernetes.io/class1",
		"deviceclass.resource.kubernetes.io/class3", "example.com/gpu", "example.com/gpu", "example.com/fpga")): quantity(oneOf(b, "0", "1", "2"))}
	if pod.Spec.Containers[0].Resources.Requests == nil {
		pod.Spec.Containers[0].Resources.Requests = v1.ResourceList{}
	}
	for name, value := range amount {
		pod.Spec.Containers[0].Resources.Requests[name] = value
	}
}
