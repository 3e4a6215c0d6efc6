package generate

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func quantity(text string) resource.Quantity { return resource.MustParse(text) }

var (
	cpus      = []string{"0", "1n", "500u", "100m", "250m", "333m", "500m", "1", "1001m", "1500m", "2", "3"}
	memories  = []string{"0", "1", "100.5", "1.5Ki", "64Mi", "128974848", "123M", "0.5Gi", "512Mi", "1Gi", "1G", "1500Mi", "2Gi", "3000000Ki"}
	ephemeral = []string{"0", "1Mi", "1Gi", "2Gi", "5Gi", "100.5"}
	counts    = []string{"0", "1", "2", "3"}
	pages     = []string{"0", "2Mi", "4Mi", "8Mi"}
)

var (
	rare = []v1.ResourceName{"ephemeral-storage", "example.com/gpu", "example.com/fpga", "hugepages-2Mi", "hugepages-1Gi",
		"kubernetes.io/batch", "attachable-volumes-csi-x"}
	values = map[v1.ResourceName][]string{"cpu": cpus, "memory": memories, "ephemeral-storage": ephemeral,
		"example.com/gpu": counts, "example.com/fpga": counts, "hugepages-2Mi": pages, "hugepages-1Gi": {"0", "1Gi", "2Gi"},
		"kubernetes.io/batch": counts, "attachable-volumes-csi-x": counts, "storage": memories}
)

func (b *builder) amount(name v1.ResourceName) resource.Quantity {
	return quantity(oneOf(b, values[name]...))
}

func (b *builder) nodeResources(node *v1.Node) {
	list := v1.ResourceList{}
	if !b.chance(20) {
		list["cpu"] = quantity(oneOf(b, "1", "2", "4", "3920m", "1930m", "8", "500m"))
	}
	if !b.chance(20) {
		list["memory"] = quantity(oneOf(b, "1Gi", "2Gi", "4Gi", "3842940Ki", "8Gi", "2147483648", "3G", "9223372036854771712"))
	}
	list["pods"] = quantity(oneOf(b, "110", "110", "110", "10", "5", "3", "1", "0"))
	for _, name := range someOf(b, 6, rare...) {
		list[name] = b.amount(name)
	}
	if b.chance(20) {
		list["storage"] = quantity("1Gi")
	}
	node.Status.Allocatable = list
}

func (b *builder) requests(rareOnes int) v1.ResourceList {
	list := v1.ResourceList{}
	if !b.chance(3) {
		list["cpu"] = b.amount("cpu")
	}
	if !b.chance(3) {
		list["memory"] = b.amount("memory")
	}
	if b.chance(3) {
		for _, name := range someOf(b, rareOnes, rare...) {
			list[name] = b.amount(name)
		}
	}
	if b.chance(30) {
		list["storage"] = b.amount("storage") // no resource of a node: ignored
	}
	return list
}

func (b *builder) podResources(pod *v1.Pod) {
	if b.chance(10) {
		return
	}
	for i := range pod.Spec.Containers {
		if !b.chance(4) {
			pod.Spec.Containers[i].Resources.Requests = b.requests(2)
		}
	}
	if b.chance(4) {
		for i := range 1 + b.IntN(3) {
			container := v1.Container{Name: []string{"i1", "i2", "i3"}[i]}
			container.Resources.Requests = b.requests(1)
			if b.chance(2) {
				container.RestartPolicy = ptr(v1.ContainerRestartPolicyAlways)
			}
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, container)
		}
	}
	if b.chance(5) {
		pod.Spec.Overhead = v1.ResourceList{"cpu": b.amount("cpu")}
		if b.chance(2) {
			pod.Spec.Overhead["memory"] = b.amount("memory")
		}
	}
	if b.chance(5) {
		b.podLevel(pod)
	}
}

func (b *builder) podLevelRequests() v1.ResourceList {
	list := v1.ResourceList{}
	for _, name := range someOf(b, 3, "cpu", "memory", v1.ResourceName("hugepages-2Mi")) {
		list[name] = b.amount(name)
	}
	return list
}

// What the kubelet says of resizes in place: a placed Pod counts for the larger of what it has and what it shall have.
func (b *builder) podResize(pod *v1.Pod) {
	if pod.Spec.NodeName == "" || b.chance(3) {
		return
	}
	status := func(name string) v1.ContainerStatus {
		s := v1.ContainerStatus{Name: name}
		if !b.chance(4) {
			s.Resources = &v1.ResourceRequirements{}
			if !b.chance(4) {
				s.Resources.Requests = b.requests(1)
			}
		}
		if b.chance(2) {
			s.AllocatedResources = b.requests(1)
		}
		return s
	}
	for _, container := range pod.Spec.Containers {
		if !b.chance(4) {
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, status(container.Name))
		}
	}
	for _, container := range pod.Spec.InitContainers {
		if b.chance(2) {
			pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, status(container.Name))
		}
	}
	if b.chance(3) {
		pod.Status.Conditions = append(pod.Status.Conditions, v1.PodCondition{Type: "PodResizePending",
			Status: v1.ConditionTrue, Reason: oneOf(b, "Infeasible", "Deferred")})
	}
	if b.chance(4) {
		if b.chance(2) {
			b.podLevel(pod)
		}
		b.podLevelStatus(pod)
	}
}
