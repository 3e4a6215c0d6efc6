package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

func patchNodeStatus(ctx context.Context, client kubernetes.Interface, spec nodeSpec) error {
	now := metav1.Now()
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: kind, Status: status, Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	patch, err := json.Marshal(map[string]any{"status": corev1.NodeStatus{
		Capacity:    spec.capacity,
		Allocatable: spec.capacity,
		Addresses:   []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: spec.name}},
		NodeInfo:    corev1.NodeSystemInfo{KubeletVersion: "hollow", OperatingSystem: "linux", Architecture: "amd64"},
		Conditions: []corev1.NodeCondition{
			condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady"),
			condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory"),
			condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure"),
			condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID"),
		},
	}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, spec.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// podRunner reports the Pods of its nodes as running, and deletes them when they are asked to go.
type podRunner struct {
	client   kubernetes.Interface
	mine     map[string]bool
	informer cache.SharedIndexInformer
	queue    workqueue.TypedRateLimitingInterface[string]
}

func newPodRunner(client kubernetes.Interface, nodes []nodeSpec) *podRunner {
	bound := fields.OneTermNotEqualSelector("spec.nodeName", "")
	source := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, bound)
	r := &podRunner{
		client:   client,
		mine:     map[string]bool{},
		informer: cache.NewSharedIndexInformer(source, &corev1.Pod{}, 0, cache.Indexers{}),
		queue:    workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}
	for _, node := range nodes {
		r.mine[node.name] = true
	}
	enqueue := func(object any) {
		if pod, ok := object.(*corev1.Pod); ok && r.mine[pod.Spec.NodeName] {
			r.queue.Add(pod.Namespace + "/" + pod.Name)
		}
	}
	_, err := r.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, object any) { enqueue(object) },
	})
	if err != nil {
		panic(err) // only a stopped informer refuses a handler
	}
	return r
}

// run returns when ctx is done.
func (r *podRunner) run(ctx context.Context) {
	go r.informer.Run(ctx.Done())
	for range podWorkers {
		go func() {
			for r.runNext(ctx) {
			}
		}()
	}
	<-ctx.Done()
	r.queue.ShutDown()
}

func (r *podRunner) runNext(ctx context.Context) bool {
	key, done := r.queue.Get()
	if done {
		return false
	}
	defer r.queue.Done(key)
	object, exists, err := r.informer.GetStore().GetByKey(key)
	if err == nil && exists {
		err = r.sync(ctx, object.(*corev1.Pod))
	}
	if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		log.Printf("pod %s: %v", key, err)
		r.queue.AddRateLimited(key)
		return true
	}
	r.queue.Forget(key)
	return true
}

func (r *podRunner) sync(ctx context.Context, pod *corev1.Pod) error {
	pods := r.client.CoreV1().Pods(pod.Namespace)
	switch {
	case pod.DeletionTimestamp != nil:
		now := int64(0)
		sameUID := &metav1.Preconditions{UID: &pod.UID}
		return pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: sameUID})
	case pod.Status.Phase != corev1.PodPending && pod.Status.Phase != "":
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": runningStatus(pod)})
	if err != nil {
		return err
	}
	_, err = pods.Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

func runningStatus(pod *corev1.Pod) corev1.PodStatus {
	now := metav1.NewTime(time.Now())
	status := corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &now, PodIP: podIP(pod), PodIPs: []corev1.PodIP{{IP: podIP(pod)}}}
	for _, kind := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	started := true
	for _, container := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: container.Image, Ready: true, Started: &started,
			ContainerID: "hollow://" + string(pod.UID) + "/" + container.Name,
			State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	return status
}

// podIP makes up an address in 10.0.0.0/8 that a Pod keeps for its life.
func podIP(pod *corev1.Pod) string {
	hash := fnv.New32a()
	hash.Write([]byte(pod.UID))
	sum := hash.Sum32()
	return fmt.Sprintf("10.%d.%d.%d", 128|byte(sum>>16), byte(sum>>8), 1+byte(sum)%254)
}
