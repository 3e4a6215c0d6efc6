// hollow-node plays the kubelets of real nodes on a control plane that has no machines.
//
// It registers Nodes, renews their Leases, reports every Pod bound to them as Running and Ready, and finishes
// the deletion of Pods that are terminating. It runs nothing: a Job's Pod on a hollow node never completes.
// One process plays any number of nodes through one identity, which must be an administrator's.
//
//	hollow-node --kubeconfig=admin.kubeconfig --node=a=4,8Gi,110 --node=b=4,8Gi,110
//	hollow-node --kubeconfig=admin.kubeconfig --prefix=real- --count=500 --shape=8,32Gi,110
//
// It prints "ready" on standard output once every Node is registered, and stops on SIGTERM or SIGINT.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	leaseDuration = 40 * time.Second // what a kubelet asks for
	renewEvery    = leaseDuration / 4
	nodeWorkers   = 16 // Nodes registered, and Leases renewed, at the same time
	podWorkers    = 16
)

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	options, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "hollow-node:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, options); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "hollow-node:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, options *options) error {
	config, err := clientcmd.BuildConfigFromFlags("", options.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // a thousand kubelets have a thousand rate limits; one stand-in for them has none
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := forEach(options.nodes, nodeWorkers, func(n nodeSpec) error { return register(ctx, client, options, n) }); err != nil {
		return err
	}
	fmt.Println("ready")
	go renewLeases(ctx, client, options.nodes)
	newPodRunner(client, options.nodes).run(ctx)
	return nil
}

// register creates or refreshes a Node and its Lease, as a kubelet does when it starts.
func register(ctx context.Context, client kubernetes.Interface, options *options, spec nodeSpec) error {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: spec.name, Labels: map[string]string{
			corev1.LabelHostname: spec.name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64"}},
		Spec: corev1.NodeSpec{Taints: options.taints},
	}
	for key, value := range options.labels {
		node.Labels[key] = value
	}
	if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create node %s: %w", spec.name, err)
	}
	if err := patchNodeStatus(ctx, client, spec); err != nil {
		return fmt.Errorf("patch status of node %s: %w", spec.name, err)
	}
	return renewLease(ctx, client, spec.name)
}

func renewLeases(ctx context.Context, client kubernetes.Interface, nodes []nodeSpec) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := forEach(nodes, nodeWorkers, func(n nodeSpec) error { return renewLease(ctx, client, n.name) }); err != nil && ctx.Err() == nil {
			log.Println(err)
		}
	}
}

func renewLease(ctx context.Context, client kubernetes.Interface, node string) error {
	leases := client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	seconds := int32(leaseDuration / time.Second)
	now := metav1.NewMicroTime(time.Now())
	lease, err := leases.Get(ctx, node, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: node},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: &seconds, RenewTime: &now}}
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
	case err == nil:
		lease.Spec.RenewTime = &now
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("renew lease of node %s: %w", node, err)
	}
	return nil
}

// forEach calls f for every node, at most `workers` at a time, and returns what failed.
func forEach(nodes []nodeSpec, workers int, f func(nodeSpec) error) error {
	todo := make(chan nodeSpec)
	failed := make([]error, workers)
	var wg sync.WaitGroup
	for w := range min(workers, len(nodes)) {
		wg.Go(func() {
			for n := range todo {
				if err := f(n); err != nil {
					failed[w] = err
				}
			}
		})
	}
	for _, n := range nodes {
		todo <- n
	}
	close(todo)
	wg.Wait()
	return errors.Join(failed...)
}

// ---------------------------------------------------------------------------------------------------- flags

type nodeSpec struct {
	name     string
	capacity corev1.ResourceList
}

type options struct {
	kubeconfig string
	nodes      []nodeSpec
	labels     map[string]string
	taints     []corev1.Taint
}

func parseOptions(args []string) (*options, error) {
	o := &options{labels: map[string]string{}}
	flags := flag.NewFlagSet("hollow-node", flag.ContinueOnError)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "credentials of an administrator")
	prefix := flags.String("prefix", "hollow-", "name prefix of the --count equal nodes")
	count := flags.Int("count", 0, "how many equal nodes to play, named PREFIX0, PREFIX1, ...")
	shape := flags.String("shape", "4,8Gi,110", "CPU,MEMORY,PODS of each of the --count nodes")
	flags.Func("node", "NAME=CPU,MEMORY,PODS, repeatable", func(value string) error {
		name, shape, found := strings.Cut(value, "=")
		if !found || name == "" {
			return errors.New("want NAME=CPU,MEMORY,PODS")
		}
		capacity, err := parseShape(shape)
		o.nodes = append(o.nodes, nodeSpec{name, capacity})
		return err
	})
	flags.Func("label", "KEY=VALUE on every node, repeatable", func(value string) error {
		key, value, _ := strings.Cut(value, "=")
		o.labels[key] = value
		return nil
	})
	flags.Func("taint", "KEY=VALUE:EFFECT on every node, repeatable", func(value string) error {
		keyValue, effect, found := strings.Cut(value, ":")
		key, value, _ := strings.Cut(keyValue, "=")
		o.taints = append(o.taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
		if !found {
			return errors.New("want KEY=VALUE:EFFECT")
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	capacity, err := parseShape(*shape)
	if err != nil {
		return nil, fmt.Errorf("--shape=%s: %w", *shape, err)
	}
	for i := range *count {
		o.nodes = append(o.nodes, nodeSpec{fmt.Sprintf("%s%d", *prefix, i), capacity})
	}
	if len(o.nodes) == 0 {
		return nil, errors.New("nothing to play: give --node or --count")
	}
	return o, nil
}

func parseShape(shape string) (corev1.ResourceList, error) {
	parts := strings.Split(shape, ",")
	if len(parts) != 3 {
		return nil, errors.New("want CPU,MEMORY,PODS, for example 4,8Gi,110")
	}
	capacity := corev1.ResourceList{}
	for i, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourcePods} {
		quantity, err := resource.ParseQuantity(parts[i])
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", name, parts[i], err)
		}
		capacity[name] = quantity
	}
	return capacity, nil
}
