//go:build before134

package generate

import v1 "k8s.io/api/core/v1"

// A field that Kubernetes 1.33 does not have.
func (b *builder) restartRules(*v1.Container) {}
