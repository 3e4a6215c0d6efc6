#!/usr/bin/env python3
"""Spillway on a real control plane whose kube-scheduler has its default settings; prints a table.

    scheduler  kube-scheduler alone: 1,000 Pods that fit nowhere, until the last one is called Unschedulable
    overflow   the same 1,000 Pods with Spillway: from the create call until the Pod is bound to a virtual node
    exact      200 Pods of which 60 fit: how many runs out of 20 end with exactly 60 local and 140 virtual

    bench/controlplane.py                    all three, SPILLWAY_BIN or build/spillway
    bench/controlplane.py scheduler          needs no Spillway binary

Everything runs on this machine, the thousand creates included. Pods are created by tests/controlplane/loadgen, which
also takes the times, from its own watch. Virtual nodes are hollow ones that look like a virtual-kubelet's, or, with
--agents, Spillway's own agents with the simulated provider. Exits 1 when a figure misses its target.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "controlplane"))

from figures import Table, machine, percentile  # noqa: E402
from processes import wait_until  # noqa: E402
from spillway_cluster import SpillwayCluster  # noqa: E402

VIRTUAL_NODES = 3
LAST_BOUND_SECONDS = 5.0  # the target for `overflow`, after the last create
NAMESPACE = "bench"


def measure_scheduler(options, table: Table):
    with SpillwayCluster() as cluster:
        add_nodes(cluster, options)
        load = generate(cluster, options.pods, cpu="64", until="unschedulable")
    last = max(p["unschedulable"] for p in load["pods"])
    table.add("kube-scheduler alone: last Unschedulable after the first create", f"{last:.2f} s")
    table.add("kube-scheduler alone: last Unschedulable after the last create", f"{last - load['last_create']:.2f} s")


def measure_overflow(options, table: Table):
    with SpillwayCluster() as cluster:
        add_nodes(cluster, options)
        start_spillway(cluster, options)
        load = generate(cluster, options.pods, cpu="64", until="bound")
    waits = sorted(p["bound"] - p["sent"] for p in load["pods"])
    last = max(p["bound"] for p in load["pods"]) - load["last_create"]
    shares = collections.Counter(p["node"] for p in load["pods"])
    table.add("with Spillway: create to bound, p50", f"{percentile(waits, 50):.2f} s")
    table.add("with Spillway: create to bound, p99", f"{percentile(waits, 99):.2f} s")
    table.add("with Spillway: last bound after the last create", f"{last:.2f} s", f"<= {LAST_BOUND_SECONDS:g} s",
              last <= LAST_BOUND_SECONDS)
    table.add("with Spillway: Pods per virtual node", " / ".join(str(n) for _, n in sorted(shares.items())))


def measure_exact(options, table: Table):
    outcomes = collections.Counter()
    with SpillwayCluster() as cluster:
        add_nodes(cluster, options)
        start_spillway(cluster, options)
        for run in range(options.runs):
            load = generate(cluster, 200, cpu="1", until="bound", namespace=f"{NAMESPACE}-{run}")
            local = sum(p["node"].startswith("real-") for p in load["pods"])
            outcomes[local, 200 - local] += 1
            remove(cluster, f"{NAMESPACE}-{run}")
    exact = outcomes[60, 140]
    others = ", ".join(f"{n}x {local}/{virtual}" for (local, virtual), n in outcomes.items() if (local, virtual) != (60, 140))
    table.add("200 Pods of which 60 fit: runs with exactly 60 local, 140 virtual",
              f"{exact} of {options.runs}" + (f" ({others})" if others else ""), f"{options.runs} of {options.runs}",
              exact == options.runs)


# ------------------------------------------------------------------------------------------------- their parts


def add_nodes(cluster: SpillwayCluster, options):
    """30 real nodes with room for 2 Pods of 1 CPU each, and the virtual ones."""
    cluster.hollow_nodes("real", None, "--count=30", "--prefix=real-", "--shape=2,8Gi,110", expect=30)
    if options.agents:
        for i in range(VIRTUAL_NODES):
            cluster.start_agent(f"virtual-kubelet-{i}", "simulated")
    else:
        cluster.hollow_nodes("virtual", None, f"--count={VIRTUAL_NODES}", "--prefix=virtual-kubelet-",
                             "--shape=1000000,6400Ti,3000", "--label=type=virtual-kubelet",
                             "--taint=virtual-kubelet.io/provider=alibabacloud:NoSchedule", expect=VIRTUAL_NODES)


def start_spillway(cluster: SpillwayCluster, options):
    cluster.start_controller("--pending-grace=1s", "--kube-api-qps=2000", "--kube-api-burst=4000", *options.controller_flag)


def generate(cluster: SpillwayCluster, pods: int, cpu: str, until: str, namespace: str = NAMESPACE) -> dict:
    cluster.kubectl("create", "namespace", namespace)
    wait_until(lambda: cluster.api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"), "namespace ready", 30)
    done = subprocess.run([cluster.tool("loadgen"), f"--kubeconfig={cluster.admin_kubeconfig}", f"--namespace={namespace}",
                           f"--count={pods}", f"--cpu={cpu}", "--memory=64Mi", f"--until={until}", "--deadline=120s"],
                          check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def remove(cluster: SpillwayCluster, namespace: str):
    """Deletes the Pods, so that the next run finds the same free room."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    cluster.api.delete(path)
    wait_until(lambda: not cluster.api.items(path), f"Pods of {namespace} gone", 60)


def main() -> int:
    measurements = {"scheduler": measure_scheduler, "overflow": measure_overflow, "exact": measure_exact}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="of: " + ", ".join(measurements) + " (default: all)")
    parser.add_argument("--pods", type=int, default=1000, help="for scheduler and overflow")
    parser.add_argument("--runs", type=int, default=20, help="for exact")
    parser.add_argument("--agents", action="store_true", help="virtual nodes are Spillway's agents, not hollow nodes")
    parser.add_argument("--controller-flag", action="append", default=[], metavar="--FLAG=VALUE",
                        help="one more flag for the controller, repeatable")
    options = parser.parse_args()
    for what in options.what:
        if what not in measurements:
            parser.error(f"unknown measurement {what}; there are: {', '.join(measurements)}")

    table = Table()
    for what in options.what or measurements:
        print(f"measuring {what} ...", file=sys.stderr)
        measurements[what](options, table)
    print(f"{machine()}; {options.pods} Pods, 30 real nodes, {VIRTUAL_NODES} virtual nodes"
          f" ({'agents, simulated provider' if options.agents else 'hollow'}); kube-scheduler with default settings")
    print(table)
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
