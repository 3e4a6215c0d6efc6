// loadgen creates equal Pods at once and records what becomes of each: created, called Unschedulable, bound.
//
//	loadgen --kubeconfig=admin.kubeconfig --namespace=bench --count=1000 --cpu=64 --until=unschedulable --deadline=60s
//
// All times are this process's own clock, in seconds since the first create was sent, and come from one watch that
// was open before. It ends when every Pod has what --until asks for (exit 0) or at the deadline (exit 3), and prints
// one JSON object on standard output:
//
//	{"first_create": 0.0, "last_create": 1.02, "pods": [{"name": ..., "sent": ..., "created": ...,
//	 "unschedulable": ... or null, "bound": ... or null, "node": ""}]}
//
// last_create is when the API server answered the last create.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

type options struct {
	kubeconfig, namespace, prefix, cpu, memory, until string

	count, concurrency int
	deadline           time.Duration
}

func main() {
	o := options{}
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "credentials of an administrator")
	flag.StringVar(&o.namespace, "namespace", "default", "where to create the Pods; must exist and have its ServiceAccount")
	flag.StringVar(&o.prefix, "prefix", "load-", "name prefix of the Pods")
	flag.IntVar(&o.count, "count", 1000, "how many Pods")
	flag.IntVar(&o.concurrency, "concurrency", 32, "creates in flight")
	flag.StringVar(&o.cpu, "cpu", "1", "CPU request of each Pod")
	flag.StringVar(&o.memory, "memory", "1Gi", "memory request of each Pod")
	flag.StringVar(&o.until, "until", "bound", "what to wait for: unschedulable or bound")
	flag.DurationVar(&o.deadline, "deadline", time.Minute, "give up this long after the last create")
	flag.Parse()
	if err := o.validate(); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(2)
	}
	complete, err := run(context.Background(), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
	if !complete {
		fmt.Fprintf(os.Stderr, "loadgen: not every Pod was %s within %s of the last create\n", o.until, o.deadline)
		os.Exit(3)
	}
}

func (o options) validate() error {
	if o.until != "bound" && o.until != "unschedulable" {
		return fmt.Errorf("--until=%s: want bound or unschedulable", o.until)
	}
	for name, value := range map[string]string{"cpu": o.cpu, "memory": o.memory} {
		if _, err := resource.ParseQuantity(value); err != nil {
			return fmt.Errorf("--%s=%s: %w", name, value, err)
		}
	}
	return nil
}

func run(ctx context.Context, o options) (complete bool, err error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return false, err
	}
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return false, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	r := newRecorder(o)
	source := cache.NewFilteredListWatchFromClient(client.CoreV1().RESTClient(), "pods", o.namespace, func(*metav1.ListOptions) {})
	informer := cache.NewSharedIndexInformer(source, &corev1.Pod{}, 0, cache.Indexers{})
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { r.observe(object.(*corev1.Pod)) },
		UpdateFunc: func(_, object any) { r.observe(object.(*corev1.Pod)) },
	})
	if err != nil {
		return false, err
	}
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return false, ctx.Err()
	}
	if err := r.createAll(ctx, client); err != nil {
		return false, err
	}
	select {
	case <-r.done:
		complete = true
	case <-time.After(o.deadline):
	}
	return complete, r.print()
}

// ------------------------------------------------------------------------------------------------- recorder

type podTimes struct {
	Name          string   `json:"name"`
	Sent          float64  `json:"sent"`
	Created       float64  `json:"created"`
	Unschedulable *float64 `json:"unschedulable"`
	Bound         *float64 `json:"bound"`
	Node          string   `json:"node"`
}

type recorder struct {
	options options
	start   time.Time
	done    chan struct{} // closed when every Pod has what --until asks for

	mu      sync.Mutex
	pods    map[string]*podTimes
	missing int
}

func newRecorder(o options) *recorder {
	r := &recorder{options: o, done: make(chan struct{}), pods: map[string]*podTimes{}, missing: o.count}
	for i := range o.count {
		name := fmt.Sprintf("%s%d", o.prefix, i)
		r.pods[name] = &podTimes{Name: name}
	}
	return r
}

func (r *recorder) since() float64 { return time.Since(r.start).Seconds() }

func (r *recorder) createAll(ctx context.Context, client kubernetes.Interface) error {
	names := make(chan string)
	errs := make(chan error, r.options.concurrency)
	r.start = time.Now()
	for range r.options.concurrency {
		go func() {
			for name := range names {
				if err := r.create(ctx, client, name); err != nil {
					errs <- fmt.Errorf("create pod %s: %w", name, err)
					return
				}
			}
			errs <- nil
		}()
	}
	go func() {
		defer close(names)
		for i := range r.options.count {
			select {
			case names <- fmt.Sprintf("%s%d", r.options.prefix, i):
			case <-ctx.Done():
				return
			}
		}
	}()
	for range r.options.concurrency {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func (r *recorder) create(ctx context.Context, client kubernetes.Interface, name string) error {
	requests := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(r.options.cpu), corev1.ResourceMemory: resource.MustParse(r.options.memory)}
	no := false
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "loadgen"}},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no,
			Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause:3.10",
				Resources: corev1.ResourceRequirements{Requests: requests}}},
		},
	}
	sent := r.since()
	_, err := client.CoreV1().Pods(r.options.namespace).Create(ctx, pod, metav1.CreateOptions{})
	created := r.since()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pods[name].Sent, r.pods[name].Created = sent, created
	return err
}

func (r *recorder) observe(pod *corev1.Pod) {
	now := r.since()
	r.mu.Lock()
	defer r.mu.Unlock()
	times, ours := r.pods[pod.Name]
	if !ours {
		return
	}
	before := r.satisfied(times)
	if times.Bound == nil && pod.Spec.NodeName != "" {
		times.Bound, times.Node = &now, pod.Spec.NodeName
	}
	for _, c := range pod.Status.Conditions {
		if times.Unschedulable == nil && c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable {
			times.Unschedulable = &now
		}
	}
	if !before && r.satisfied(times) {
		if r.missing--; r.missing == 0 {
			close(r.done)
		}
	}
}

func (r *recorder) satisfied(times *podTimes) bool {
	if r.options.until == "bound" {
		return times.Bound != nil
	}
	return times.Unschedulable != nil
}

func (r *recorder) print() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	pods := make([]*podTimes, 0, r.options.count)
	last := 0.0
	for i := range r.options.count {
		times := r.pods[fmt.Sprintf("%s%d", r.options.prefix, i)]
		pods = append(pods, times)
		last = max(last, times.Created)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"first_create": 0.0, "last_create": last, "pods": pods})
}
