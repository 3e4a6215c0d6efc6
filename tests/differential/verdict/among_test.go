package verdict

import "testing"

func pod(verdict string, feasible []string, nodes ...Node) Answer {
	message := ""
	if len(feasible) == 0 {
		message = "0/2 nodes are available: " + verdict
	}
	return Answer{Verdicts: []Verdict{{Namespace: "d", Name: "p", Verdict: verdict, Message: message, Feasible: feasible, Nodes: nodes}}}
}

func TestAmong(t *testing.T) {
	no := func(node string) Node { return Node{Node: node, Filter: "VolumeBinding", Reasons: []string{"none"}} }
	fits, nowhere := pod(Fits, []string{"a"}, no("b")), pod(Nowhere, nil, no("a"), no("b"))
	elsewhere := pod(Fits, []string{"b"}, no("a"))
	either := pod(Fits, []string{"a", "b"})
	for _, c := range []struct {
		name    string
		theirs  []Answer
		ours    Answer
		several int
		agree   bool
	}{
		{"one answer", []Answer{nowhere}, nowhere, 0, true},
		{"one answer, and not ours", []Answer{nowhere}, fits, 0, false},
		{"fits sometimes", []Answer{nowhere, fits}, fits, 1, true},
		{"nowhere is too much", []Answer{nowhere, fits}, nowhere, 1, false},
		{"here or there", []Answer{fits, elsewhere}, either, 1, true},
		{"here or there, and only one is named", []Answer{fits, elsewhere}, fits, 1, false},
		{"a node that never fits", []Answer{nowhere, fits}, either, 1, false},
	} {
		var among Among
		for _, answer := range c.theirs {
			if !among.Add(answer) || among.Add(answer) {
				t.Errorf("%s: an answer is new once", c.name)
			}
		}
		if among.Several() != c.several {
			t.Errorf("%s: %d Pods with several answers", c.name, among.Several())
		}
		if different := among.Differences(c.ours); (len(different) == 0) != c.agree {
			t.Errorf("%s: %v", c.name, different)
		}
	}
}
