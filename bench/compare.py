#!/usr/bin/env python3
"""Our figures next to those of kube-scheduler's plugins and of cluster-autoscaler, measured in one run; a Markdown table on
standard output. `make bench-compare` builds what it needs.

    bench/compare.py [--bin=build-release] [--repetitions=5] [--rows=plugins,filter,...] [--snapshot-bytes=1000000000]

Peers: the plugins through tests/differential (one thread); cluster-autoscaler's own benchmarks from a work tree of
kubernetes/autoscaler at 87d9c45c02~1 that AUTOSCALER_DIR names (without it: "peer not run"). Every result is checked before its time
counts. Exits 1 when a figure misses what it is to reach."""

import argparse
import contextlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spillway" / "bench"


class Failure(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- figures

class Figure:
    """Repetitions of one measurement, in seconds, bytes or bytes per second."""

    def __init__(self, samples, unit="s"):
        self.samples, self.unit = samples, unit

    @property
    def median(self):
        return statistics.median(self.samples)

    def __str__(self):
        return f"{show(self.median, self.unit)} ({show(min(self.samples), self.unit)}–{show(max(self.samples), self.unit)})"


def show(value, unit):
    if unit != "s":
        return f"{value:,.0f} {unit}"
    for factor, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if value >= factor:
            break
    return f"{value / factor:.3g} {name}" if value / factor < 1000 else f"{value / factor:,.0f} {name}"


class Row:
    def __init__(self, work, ours, peer=None, note="", ratio=None, at_most=None, at_least=None):
        self.work, self.ours, self.peer, self.note = work, ours, peer, note
        self.ratio, self.at_most, self.at_least = ratio, at_most, at_least

    def reached(self):
        if self.ratio:
            return self.peer and self.peer.median / self.ours.median >= self.ratio
        return self.ours.median <= self.at_most if self.at_most else self.ours.median >= self.at_least

    def markdown(self):
        target = (f"{self.ratio:,}×" if self.ratio else f"≤ {show(self.at_most, self.ours.unit)}" if self.at_most
                  else f"≥ {show(self.at_least, self.ours.unit)}")
        factor = f"{self.peer.median / self.ours.median:,.0f}×" if self.peer else "–"
        verdict = "not compared" if self.ratio and not self.peer else "yes" if self.reached() else "**no**"
        return f"| {self.work} | {self.ours} | {self.peer or self.note or '–'} | {factor} | {target} | {verdict} |"


# ---- who is measured

def run_ours(flags, benchmarks):
    """Google Benchmark's repetitions of what matches the regular expression, by name."""
    say(f"ours: {benchmarks}")
    out = subprocess.run(
        [flags.bin / "bench/bench_simulator", f"--benchmark_filter={benchmarks}", "--benchmark_format=json",
         f"--benchmark_repetitions={flags.repetitions}", "--benchmark_min_time=0.2"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    runs = {}
    for run in json.loads(out)["benchmarks"]:
        if run.get("error_occurred"):
            raise Failure(f"{run['name']}: {run['error_message']}")
        if run["run_type"] == "iteration":
            runs.setdefault(re.sub(r"/(iterations|repeats):\d+", "", run["run_name"]), []).append(run)
    if not runs:
        raise Failure(f"no benchmark matches {benchmarks}")
    return runs


UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}


def seconds(runs, clock):
    return Figure([run[clock] * UNITS[run["time_unit"]] for run in runs])


def run_plugins(flags):
    say("peer: kube-scheduler's plugins")
    binary = subprocess.run([ROOT / "tests/differential/build", "1.36"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1]
    out = subprocess.run([binary, "measure", f"--repetitions={flags.repetitions}"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {shape["shape"]: shape for shape in map(json.loads, out.splitlines())}


def autoscaler(package, benchmark, repetitions):
    """Seconds of each repetition of one of cluster-autoscaler's benchmarks; None without a work tree. They fail by themselves
    when their result is wrong."""
    tree = os.environ.get("AUTOSCALER_DIR")
    if not tree:
        return None
    folder = Path(tree).resolve() / "cluster-autoscaler" / package
    if not folder.is_dir():
        raise Failure(f"AUTOSCALER_DIR={tree}: has no cluster-autoscaler/{package}")
    go = subprocess.run([ROOT / "tools/find-go"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    CACHE.mkdir(parents=True, exist_ok=True)
    binary = CACHE / (package.replace("/", "-") + ".test")
    say(f"peer: cluster-autoscaler {benchmark} (the first build takes minutes)")
    subprocess.run(["nice", go, "test", "-vet=off", "-c", "-o", binary, "."], cwd=folder, check=True,
                   env=os.environ | {"GOFLAGS": "-mod=mod -buildvcs=false", "GOWORK": "off"})
    out = subprocess.run([binary, "-test.run=^$", f"-test.bench={benchmark}", "-test.benchtime=1x", f"-test.count={repetitions}"],
                         cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    took = [float(ns) * 1e-9 for ns in re.findall(r"\s1\s+(\d+(?:\.\d+)?) ns/op", out)]
    if len(took) != repetitions or "FAIL" in out:
        raise Failure(f"{benchmark}: {out}")
    return Figure(took)


NOT_RUN = "peer not run"


# ---- the rows

def plugins(flags):
    peers = run_plugins(flags)
    runs = run_ours(flags, "^JudgeOne/.*/5000$")
    for shape, text in (("plain", "plain"), ("node_selector", "nodeSelector"), ("zone_spread", "zone spread"),
                        ("hostname_anti_affinity", "hostname anti-affinity")):
        ours, peer = runs[f"JudgeOne/{shape}/5000"], peers[shape]
        if ours[0]["label"] != peer["message"]:
            raise Failure(f"{shape}: we say {ours[0]['label']!r}, kube-scheduler {peer['message']!r}")
        per_pair = Figure([run["cpu_time"] * UNITS[run["time_unit"]] / peer["nodes"] for run in ours])
        yield Row(f"one Pod that fits nowhere, 5,000 nodes × 150,000 Pods, {text}: per Pod × node", per_pair,
                  Figure([ns * 1e-9 for ns in peer["ns_per_pair"]]), ratio=500)


def filter_out(flags):
    for nodes, pending, name in ((1000, 12000, "1k"), (200, 60000, "large")):
        placed = {"1k": 1000, "large": 200}[name]
        peer = autoscaler("core/podlistprocessor", f"^BenchmarkFilterOutSchedulable$/^basic:_{nodes}_nodes_{placed}_scheduled_{pending}_pending$",
                          flags.peer_repetitions)
        runs = run_ours(flags, f"^FilterOutSchedulable/.*/{nodes}/{pending}$")
        for kind, text, ratio in (("equal_pods", "equal", 1000), ("own_classes", "each a class of its own", 100)):
            yield Row(f"{nodes:,} nodes, {pending:,} pending Pods that all fail, {text}",
                      seconds(runs[f"FilterOutSchedulable/{kind}/{nodes}/{pending}"], "real_time"), peer, NOT_RUN, ratio=ratio)


def binpacking(flags):
    peer = autoscaler("estimator", "^BenchmarkBinpackingEstimate$", flags.peer_repetitions)
    ours = seconds(run_ours(flags, "^NodesNeeded$")["NodesNeeded"], "real_time")
    yield Row("51,000 Pods onto new nodes of 1000m/5000/100 Pods: 2,595 nodes", ours, peer, NOT_RUN, ratio=500)


def classes(flags):
    runs = run_ours(flags, "^PackClasses/")
    for nodes, per_node, target, pods in ((5000, 30, 10e-3, 150_000), (100_000, 10, 200e-3, 1_000_000)):
        yield Row(f"10,000 pending Pods in 100 classes packed, {nodes:,} nodes, {pods:,} Pods",
                  seconds(runs[f"PackClasses/{nodes}/{per_node}"], "cpu_time"), at_most=target,
                  note="71 s at 140 Pods/s, scheduler_perf's floor for Unschedulable (not run)" if nodes == 5000 else "")


def deltas(flags):
    runs = run_ours(flags, "^(PodDelta|NodeDelta|Relist)/.*100000/10$")
    for name, text in (("PodDelta", "a Pod is bound or deleted"), ("NodeDelta/cordon", "a node is cordoned"),
                       ("NodeDelta/label", "a node's label changes"), ("Relist", "a relisted Pod is unchanged")):
        yield Row(f"one delta at 100,000 nodes, 1,000,000 Pods: {text}",
                  Figure([1 / run["items_per_second"] for run in runs[f"{name}/100000/10"]]), at_most=5e-6)


def memory(flags):
    for kind, text in (("replicas", "labels of replicas"), ("unique_labels", "every Pod has a label value of its own")):
        for nodes, per_node in ((5000, 30), (100_000, 10)):
            samples = []
            for _ in range(2):  # a process each: freed memory would be used again
                runs = run_ours(argparse.Namespace(**vars(flags) | {"repetitions": 1}), f"^MemoryPerPod/{kind}/{nodes}/{per_node}")
                samples += [max(run["allocated_per_pod"], run["resident_per_pod"])
                            for run in runs[f"MemoryPerPod/{kind}/{nodes}/{per_node}"]]
            yield Row(f"resident memory of the model per placed Pod, {nodes:,} nodes × {per_node}, {text}", Figure(samples, "B"), at_most=256,
                      note="Go informer cache: 17–32 KB (published)")


def simulate(flags):
    for wanted, text in (("--managed-fields", "with managedFields"), ("--no-managed-fields", "without managedFields, kubectl's default")):
        with tempfile.TemporaryDirectory(prefix="spillway-bench-") as folder:
            path = Path(folder) / "snapshot.json"
            say(f"writing a snapshot {text}")
            written = json.loads(subprocess.run([ROOT / "bench/snapshot_file.py", path, f"--bytes={flags.snapshot_bytes}", wanted],
                                                stdout=subprocess.PIPE, check=True).stdout)
            say(f"ours: spillway simulate {written}")
            speed = []
            for _ in range(flags.repetitions):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                out = subprocess.run([flags.bin / "spillway", "simulate", "-f", path], stdout=subprocess.PIPE, text=True, check=True).stdout
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                nowhere = sum(" Nowhere " in line for line in out.splitlines())
                if nowhere != written["nowhere"]:
                    raise Failure(f"{written['nowhere']} Pods were to fit nowhere, not {nowhere}")
                speed.append(written["bytes"] / 1e6 / (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime))
            yield Row(f"`spillway simulate` on a snapshot of {written['bytes'] / 1e9:.1f} GB, {text}: {written['pods']:,} Pods, "
                      f"{written['pending']:,} verdicts", Figure(speed, "MB/s"), at_least=500)


ROWS = {"plugins": plugins, "filter": filter_out, "binpacking": binpacking, "classes": classes, "deltas": deltas, "memory": memory,
        "simulate": simulate}


def machine():
    name = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} × {name}, load {os.getloadavg()[0]:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / "build-release", help="build folder, a Release one")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--peer-repetitions", type=int, default=3, help="of cluster-autoscaler's benchmarks, which take seconds each")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--snapshot-bytes", type=int, default=1_000_000_000)
    flags = parser.parse_args()
    start, missed = time.monotonic(), 0
    print(f"Measured on {machine()}. Median (least–most) of the repetitions.\n")
    print("| work | Spillway | peer | ratio | to reach | reached |\n|---|---|---|---|---|---|", flush=True)
    for name in flags.rows.split(","):
        try:
            for row in ROWS[name](flags):
                print(row.markdown(), flush=True)
                missed += not row.reached()
        except (Failure, subprocess.CalledProcessError) as failure:
            print(f"| {name} | failed: {failure} | | | | **no** |", flush=True)
            missed += 1
    print(f"\n{time.monotonic() - start:.0f} s, load at the end {os.getloadavg()[0]:.1f}.")
    return 1 if missed else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
