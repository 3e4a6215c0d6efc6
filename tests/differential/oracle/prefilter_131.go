//go:build before132 && !before131

package oracle

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// preFilter also names the plugins that narrowed the nodes.
func preFilter(ctx context.Context, f framework.Framework, state *framework.CycleState, pod *v1.Pod) (*preFilterResult, *nodeStatus, []string) {
	result, status, narrowing := f.RunPreFilterPlugins(ctx, state, pod)
	return result, status, sets.List(narrowing)
}
