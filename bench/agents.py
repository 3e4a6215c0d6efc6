#!/usr/bin/env python3
"""Agents under a burst: Pods that are bound to virtual nodes all at once, until all run, then a kill -9, a rest, and their end.

    bench/agents.py                                   one agent, 3,000 Pods, at 50 and at 500 requests a second
    bench/agents.py --agents=10 --pods=30000 --qps=50
    bench/agents.py --agents=10 --pods=1000 --qps=50 --control-plane

The API server is `spillway sandbox`, a process of its own on this machine: the figures are the agents', not kube-apiserver's. With
--control-plane it is a kube-apiserver with its etcd, kube-controller-manager and kube-scheduler (tests/controlplane/build), all on
this machine as well; CPU seconds of each are told. The cloud is the simulated one, whose instances start in 1 s and whose calls take 20 ms. Pods are created bound, by this script,
over one connection; times are taken from its own watch. Needs SPILLWAY_BIN or build/spillway. Exits 1 when a target is missed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "wire"))

from processes import SPILLWAY, Sandbox as SandboxProcess  # noqa: E402

CLOUD_LATENCY = 1.04  # seconds: a call, a start, and a call that tells
OLDEST_LEASE = 15.0
WRITES_PER_POD = 3.0
EVENTS_PER_POD = 5.0
MEMORY_PER_POD = 12 * 1024
IDLE_CPU = 0.02
TRIMMED = 35  # seconds after which free memory has gone back to the kernel
REST = 30  # seconds that agents are watched at rest
DEADLINE = 1800


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Sandbox(SandboxProcess):
    def cpu(self):
        """Name -> CPU seconds of its servers."""
        return {"sandbox": cpu_seconds(self.process.pid)}

    def stop(self):
        self.process.kill()
        self.process.wait()


class RealServer:
    """As a Sandbox: a real control plane."""

    def __init__(self):
        del sys.modules["processes"]  # that of tests/wire; the control plane's own is another
        sys.path.insert(0, str(ROOT / "tests" / "controlplane"))
        from controlplane import ControlPlane  # noqa: PLC0415
        self.cluster = ControlPlane().__enter__()
        self.kubeconfig = self.cluster.admin_kubeconfig

    def connect(self, timeout=60):
        return self.cluster.api.connect(timeout)

    def cpu(self):
        return {process.name: cpu_seconds(process.pid) for process in self.cluster.processes}

    def stop(self):
        self.cluster.__exit__(None, None, None)


class Client:
    """One connection that stays open while it is used."""

    def __init__(self, sandbox):
        self.sandbox, self.connection, self.last = sandbox, sandbox.connect(), time.monotonic()

    def call(self, method, path, body=None):
        if time.monotonic() - self.last > 30:  # the server has closed it
            self.connection = self.sandbox.connect()
        self.last = time.monotonic()
        self.connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json", "Accept": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            sys.exit(f"bench/agents.py: {method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)


class Agent:
    """A virtual node's process, on free ports of its own. `provider`: flags, if it is not the simulated one."""

    def __init__(self, name, sandbox, folder, options, qps, provider=None):
        self.log = open(folder / f"{name}.log", "a", encoding="utf-8")
        quota = str(options.pods)
        provider = provider or ["--provider=simulated", f"--state-dir={folder / name}"]
        self.command = [SPILLWAY, "agent", f"--nodename={name}", *provider, f"--kubeconfig={sandbox.kubeconfig}", "--internal-ip=127.0.0.1", "--kubelet-port=0",
                        "--cluster-id=bench", f"--quota-cpu={quota}", f"--quota-memory={quota}Gi", f"--quota-pods={quota}",
                        "--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=0", f"--kube-api-qps={qps}",
                        f"--kube-api-burst={2 * qps}"]
        self.start()

    def start(self):
        self.began = self.log.tell()
        self.process = subprocess.Popen(self.command, stderr=self.log)

    def metric(self, pattern):
        """Sum of the samples whose line begins so."""
        text = Path(self.log.name).read_text(encoding="utf-8")[self.began:]
        serving = re.search(r'serving flag=metrics-bind-address address=127.0.0.1 port=(\d+)', text)
        if not serving:
            return 0.0
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{serving[1]}/metrics", timeout=10) as answer:
                page = answer.read().decode()
        except OSError:
            return 0.0
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(pattern, line))

    def resident(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.seek(0, os.SEEK_END)


class Watched:
    """When each Pod was first seen Running, and how often it changed, from a watch of its own."""

    def __init__(self, sandbox):
        self.running, self.changes, self.gone = {}, {}, 0
        self.connection = sandbox.connect(timeout=None)
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        self.connection.request("GET", "/api/v1/namespaces/default/pods?watch=true")
        for line in self.connection.getresponse():
            event = json.loads(line)
            metadata = event["object"]["metadata"]
            name = metadata["name"]
            # One deletion is two steps for kube-apiserver: without grace now, and gone.
            is_half = event["type"] == "MODIFIED" and metadata.get("deletionGracePeriodSeconds") == 0
            self.changes[name] = self.changes.get(name, 0) + (not is_half)
            if event["type"] == "DELETED":
                self.gone += 1
            elif event["object"].get("status", {}).get("phase") == "Running":
                self.running.setdefault(name, time.monotonic())


class Leases:
    """The oldest that any Lease was, looked at twice a second."""

    def __init__(self, sandbox):
        self.oldest, self.is_over, self.client = 0.0, False, Client(sandbox)
        threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        while not self.is_over:
            for lease in self.client.call("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")["items"]:
                renewed = datetime.fromisoformat(lease["spec"]["renewTime"].replace("Z", "+00:00"))
                self.oldest = max(self.oldest, (datetime.now(timezone.utc) - renewed).total_seconds())
            time.sleep(0.5)


def pod(index, node):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{index}", "labels": {"app": "bench"}},
            "spec": {"nodeName": node, "automountServiceAccountToken": False, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1,
                     "containers": [{"name": "main", "image": "bench:1", "env": [{"name": "A", "value": "b"}],
                                     "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]}}


def wait_until(done, what):
    end = time.monotonic() + DEADLINE
    while not done():
        if time.monotonic() > end:
            sys.exit(f"bench/agents.py: gave up waiting until {what}")
        time.sleep(0.05)
    return time.monotonic()


def wait_until_quiet(agents):
    """Events have a limiter of their own, and take longer than all else."""
    before = None
    while (now := total(agents, "spillway_events_emitted_total")) != before:
        before = now
        time.sleep(3)


def total(agents, pattern):
    return sum(agent.metric(pattern) for agent in agents)


def median(values):
    return sorted(values)[len(values) // 2]


def measure(options, qps):
    """(what, value, unit, target or None) of one run."""
    folder_handle = tempfile.TemporaryDirectory()
    folder = Path(folder_handle.name)
    sandbox = RealServer() if options.control_plane else Sandbox()
    agents = []
    try:
        client, names = Client(sandbox), [f"vnode-{i}" for i in range(options.agents)]
        agents = [Agent(name, sandbox, folder, options, qps) for name in names]
        wait_until(lambda: len(client.call("GET", "/api/v1/nodes")["items"]) == len(names), "all nodes are there")
        time.sleep(2)
        empty = sum(agent.resident() for agent in agents)
        watched, leases = Watched(sandbox), Leases(sandbox)
        bound = {}
        for i in range(options.pods):
            client.call("POST", "/api/v1/namespaces/default/pods", pod(i, names[i % len(names)]))
            bound[f"p{i}"] = time.monotonic()
        created = time.monotonic()
        ran = wait_until(lambda: len(watched.running) == options.pods, "all Pods run")
        spent = sandbox.cpu() | {"all agents": sum(agent.cpu() for agent in agents)}
        took = [watched.running[name] - since - CLOUD_LATENCY for name, since in bound.items()]
        rows = [("creating the Pods", created - min(bound.values()), "s", None),
                ("last Running after the last bind", ran - created, "s", None),
                ("bind to Running beyond the cloud, median", median(took), "s", None),
                ("bind to Running beyond the cloud, longest", max(took), "s", None)]
        rows += [(f"CPU until then, {name}", seconds, "s", None) for name, seconds in spent.items()]
        wait_until_quiet(agents)
        time.sleep(TRIMMED)
        resident = sum(agent.resident() for agent in agents)
        rows.append(("resident memory per Pod, its instance's included", (resident - empty) / options.pods, "B", MEMORY_PER_POD))
        before = sum(agent.cpu() for agent in agents)
        time.sleep(REST)
        rows.append(("CPU at rest, one agent", (sum(a.cpu() for a in agents) - before) / REST / len(agents), "cores", IDLE_CPU))
        events = total(agents, r"spillway_events_emitted_total")
        for agent in agents:
            agent.kill()
        killed = time.monotonic()
        for agent in agents:
            agent.start()
        adopted = wait_until(lambda: total(agents, r'spillway_instances\{state="running"') >= options.pods, "all are adopted")
        rows.append(("kill -9 to all adopted", adopted - killed, "s", None))
        ending = time.monotonic()
        for i in range(options.pods):
            client.call("DELETE", f"/api/v1/namespaces/default/pods/p{i}")
        gone = wait_until(lambda: watched.gone >= options.pods, "all Pods are gone")
        rows.append(("all deleted to all gone", gone - ending, "s", None))
        wait_until_quiet(agents)
        events += total(agents, r"spillway_events_emitted_total")
        by_others = 2  # this script creates it, and asks for its deletion
        writes = median([changes - by_others for changes in watched.changes.values()])
        rows.append(("status and delete writes per Pod, median", writes, "", WRITES_PER_POD))
        rows.append(("events per Pod, mean", events / options.pods, "", EVENTS_PER_POD))
        rows.append(("oldest Lease", leases.oldest, "s", OLDEST_LEASE))
        leases.is_over = True
        return rows
    finally:
        for agent in agents:
            agent.kill()
        sandbox.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--qps", type=int, nargs="*", default=[50, 500])
    parser.add_argument("--control-plane", action="store_true", help="a real one instead of the sandbox")
    options = parser.parse_args()
    missed = False
    for qps in options.qps:
        print(f"{options.agents} agents, {options.pods} Pods, {qps} requests a second each", flush=True)
        for what, value, unit, target in measure(options, qps):
            verdict = "" if target is None else f"(at most {target:g}: {'met' if value <= target else 'MISSED'})"
            missed |= target is not None and value > target
            print(f"  {what:44} {value:10.4g} {unit:6}{verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
