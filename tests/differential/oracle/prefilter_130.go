//go:build before131

package oracle

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// filterName takes the filters of in-tree volumes' limits, which ceased with 1.31, for the one of CSI volumes.
func filterName(plugin string) string {
	switch plugin {
	case "EBSLimits", "GCEPDLimits", "AzureDiskLimits":
		return "NodeVolumeLimits"
	}
	return plugin
}

// preFilter also names the plugin that narrowed the nodes; there is only one that does.
func preFilter(ctx context.Context, f framework.Framework, state *framework.CycleState, pod *v1.Pod) (*preFilterResult, *nodeStatus, []string) {
	result, status := f.RunPreFilterPlugins(ctx, state, pod)
	return result, status, []string{"NodeAffinity"}
}
