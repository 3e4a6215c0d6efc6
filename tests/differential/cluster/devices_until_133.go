//go:build before134

package cluster

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DeviceClass is what a cluster of Kubernetes 1.34 may hold; no filter of an older kube-scheduler looks at one.
type DeviceClass struct {
	metav1.TypeMeta
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ExtendedResourceName *string `json:"extendedResourceName,omitempty"`
	} `json:"spec"`
}
