#!/usr/bin/env python3
"""The controller idle on a large cluster: resident memory and time until its caches are synced.

    bench/idle.py                               5,000 nodes and 150,000 Pods, three runs
    bench/idle.py --nodes=1000 --pods=30000 --runs=1

The cluster is `spillway sandbox`, a process of its own on this machine, served over HTTPS; its time to encode the lists is part
of the time to synced. Needs SPILLWAY_BIN or build/spillway. Exits 1 when the memory misses its target."""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET_MB = 300
DEADLINE = 600  # seconds, for each thing waited for


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, process):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if condition():
            return
        if process.poll() is not None:
            sys.exit(f"bench/idle.py: the process ended ({process.returncode}) before {what}")
        time.sleep(0.02)
    sys.exit(f"bench/idle.py: gave up waiting for {what}")


def is_ready(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def memory_mb(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_controller(binary, kubeconfig, log):
    """One start: (seconds to synced, resident MB ten seconds later, peak MB, idle CPU share)."""
    health = free_port()
    began = time.monotonic()
    controller = subprocess.Popen(
        [binary, "controller", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--metrics-bind-address=0",
         f"--health-probe-bind-address=127.0.0.1:{health}"], stderr=log)
    try:
        wait_for(lambda: is_ready(f"http://127.0.0.1:{health}/readyz"), "the controller was ready", controller)
        synced = time.monotonic() - began
        before = cpu_seconds(controller.pid)
        time.sleep(10)
        share = (cpu_seconds(controller.pid) - before) / 10
        return synced, memory_mb(controller.pid, "VmRSS"), memory_mb(controller.pid, "VmHWM"), share
    finally:
        controller.terminate()
        controller.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--pods", type=int, default=150000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    binary = os.environ.get("SPILLWAY_BIN", str(ROOT / "build/spillway"))

    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "w", encoding="utf-8") as log:
        kubeconfig = f"{folder}/kubeconfig"
        sandbox = subprocess.Popen([binary, "sandbox", f"--nodes={options.nodes}", f"--pods={options.pods}",
                                    f"--port={free_port()}", f"--kubeconfig-out={kubeconfig}"],
                                   stdout=log, stderr=log)
        try:
            wait_for(lambda: Path(kubeconfig).exists(), "the sandbox was up", sandbox)
            runs = [run_controller(binary, kubeconfig, log) for _ in range(options.runs)]
        finally:
            sandbox.terminate()
            sandbox.wait()

    print(f"{options.nodes} nodes, {options.pods} Pods, {options.runs} runs: median (smallest to largest)")
    rows = [("time to synced", "s"), ("resident memory, idle", "MB"), ("peak memory", "MB"), ("CPU, idle", "of one core")]
    for (name, unit), values in zip(rows, zip(*runs)):
        print(f"{name:24} {statistics.median(values):8.3g} {unit}  ({min(values):.3g} to {max(values):.3g})")
    resident = statistics.median(run[1] for run in runs)
    print(f"target: resident under {TARGET_MB} MB: {'met' if resident < TARGET_MB else 'MISSED'}")
    return 0 if resident < TARGET_MB else 1


if __name__ == "__main__":
    sys.exit(main())
