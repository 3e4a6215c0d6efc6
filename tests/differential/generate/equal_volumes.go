package generate

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
)

// equalVolumes makes free volumes of one class equally large, so that kube-scheduler takes any of them, and gives some
// Pods a second claim, for which it then matters.
func (b *builder) equalVolumes() {
	if len(b.c.StorageClasses) == 0 {
		b.storageClasses()
	}
	class, size := oneOf(b, "local", "wait"), quantity("64Gi")
	for i := range 2 + b.IntN(3) {
		unused := 0
		b.freeVolume(fmt.Sprintf("equal-%d", i+1), &unused)
		volume := b.c.Volumes[len(b.c.Volumes)-1]
		volume.Spec.Capacity = v1.ResourceList{v1.ResourceStorage: size}
		if !b.chance(6) {
			volume.Spec.StorageClassName = class
		}
	}
	for i, pod := range b.c.Pods {
		if pod.Spec.NodeName != "" || !b.chance(3) {
			continue
		}
		for j := range 1 + b.IntN(3) {
			unused := i
			claim := b.claim(pod.Namespace, fmt.Sprintf("equal-%d-%d", i+1, j+1), &unused)
			if !b.chance(4) {
				claim.Spec.StorageClassName = &class
			}
			pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: claim.Name,
				VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}})
		}
	}
}
