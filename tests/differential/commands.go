package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"spillway.io/tests/differential/cluster"
	"spillway.io/tests/differential/generate"
	"spillway.io/tests/differential/oracle"
	"spillway.io/tests/differential/vector"
	"spillway.io/tests/differential/verdict"
)

// vectors writes, for each feature, the clusters that show most of what kube-scheduler says about it.
func vectors(ctx context.Context, args []string) error {
	var which selection
	set := flag.NewFlagSet("vectors", flag.ExitOnError)
	which.flags(set)
	name := set.String("name", "mixed", "what the vectors are called")
	keep := set.Int("keep", 20, "vectors at most")
	size := set.Int("size", 4000, "bytes of a cluster at most")
	set.Parse(args)
	enabled, err := which.enabled()
	if err != nil {
		return err
	}
	real, err := oracle.New(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := which.index; i < which.index+which.count && *keep > 0; i++ {
		list, err := encoded(which.seed, i, enabled)
		if err != nil {
			return err
		}
		if len(list) > *size {
			continue
		}
		theirs, err := judge(ctx, real, list)
		if err != nil {
			return err
		}
		if !showsMore(theirs, seen) {
			continue
		}
		*keep--
		v := vector.Vector{Name: fmt.Sprintf("%s-%d", *name, i), Kubernetes: []string{oracle.Version}, Snapshot: list, Expected: theirs}
		if err := vector.Line(os.Stdout, v); err != nil {
			return err
		}
	}
	return nil
}

// Names and numbers make no new message.
var particular = regexp.MustCompile(`"[^"]*"|[-./\w]*[0-9][-./\w]*`)

// showsMore is true when a message, or a filter's reasons next to other verdicts, have not been seen yet.
func showsMore(answer verdict.Answer, seen map[string]bool) bool {
	more := false
	for _, v := range answer.Verdicts {
		said := []string{particular.ReplaceAllString(v.Message, "#"), fmt.Sprint(v.Verdict, len(v.Nodes) == 0)}
		for _, node := range v.Nodes {
			said = append(said, fmt.Sprint(v.Verdict, len(v.Feasible) > 0, node.Filter, node.Reasons))
		}
		for _, text := range said {
			if text != "" && !seen[text] {
				seen[text], more = true, true
			}
		}
	}
	return more
}

// stamp adds this kube-scheduler's version to the vectors on standard input to whose answer it agrees.
func stamp(ctx context.Context, _ []string) error {
	real, err := oracle.New(ctx)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(os.Stdin)
	for {
		var v vector.Vector
		if err := decoder.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		theirs, err := judge(ctx, real, v.Snapshot)
		if err != nil {
			return err
		}
		v.Kubernetes = slices.DeleteFunc(v.Kubernetes, func(version string) bool { return version == oracle.Version })
		if len(verdict.Differences(v.Expected, theirs)) == 0 {
			v.Kubernetes = append(v.Kubernetes, oracle.Version)
			slices.Sort(v.Kubernetes)
		}
		if len(v.Kubernetes) == 0 {
			fmt.Fprintf(os.Stderr, "%s: kube-scheduler %s no longer says so, and no other does\n", v.Name, oracle.Version)
			continue
		}
		if err := vector.Line(os.Stdout, v); err != nil {
			return err
		}
	}
}

func judge(ctx context.Context, real *oracle.Oracle, list []byte) (verdict.Answer, error) {
	c, err := cluster.Decode(list)
	if err != nil {
		return verdict.Answer{}, err
	}
	return real.Judge(ctx, c)
}

// keep writes the vector of a List on standard input.
func keep(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("keep", flag.ExitOnError)
	directory := set.String("directory", "tests/vectors", "where vectors are")
	name := set.String("name", "", "of the vector, and of its file")
	about := set.String("about", "", "what it shows")
	set.Parse(args)
	list, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	real, err := oracle.New(ctx)
	if err != nil {
		return err
	}
	theirs, err := judge(ctx, real, list)
	if err != nil {
		return err
	}
	_, err = vector.Write(*directory, vector.Vector{Name: *name, About: *about, Kubernetes: []string{oracle.Version}, Snapshot: list, Expected: theirs})
	return err
}

func answer(ctx context.Context, _ []string) error {
	list, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	real, err := oracle.New(ctx)
	if err != nil {
		return err
	}
	theirs, err := judge(ctx, real, list)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(theirs)
}

func print(_ context.Context, args []string) error {
	var which selection
	set := flag.NewFlagSet("generate", flag.ExitOnError)
	which.flags(set)
	set.Parse(args)
	enabled, err := which.enabled()
	if err != nil {
		return err
	}
	list, err := encoded(which.seed, which.index, enabled)
	fmt.Println(string(list))
	return err
}

func features(context.Context, []string) error {
	fmt.Println(strings.Join(generate.Features(), " "))
	return nil
}
