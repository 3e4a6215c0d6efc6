// virtual-kubelet's own end-to-end suite, as its authors publish it, asked of any node. Flags as upstream's.
package virtualkubelet

import (
	"flag"
	"fmt"
	"reflect"
	"strings"
	"testing"

	vke2e "github.com/virtual-kubelet/virtual-kubelet/test/e2e"
)

var (
	kubeconfig = flag.String("kubeconfig", "", "credentials of an administrator")
	namespace  = flag.String("namespace", "default", "where the suite creates its Pods")
	nodeName   = flag.String("node-name", "", "the virtual node to test")
)

func TestEndToEnd(t *testing.T) {
	vke2e.NewEndToEndTestSuite(vke2e.EndToEndTestSuiteConfig{
		Kubeconfig: *kubeconfig,
		Namespace:  *namespace,
		NodeName:   *nodeName,
	}).Run(t)
}

// TestCases prints the names of the suite's cases, and asks nobody.
func TestCases(*testing.T) {
	suite := reflect.TypeFor[*vke2e.EndToEndTestSuite]()
	for method := range suite.Methods() {
		if strings.HasPrefix(method.Name, "Test") {
			fmt.Println("case:", method.Name)
		}
	}
}
