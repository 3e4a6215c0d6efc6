package verdict

import (
	"fmt"
	"slices"
	"strings"
)

// Among is what kube-scheduler says of a cluster when it is asked again and again: of volumes that are equally large it
// takes any, so a Pod with claims may have several answers.
type Among struct{ answers []Answer }

// Add returns false when this answer has been given before.
func (a *Among) Add(answer Answer) bool {
	for _, known := range a.answers {
		if len(Differences(known, answer)) == 0 {
			return false
		}
	}
	a.answers = append(a.answers, answer)
	return true
}

// Several counts the Pods that have more than one answer.
func (a *Among) Several() int {
	count := 0
	for i := range a.answers[0].Verdicts {
		if slices.ContainsFunc(a.answers, func(other Answer) bool {
			return len(differences(a.answers[0].Verdicts[i], other.Verdicts[i])) > 0
		}) {
			count++
		}
	}
	return count
}

// Differences lists where `ours` is none of the answers. A node that any answer calls feasible must be feasible: that
// a Pod fits nowhere is said only if it never fits.
func (a *Among) Differences(ours Answer) []string {
	different := Differences(a.answers[0], ours)
	if len(a.answers) == 1 || len(ours.Verdicts) != len(a.answers[0].Verdicts) {
		return different
	}
	var out []string
	for i, our := range ours.Verdicts {
		var theirs []Verdict
		for _, answer := range a.answers {
			theirs = append(theirs, answer.Verdicts[i])
		}
		out = append(out, amongst(theirs, our)...)
	}
	return out
}

func amongst(theirs []Verdict, our Verdict) []string {
	if !slices.ContainsFunc(theirs, func(their Verdict) bool { return len(differences(their, theirs[0])) > 0 }) {
		return differences(theirs[0], our)
	}
	var out []string
	differ := func(what, expected, ours string) {
		out = append(out, fmt.Sprintf("%s/%s %s\n    kube-scheduler: %s\n    spillway:       %s", our.Namespace, our.Name, what, expected, ours))
	}
	if best := mostHopeful(theirs); our.Verdict != best {
		differ("verdict", best+", sometimes", our.Verdict)
	}
	if our.Verdict == Undecidable {
		return out
	}
	for node, statuses := range statusesOf(theirs) {
		said := statusesOf([]Verdict{our})[node]
		expected := statuses
		if slices.Contains(statuses, feasible) {
			expected = []string{feasible}
		}
		if len(said) != 1 || !slices.Contains(expected, said[0]) {
			differ("nodes", node+": "+strings.Join(statuses, " | "), strings.Join(said, " | "))
		}
	}
	if (our.Message == "") != (len(our.Feasible) > 0) {
		differ("message", "(of several)", our.Message)
	}
	return out
}

func mostHopeful(verdicts []Verdict) string {
	for _, kind := range []string{Fits, Undecidable} {
		if slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Verdict == kind }) {
			return kind
		}
	}
	return Nowhere
}

const feasible = "feasible"

// statusesOf collects what was said of each node.
func statusesOf(verdicts []Verdict) map[string][]string {
	statuses := map[string][]string{}
	add := func(node, status string) {
		if !slices.Contains(statuses[node], status) {
			statuses[node] = append(statuses[node], status)
		}
	}
	for _, v := range verdicts {
		for _, node := range v.Feasible {
			add(node, feasible)
		}
		for _, node := range v.Nodes {
			add(node.Node, lines([]Node{node}))
		}
	}
	return statuses
}
