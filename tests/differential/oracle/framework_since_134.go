//go:build !before134

package oracle

import fwk "k8s.io/kube-scheduler/framework"

type (
	podInfo    = fwk.PodInfo
	nodeStatus = fwk.Status
)

const unresolvable = fwk.UnschedulableAndUnresolvable

var newStatus = fwk.NewStatus
