//go:build !before135

package oracle

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/dynamic-resource-allocation/deviceclass/extendedresourcecache"
	"k8s.io/dynamic-resource-allocation/resourceslice/tracker"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/util/assumecache"

	fwk "k8s.io/kube-scheduler/framework"
)

type preFilterResult = fwk.PreFilterResult

// What the framework wants besides, since Kubernetes 1.35.
func versionOptions(ctx context.Context, factory informers.SharedInformerFactory) ([]frameworkruntime.Option, error) {
	manager, err := newDRAManager(ctx, factory)
	return []frameworkruntime.Option{
		frameworkruntime.WithSharedDRAManager(manager),
		frameworkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(factory.Storage().V1().CSINodes().Lister())),
	}, err
}

// newDRAManager is made as in New and addAllEventHandlers of k8s.io/kubernetes/pkg/scheduler: it knows for which extended
// resources DeviceClasses stand only from what its cache, a handler of their events, was told.
func newDRAManager(ctx context.Context, factory informers.SharedInformerFactory) (*dynamicresources.DefaultDRAManager, error) {
	claims := assumecache.NewAssumeCache(klog.FromContext(ctx), factory.Resource().V1().ResourceClaims().Informer(), "ResourceClaim", "", nil)
	slices, err := tracker.StartTracker(ctx, tracker.Options{SliceInformer: factory.Resource().V1().ResourceSlices()})
	if err != nil {
		return nil, err
	}
	manager := dynamicresources.NewDRAManager(ctx, claims, slices, factory)
	if known := manager.DeviceClassResolver().(*extendedresourcecache.ExtendedResourceCache); known != nil {
		_, err = factory.Resource().V1().DeviceClasses().Informer().AddEventHandler(known)
	}
	return manager, err
}

// The framework only reads.
func (n *nominator) AddNominatedPod(klog.Logger, fwk.PodInfo, *fwk.NominatingInfo) {}
func (n *nominator) DeleteNominatedPodIfExists(*v1.Pod)                            {}
func (n *nominator) UpdateNominatedPod(klog.Logger, *v1.Pod, fwk.PodInfo)          {}
