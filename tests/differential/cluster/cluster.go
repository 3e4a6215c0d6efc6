// Package cluster holds a snapshot of a Kubernetes cluster, as `kubectl get ... -o json` prints it.
package cluster

import (
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// Cluster is what kube-scheduler's informers hold, and how it was configured.
type Cluster struct {
	// Kube-scheduler's own, a KubeSchedulerConfiguration; nil: it was given none.
	Configuration json.RawMessage

	Nodes             []*v1.Node
	Pods              []*v1.Pod
	Namespaces        []*v1.Namespace
	Claims            []*v1.PersistentVolumeClaim
	Volumes           []*v1.PersistentVolume
	StorageClasses    []*storagev1.StorageClass
	CSINodes          []*storagev1.CSINode
	CSIDrivers        []*storagev1.CSIDriver
	StorageCapacities []*storagev1.CSIStorageCapacity
	Attachments       []*storagev1.VolumeAttachment
	Services          []*v1.Service
	Controllers       []*v1.ReplicationController
	ReplicaSets       []*appsv1.ReplicaSet
	StatefulSets      []*appsv1.StatefulSet
	DeviceClasses     []*DeviceClass
}

// Placed are the Pods in kube-scheduler's cache: bound to a node that exists, and not ended.
func (c *Cluster) Placed() []*v1.Pod {
	names := c.NodeNames()
	var placed []*v1.Pod
	for _, pod := range c.Pods {
		if _, known := slices.BinarySearch(names, pod.Spec.NodeName); known && !ended(pod) {
			placed = append(placed, pod)
		}
	}
	return placed
}

// Pending are the Pods without a node that have not ended.
func (c *Cluster) Pending() []*v1.Pod {
	var pending []*v1.Pod
	for _, pod := range c.Pods {
		if !ended(pod) && pod.Spec.NodeName == "" {
			pending = append(pending, pod)
		}
	}
	return pending
}

// Kube-scheduler's Pod informer leaves these out.
func ended(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
}

// NodeNames are sorted.
func (c *Cluster) NodeNames() []string {
	var names []string
	for _, node := range c.Nodes {
		names = append(names, node.Name)
	}
	slices.Sort(names)
	return names
}

// IsReal is false for virtual nodes: `--virtual-node-selector` has its default, type=virtual-kubelet.
func (c *Cluster) IsReal(name string) bool {
	return !slices.ContainsFunc(c.Nodes, func(node *v1.Node) bool {
		return node.Name == name && node.Labels["type"] == "virtual-kubelet"
	})
}

// Decode reads a List.
func Decode(data []byte) (*Cluster, error) {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	c := &Cluster{}
	for i, raw := range list.Items {
		if err := c.add(raw); err != nil {
			return nil, fmt.Errorf("items[%d]: %w", i, err)
		}
	}
	return c, nil
}

func (c *Cluster) add(raw json.RawMessage) error {
	var meta struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		return err
	}
	switch meta.Kind {
	case "KubeSchedulerConfiguration":
		c.Configuration = raw
		return nil
	case "Node":
		return addTo(&c.Nodes, raw)
	case "Pod":
		return addTo(&c.Pods, raw)
	case "Namespace":
		return addTo(&c.Namespaces, raw)
	case "PersistentVolumeClaim":
		return addTo(&c.Claims, raw)
	case "PersistentVolume":
		return addTo(&c.Volumes, raw)
	case "StorageClass":
		return addTo(&c.StorageClasses, raw)
	case "CSINode":
		return addTo(&c.CSINodes, raw)
	case "CSIDriver":
		return addTo(&c.CSIDrivers, raw)
	case "CSIStorageCapacity":
		return addTo(&c.StorageCapacities, raw)
	case "VolumeAttachment":
		return addTo(&c.Attachments, raw)
	case "Service":
		return addTo(&c.Services, raw)
	case "ReplicationController":
		return addTo(&c.Controllers, raw)
	case "ReplicaSet":
		return addTo(&c.ReplicaSets, raw)
	case "StatefulSet":
		return addTo(&c.StatefulSets, raw)
	case "DeviceClass":
		return addTo(&c.DeviceClasses, raw)
	}
	return fmt.Errorf("unknown kind %q", meta.Kind)
}

func addTo[T any](to *[]*T, raw json.RawMessage) error {
	given := new(T)
	if err := json.Unmarshal(raw, given); err != nil {
		return err
	}
	// As kube-apiserver stores it, quantities in canonical form: of "2.0" devices kube-scheduler would allocate none.
	stored, err := json.Marshal(given)
	if err != nil {
		return err
	}
	object := new(T)
	if err := json.Unmarshal(stored, object); err != nil {
		return err
	}
	*to = append(*to, object)
	return nil
}

// Encode writes a List on one line, without the empty fields that Go adds.
func (c *Cluster) Encode() ([]byte, error) {
	items := []any{}
	if c.Configuration != nil {
		items = append(items, c.Configuration)
	}
	for _, objects := range []struct {
		apiVersion, kind string
		list             any
	}{
		{"v1", "Namespace", c.Namespaces},
		{"v1", "Node", c.Nodes},
		{"storage.k8s.io/v1", "StorageClass", c.StorageClasses},
		{"storage.k8s.io/v1", "CSIDriver", c.CSIDrivers},
		{"storage.k8s.io/v1", "CSINode", c.CSINodes},
		{"storage.k8s.io/v1", "CSIStorageCapacity", c.StorageCapacities},
		{"storage.k8s.io/v1", "VolumeAttachment", c.Attachments},
		{"v1", "PersistentVolume", c.Volumes},
		{"v1", "PersistentVolumeClaim", c.Claims},
		{"v1", "Service", c.Services},
		{"v1", "ReplicationController", c.Controllers},
		{"apps/v1", "ReplicaSet", c.ReplicaSets},
		{"apps/v1", "StatefulSet", c.StatefulSets},
		{"resource.k8s.io/v1", "DeviceClass", c.DeviceClasses},
		{"v1", "Pod", c.Pods},
	} {
		data, err := json.Marshal(objects.list)
		if err != nil {
			return nil, err
		}
		var generic []map[string]any
		if err := json.Unmarshal(data, &generic); err != nil {
			return nil, err
		}
		for _, object := range generic {
			object["apiVersion"], object["kind"] = objects.apiVersion, objects.kind
			items = append(items, pruned(object))
		}
	}
	return json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
}

// Empty structs and nulls that encoding/json writes though nobody set them ("status": {}, "creationTimestamp": null).
// Empty selectors mean something and stay.
func pruned(object map[string]any) map[string]any {
	for _, key := range []string{"status", "spec"} {
		if inner, ok := object[key].(map[string]any); ok {
			prune(inner)
			if len(inner) == 0 {
				delete(object, key)
			}
		}
	}
	if metadata, ok := object["metadata"].(map[string]any); ok && metadata["creationTimestamp"] == nil {
		delete(metadata, "creationTimestamp")
	}
	return object
}

func prune(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			prune(inner)
			if empty, ok := inner.(map[string]any); inner == nil || (ok && len(empty) == 0 && prunable[key]) {
				delete(value, key)
			}
		}
	case []any:
		for _, inner := range value {
			prune(inner)
		}
	}
}

var prunable = map[string]bool{"resources": true, "daemonEndpoints": true, "nodeInfo": true, "state": true, "lastState": true}
