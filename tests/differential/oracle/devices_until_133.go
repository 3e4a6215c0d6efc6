//go:build before134

package oracle

import "spillway.io/tests/differential/cluster"

// No filter looks at DeviceClasses.
func (l *listers) addDevices()                           {}
func (l *listers) loadDeviceClasses(*cluster.Cluster)    {}
func (l *listers) loadDevices([]string)                  {}
func leavesExtendedResourcesToDRA(*cluster.Cluster) bool { return false }
