//go:build before132

package oracle

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// snapshot is what internal/cache has, which a module of its own may not import.
type snapshot struct {
	nodes  []*framework.NodeInfo
	byName map[string]*framework.NodeInfo
	claims sets.Set[string] // namespace/name of those that placed Pods use
}

func newSnapshot(pods []*v1.Pod, nodes []*v1.Node) *snapshot {
	s := &snapshot{byName: map[string]*framework.NodeInfo{}, claims: sets.New[string]()}
	for _, node := range nodes {
		info := framework.NewNodeInfo()
		info.SetNode(node)
		s.nodes = append(s.nodes, info)
		s.byName[node.Name] = info
	}
	for _, pod := range pods {
		s.byName[pod.Spec.NodeName].AddPod(pod)
		for _, volume := range pod.Spec.Volumes {
			if volume.PersistentVolumeClaim != nil {
				s.claims.Insert(framework.GetNamespacedName(pod.Namespace, volume.PersistentVolumeClaim.ClaimName))
			}
		}
	}
	return s
}

func (s *snapshot) NodeInfos() framework.NodeInfoLister       { return s }
func (s *snapshot) StorageInfos() framework.StorageInfoLister { return s }
func (s *snapshot) IsPVCUsedByPods(key string) bool           { return s.claims.Has(key) }
func (s *snapshot) List() ([]*framework.NodeInfo, error)      { return s.nodes, nil }

func (s *snapshot) HavePodsWithAffinityList() ([]*framework.NodeInfo, error) {
	return s.with(func(info *framework.NodeInfo) bool { return len(info.PodsWithAffinity) > 0 }), nil
}

func (s *snapshot) HavePodsWithRequiredAntiAffinityList() ([]*framework.NodeInfo, error) {
	return s.with(func(info *framework.NodeInfo) bool { return len(info.PodsWithRequiredAntiAffinity) > 0 }), nil
}

func (s *snapshot) with(wanted func(*framework.NodeInfo) bool) []*framework.NodeInfo {
	return slices.DeleteFunc(slices.Clone(s.nodes), func(info *framework.NodeInfo) bool { return !wanted(info) })
}

func (s *snapshot) Get(name string) (*framework.NodeInfo, error) {
	if info, ok := s.byName[name]; ok {
		return info, nil
	}
	return nil, fmt.Errorf("node %q is not in the snapshot", name)
}
