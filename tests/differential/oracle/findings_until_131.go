//go:build before132

package oracle

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

func newClient() kubernetes.Interface { return fake.NewSimpleClientset() }
func initMetrics()                    { metrics.Register() }

// findings are what the message is made of.
type findings struct{ framework.Diagnosis }

func newFindings() findings {
	return findings{framework.Diagnosis{NodeToStatusMap: framework.NodeToStatusMap{}}}
}

func (f *findings) set(node string, status *nodeStatus) { f.NodeToStatusMap[node] = status }

// The message does not count nodes that PreFilter leaves out.
func (f *findings) leaveOut(string) {}

func (f *findings) message(nodes int, pod *v1.Pod) string {
	return (&framework.FitError{Pod: pod, NumAllNodes: nodes, Diagnosis: f.Diagnosis}).Error()
}
