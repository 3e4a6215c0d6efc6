//go:build !before135

package generate

import (
	"slices"

	v1 "k8s.io/api/core/v1"
)

func (b *builder) nodeDeclares(node *v1.Node) {
	node.Status.DeclaredFeatures = someOf(b, 3, "RestartAllContainersOnContainerExits", "UserNamespacesHostNetworkSupport",
		"InPlacePodLevelResourcesVerticalScaling", "SomethingNewer")
	slices.Sort(node.Status.DeclaredFeatures) // kube-apiserver insists
}

// What the kubelet gave the Pod as a whole.
func (b *builder) podLevelStatus(pod *v1.Pod) {
	pod.Status.Resources = &v1.ResourceRequirements{Requests: b.podLevelRequests()}
	if b.chance(2) {
		pod.Status.AllocatedResources = b.podLevelRequests()
	}
}
