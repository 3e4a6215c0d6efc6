//go:build !before134

package cluster

import resourcev1 "k8s.io/api/resource/v1"

type DeviceClass = resourcev1.DeviceClass
