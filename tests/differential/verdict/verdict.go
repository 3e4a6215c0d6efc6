// Package verdict is the JSON contract of `spillway simulate -o json`.
package verdict

import (
	"fmt"
	"slices"
	"strings"
)

const (
	Fits        = "Fits"
	Nowhere     = "Nowhere"
	Undecidable = "Undecidable"
)

type Answer struct {
	Verdicts []Verdict `json:"verdicts"`
}

// Verdict of one Pod: `verdict` is about real nodes, everything else about all nodes, as kube-scheduler sees them.
type Verdict struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Verdict   string   `json:"verdict"`
	Message   string   `json:"message"`
	Feasible  []string `json:"feasible"`
	Nodes     []Node   `json:"nodes"`
}

// Node says why a node was rejected: the first failing filter and its reasons, in any order.
type Node struct {
	Node    string   `json:"node"`
	Filter  string   `json:"filter"`
	Reasons []string `json:"reasons"`
}

// Differences lists where `ours` departs from what kube-scheduler says, a line each; none is agreement.
func Differences(theirs, ours Answer) []string {
	var out []string
	if len(theirs.Verdicts) != len(ours.Verdicts) {
		return []string{fmt.Sprintf("kube-scheduler has %d pending Pods, spillway %d", len(theirs.Verdicts), len(ours.Verdicts))}
	}
	for i := range theirs.Verdicts {
		out = append(out, differences(theirs.Verdicts[i], ours.Verdicts[i])...)
	}
	return out
}

func differences(theirs, ours Verdict) []string {
	var out []string
	differ := func(what string, t, o any) {
		if a, b := fmt.Sprint(t), fmt.Sprint(o); a != b {
			out = append(out, fmt.Sprintf("%s/%s %s\n    kube-scheduler: %s\n    spillway:       %s", theirs.Namespace, theirs.Name, what, a, b))
		}
	}
	differ("is Pod", theirs.Namespace+"/"+theirs.Name, ours.Namespace+"/"+ours.Name)
	differ("verdict", theirs.Verdict, ours.Verdict)
	if theirs.Verdict == Undecidable || ours.Verdict == Undecidable {
		return out // the rest is for operators then
	}
	differ("message", theirs.Message, ours.Message)
	differ("feasible", theirs.Feasible, ours.Feasible)
	differ("nodes", lines(theirs.Nodes), lines(ours.Nodes))
	return out
}

func lines(nodes []Node) string {
	var out []string
	for _, node := range nodes {
		reasons := slices.Clone(node.Reasons)
		slices.Sort(reasons)
		out = append(out, fmt.Sprintf("%s: %s: %s", node.Node, node.Filter, strings.Join(reasons, ", ")))
	}
	return strings.Join(out, "; ")
}

// Kind says what is different, without the values: what stays the same while a cluster shrinks.
func Kind(differences []string) string {
	first, _, _ := strings.Cut(differences[0], "\n")
	if words := strings.Fields(first); len(words) > 1 {
		return words[1]
	}
	return first
}
