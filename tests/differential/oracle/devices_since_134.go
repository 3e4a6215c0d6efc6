//go:build !before134

package oracle

import (
	"fmt"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/features"

	"spillway.io/tests/differential/cluster"
)

func (l *listers) addDevices() {
	l.add(&resourcev1.DeviceClass{})
	l.add(&resourcev1.ResourceSlice{})
}

func (l *listers) loadDeviceClasses(c *cluster.Cluster) {
	replace(l.informers[len(l.informers)-2], c.DeviceClasses)
}

// loadDevices gives each of these nodes as many devices of every DeviceClass as one Pod can be given, and the others none.
func (l *listers) loadDevices(nodes []string) {
	var slices []*resourcev1.ResourceSlice
	for _, node := range nodes {
		slice := &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: node}}
		slice.Spec.Driver = "devices.example.com"
		slice.Spec.NodeName = &node
		slice.Spec.Pool = resourcev1.ResourcePool{Name: node, Generation: 1, ResourceSliceCount: 1}
		for i := range resourcev1.AllocationResultsMaxSize {
			slice.Spec.Devices = append(slice.Spec.Devices, resourcev1.Device{Name: fmt.Sprintf("d%d", i)})
		}
		slices = append(slices, slice)
	}
	replace(l.informers[len(l.informers)-1], slices)
}

// leavesExtendedResourcesToDRA is true where a DeviceClass may stand for what a Pod asks for.
func leavesExtendedResourcesToDRA(c *cluster.Cluster) bool {
	return len(c.DeviceClasses) != 0 && feature.DefaultFeatureGate.Enabled(features.DRAExtendedResource)
}
