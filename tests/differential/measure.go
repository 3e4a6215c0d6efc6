package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"spillway.io/tests/differential/measure"
	"spillway.io/tests/differential/oracle"
)

// measured is what `measure` prints of each shape of Pod.
type measured struct {
	Shape          string    `json:"shape"`
	Nodes          int       `json:"nodes"`
	Pods           int       `json:"pods"`
	Message        string    `json:"message"`
	NanosecondsPer []float64 `json:"ns_per_pair"` // per Pod and node, a repetition each
}

// timePlugins is `measure`: one thread, one pending Pod that fits nowhere.
func timePlugins(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("measure", flag.ExitOnError)
	nodes := set.Int("nodes", 5000, "nodes")
	podsPerNode := set.Int("pods-per-node", 30, "placed Pods on each")
	repetitions := set.Int("repetitions", 7, "of every shape")
	set.Parse(args)
	runtime.GOMAXPROCS(1)
	real, err := oracle.New(ctx)
	if err != nil {
		return err
	}
	c := measure.Cluster(*nodes, *podsPerNode)
	real.Load(c)
	for _, name := range slices.Sorted(maps.Keys(measure.Shapes)) {
		took, message, err := real.Time(ctx, measure.Pending(measure.Shapes[name]), *repetitions, 100*time.Millisecond)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		result := measured{Shape: name, Nodes: *nodes, Pods: len(c.Pods), Message: message}
		for _, one := range took {
			result.NanosecondsPer = append(result.NanosecondsPer, float64(one.Nanoseconds())/float64(*nodes))
		}
		if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
			return err
		}
	}
	return nil
}
