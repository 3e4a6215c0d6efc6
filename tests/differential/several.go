package main

import (
	"context"

	v1 "k8s.io/api/core/v1"

	"spillway.io/tests/differential/cluster"
	"spillway.io/tests/differential/oracle"
	"spillway.io/tests/differential/verdict"
)

// How often kube-scheduler is asked about volumes it may take in any order: until so many answers in a row are known.
const (
	knownInARow = 12
	atMost      = 300
)

// judgeSeveral asks until there is nothing new, which is at once for a cluster without volumes that are equally large.
func judgeSeveral(ctx context.Context, real *oracle.Oracle, list []byte) (*verdict.Among, verdict.Answer, error) {
	c, err := cluster.Decode(list)
	if err != nil {
		return nil, verdict.Answer{}, err
	}
	first, err := real.Judge(ctx, c)
	if err != nil {
		return nil, first, err
	}
	among := &verdict.Among{}
	among.Add(first)
	if !hasEqualVolumes(c) {
		return among, first, nil
	}
	for asked, known := 1, 0; asked < atMost && known < knownInARow; asked++ {
		// Informers are told anew: their order, and with it that of volumes, is another.
		again, err := real.Judge(ctx, c)
		if err != nil {
			return nil, first, err
		}
		if known++; among.Add(again) {
			known = 0
		}
	}
	return among, first, nil
}

// hasEqualVolumes is true when some claim could be bound to either of two volumes of one size.
func hasEqualVolumes(c *cluster.Cluster) bool {
	type kind struct{ class, size string }
	seen := map[kind]bool{}
	for _, volume := range c.Volumes {
		size := volume.Spec.Capacity[v1.ResourceStorage]
		class := volume.Spec.StorageClassName
		if beta, ok := volume.Annotations[v1.BetaStorageClassAnnotation]; ok {
			class = beta
		}
		of := kind{class, size.String()}
		if volume.Status.Phase == v1.VolumeBound {
			continue
		}
		if seen[of] {
			return true
		}
		seen[of] = true
	}
	return false
}
