//go:build before134

package oracle

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

type (
	podInfo         = *framework.PodInfo
	nodeStatus      = framework.Status
	preFilterResult = framework.PreFilterResult
)

const unresolvable = framework.UnschedulableAndUnresolvable

var newStatus = framework.NewStatus

// Dynamic resource allocation is off, and the framework wants nothing else besides.
func versionOptions(context.Context, informers.SharedInformerFactory) ([]frameworkruntime.Option, error) {
	return nil, nil
}

// The framework only reads.
func (n *nominator) AddNominatedPod(klog.Logger, *framework.PodInfo, *framework.NominatingInfo) {}
func (n *nominator) DeleteNominatedPodIfExists(*v1.Pod)                                         {}
func (n *nominator) UpdateNominatedPod(klog.Logger, *v1.Pod, *framework.PodInfo)                {}
