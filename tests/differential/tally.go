package main

import (
	"fmt"
	"slices"
	"strings"

	"spillway.io/tests/differential/verdict"
)

// tally counts what kube-scheduler said, to show that clusters are mixed and every filter is met.
type tally struct {
	clusters, pods, pairs int
	several               int // Pods of which kube-scheduler says now this, now that
	verdicts, filters     map[string]int
}

func newTally() *tally { return &tally{verdicts: map[string]int{}, filters: map[string]int{}} }

func (t *tally) add(answer verdict.Answer) {
	t.clusters++
	for _, v := range answer.Verdicts {
		t.pods++
		t.verdicts[v.Verdict]++
		t.pairs += len(v.Nodes) + len(v.Feasible)
		for _, node := range v.Nodes {
			t.filters[node.Filter]++
		}
		if v.Verdict == verdict.Nowhere && len(v.Nodes) == 0 {
			t.filters["(all nodes)"]++
		}
	}
}

func (t *tally) String() string {
	counts := func(of map[string]int) string {
		var parts []string
		for name, count := range of {
			parts = append(parts, fmt.Sprintf("%s %d", name, count))
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%d clusters, %d Pods (%s; %d with several answers), %d Pods x nodes (rejected: %s)", t.clusters, t.pods, counts(t.verdicts), t.several, t.pairs, counts(t.filters))
}
