//go:build before131

package generate

import v1 "k8s.io/api/core/v1"

func resourceClaim(name string) v1.PodResourceClaim {
	return v1.PodResourceClaim{Name: name, Source: v1.ClaimSource{ResourceClaimName: &name}}
}
