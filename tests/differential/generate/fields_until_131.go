//go:build before132

package generate

import v1 "k8s.io/api/core/v1"

// Until 1.31 kube-scheduler fails on a node where it cannot count the volumes of placed Pods in more cases than later, by
// limits that kubelets have long ceased to set: these are not simulated.
const uncountableVolumes = false

// A field that Kubernetes 1.31 does not have.
func (b *builder) podLevel(*v1.Pod) {}
