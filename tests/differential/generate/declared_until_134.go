//go:build before135

package generate

import v1 "k8s.io/api/core/v1"

// Fields that Kubernetes 1.34 does not have.
func (b *builder) nodeDeclares(*v1.Node)  {}
func (b *builder) podLevelStatus(*v1.Pod) {}
