// Command differential compares `spillway simulate` with the real kube-scheduler plugins on random clusters.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"spillway.io/tests/differential/generate"
	"spillway.io/tests/differential/history"
	"spillway.io/tests/differential/oracle"
	"spillway.io/tests/differential/shrink"
	"spillway.io/tests/differential/spillway"
	"spillway.io/tests/differential/vector"
	"spillway.io/tests/differential/verdict"
)

const usage = `usage: differential <command> [flags]

  fuzz      compare on random clusters; shrink and keep disagreements
  vectors   write kube-scheduler's answers on random clusters, a vector a line
  stamp     read vectors, note this version of kube-scheduler on those whose answer is its own
  keep      read a List on standard input, write it with kube-scheduler's answer as a vector
  answer    read a List on standard input, print kube-scheduler's answer
  generate  print the cluster of --seed and --index
  features  name what clusters may be rich in
  measure   time the plugins on a large cluster, for bench/compare.py
`

func main() {
	quiet := flag.NewFlagSet("klog", flag.PanicOnError)
	klog.InitFlags(quiet)
	quiet.Set("stderrthreshold", "FATAL") // older plugins log errors for what is none
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	commands := map[string]func(context.Context, []string) error{"fuzz": fuzz, "vectors": vectors, "stamp": stamp, "keep": keep, "answer": answer, "generate": print, "features": features, "measure": timePlugins}
	run := commands[os.Args[1]]
	if run == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

// Which clusters.
type selection struct {
	seed, index, count uint64
	features           string
}

func (s *selection) flags(set *flag.FlagSet) {
	set.Uint64Var(&s.seed, "seed", 0, "of the clusters; 0: a fresh one")
	set.Uint64Var(&s.index, "index", 0, "first cluster")
	set.Uint64Var(&s.count, "n", 2000, "number of clusters")
	set.StringVar(&s.features, "features", strings.Join(generate.Features(), ","), "what clusters may be rich in; a leading - leaves out instead")
}

func (s *selection) enabled() ([]string, error) {
	if s.seed == 0 {
		s.seed = rand.Uint64N(1 << 40)
	}
	return generate.Choose(s.features)
}

func fuzz(ctx context.Context, args []string) error {
	var which selection
	set := flag.NewFlagSet("fuzz", flag.ExitOnError)
	which.flags(set)
	binary := set.String("spillway", "spillway", "path of spillway")
	keep := set.String("keep", "", "directory for the vectors of shrunk disagreements; empty: only print them")
	stopAfter := set.Int("stop-after", 5, "disagreements")
	mode := set.String("mode", "filter", "of spillway simulate; each: packed as the controller does, objects arriving in any order and changing on the way")
	set.Parse(args)
	enabled, err := which.enabled()
	if err != nil {
		return err
	}
	real, err := oracle.New(ctx)
	if err != nil {
		return err
	}
	ours, err := spillway.Start(*binary, oracle.Version, *mode)
	if err != nil {
		return err
	}
	defer ours.Stop()

	start := time.Now()
	tally := newTally()
	disagreements := 0
	replay := func(index uint64) string {
		return fmt.Sprintf("differential fuzz --mode=%s --seed=%d --index=%d --n=1 --features=%s", *mode, which.seed, index, strings.Join(enabled, ","))
	}
	fmt.Printf("seed %d, %d clusters of kube-scheduler %s, features %s\n", which.seed, which.count, oracle.Version, strings.Join(enabled, ","))
	for i := which.index; i < which.index+which.count; i++ {
		list, err := encoded(which.seed, i, enabled)
		if err != nil {
			return fmt.Errorf("%w; replay with %s", err, replay(i))
		}
		past := func(list []byte) ([]byte, error) { return list, nil }
		if *mode == "each" {
			past = func(list []byte) ([]byte, error) { return history.Of(which.seed, i, list) }
		}
		among, theirs, different, err := compare(ctx, real, ours, list, past)
		if err != nil {
			return fmt.Errorf("%w; replay with %s", err, replay(i))
		}
		tally.add(theirs)
		tally.several += among.Several()
		if len(different) == 0 {
			continue
		}
		disagreements++
		fmt.Printf("\ndisagreement: %s\n", replay(i))
		if err := report(ctx, real, ours, list, past, different, *keep, fmt.Sprintf("disagreement-%d-%d", which.seed, i)); err != nil {
			return err
		}
		if disagreements >= *stopAfter {
			break
		}
	}
	fmt.Printf("%s, %d disagreements, %.1f s\n", tally, disagreements, time.Since(start).Seconds())
	if disagreements > 0 {
		return fmt.Errorf("%d clusters with disagreements", disagreements)
	}
	return nil
}

func encoded(seed, index uint64, enabled []string) ([]byte, error) {
	list, err := generate.Cluster(seed, index, enabled).Encode()
	if err != nil {
		return nil, err
	}
	return generate.OddQuantities(seed, index, list)
}

// compare asks kube-scheduler about the cluster, and spillway about a history that ends with it.
func compare(ctx context.Context, real *oracle.Oracle, ours *spillway.Process, list []byte, past func([]byte) ([]byte, error)) (*verdict.Among, verdict.Answer, []string, error) {
	among, theirs, err := judgeSeveral(ctx, real, list)
	if err != nil {
		return among, theirs, nil, err
	}
	whole, err := past(list)
	if err != nil {
		return among, theirs, nil, err
	}
	answer, err := ours.Simulate(whole)
	if err != nil {
		return among, theirs, []string{err.Error()}, ours.Broken()
	}
	return among, theirs, among.Differences(answer), nil
}

// report shrinks a disagreement, prints it and keeps it.
func report(ctx context.Context, real *oracle.Oracle, ours *spillway.Process, list []byte, past func([]byte) ([]byte, error), different []string, keep, name string) error {
	kind := verdict.Kind(different)
	small := shrink.List(list, func(candidate []byte) bool {
		_, _, different, err := compare(ctx, real, ours, candidate, past)
		return err == nil && len(different) > 0 && verdict.Kind(different) == kind
	})
	_, theirs, different, err := compare(ctx, real, ours, small, past)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	json.Indent(&pretty, small, "", " ")
	fmt.Printf("%s\n  %s\n", pretty.String(), strings.Join(different, "\n  "))
	if keep == "" {
		return nil
	}
	path, err := vector.Write(keep, vector.Vector{Name: name, About: strings.Join(different, "\n"),
		Kubernetes: []string{oracle.Version}, Snapshot: small, Expected: theirs})
	fmt.Println("kept as", path)
	return err
}
