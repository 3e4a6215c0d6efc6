package oracle

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"spillway.io/tests/differential/cluster"
)

// listers is an informer factory whose informers are told what there is instead of watching: plugins see an object the
// moment it is added, and one framework serves one cluster after the other.
type listers struct {
	client    clientset.Interface
	factory   informers.SharedInformerFactory
	informers []*informer
}

func newListers() *listers {
	l := &listers{client: newClient()}
	l.factory = informers.NewSharedInformerFactory(l.client, 0)
	for _, kind := range []runtime.Object{&v1.Pod{}, &v1.Node{}, &v1.Namespace{}, &v1.PersistentVolumeClaim{},
		&v1.PersistentVolume{}, &storagev1.StorageClass{}, &storagev1.CSINode{}, &storagev1.CSIDriver{},
		&storagev1.CSIStorageCapacity{}, &storagev1.VolumeAttachment{},
		&v1.Service{}, &v1.ReplicationController{}, &appsv1.ReplicaSet{}, &appsv1.StatefulSet{}} {
		l.add(kind)
	}
	l.addDevices()
	return l
}

func (l *listers) add(kind runtime.Object) {
	informer := &informer{indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})}
	l.informers = append(l.informers, informer)
	l.factory.InformerFor(kind, func(clientset.Interface, time.Duration) cache.SharedIndexInformer { return informer })
}

func (l *listers) load(c *cluster.Cluster) {
	replace(l.informers[0], c.Pods)
	replace(l.informers[1], c.Nodes)
	replace(l.informers[2], c.Namespaces)
	replace(l.informers[3], c.Claims)
	replace(l.informers[4], c.Volumes)
	replace(l.informers[5], c.StorageClasses)
	replace(l.informers[6], c.CSINodes)
	replace(l.informers[7], c.CSIDrivers)
	replace(l.informers[8], c.StorageCapacities)
	replace(l.informers[9], c.Attachments)
	replace(l.informers[10], c.Services)
	replace(l.informers[11], c.Controllers)
	replace(l.informers[12], c.ReplicaSets)
	replace(l.informers[13], c.StatefulSets)
	l.loadDeviceClasses(c)
}

func replace[T any](to *informer, objects []*T) {
	for _, old := range to.indexer.List() {
		to.indexer.Delete(old)
		for _, handler := range to.handlers {
			handler.OnDelete(old)
		}
	}
	for _, object := range objects {
		to.indexer.Add(object)
		for _, handler := range to.handlers {
			handler.OnAdd(object, true)
		}
	}
}

// informer holds objects and tells its handlers at once. Nothing else of a SharedIndexInformer is used by plugins.
type informer struct {
	cache.SharedIndexInformer
	indexer  cache.Indexer
	handlers []cache.ResourceEventHandler
}

func (i *informer) AddEventHandler(handler cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, handler)
	return synced{}, nil
}
func (i *informer) AddIndexers(indexers cache.Indexers) error { return i.indexer.AddIndexers(indexers) }
func (i *informer) GetIndexer() cache.Indexer                 { return i.indexer }
func (i *informer) GetStore() cache.Store                     { return i.indexer }
func (i *informer) HasSynced() bool                           { return true }
func (i *informer) SetTransform(cache.TransformFunc) error    { return nil }

type synced struct {
	cache.ResourceEventHandlerRegistration
}

func (synced) HasSynced() bool { return true }

// nominator holds the Pods that wait for a node, as kube-scheduler's queue does.
type nominator struct{ byNode map[string][]podInfo }

func (n *nominator) load(c *cluster.Cluster, queued func(*v1.Pod) bool) {
	n.byNode = map[string][]podInfo{}
	for _, pod := range c.Pending() {
		node := pod.Status.NominatedNodeName
		// A Pod that is gated, or another scheduler's, is not in the active queue; one that is being deleted is thrown
		// out of it. (kube-scheduler counts some of their nominations all the same, depending on what it has seen.)
		if node == "" || len(pod.Spec.SchedulingGates) > 0 || pod.DeletionTimestamp != nil || !queued(pod) {
			continue
		}
		if info, err := framework.NewPodInfo(pod.DeepCopy()); err == nil {
			n.byNode[node] = append(n.byNode[node], info)
		}
	}
}

func (n *nominator) NominatedPodsForNode(node string) []podInfo { return n.byNode[node] }
