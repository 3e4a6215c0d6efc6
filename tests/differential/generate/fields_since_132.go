//go:build !before132

package generate

import v1 "k8s.io/api/core/v1"

// Volumes of placed Pods that kube-scheduler cannot count.
const uncountableVolumes = true

// podLevel lets the Pod ask for resources as a whole, unless it does already.
func (b *builder) podLevel(pod *v1.Pod) {
	if pod.Spec.Resources == nil {
		pod.Spec.Resources = &v1.ResourceRequirements{Requests: b.podLevelRequests()}
	}
}
