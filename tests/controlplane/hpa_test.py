#!/usr/bin/env python3
"""A HorizontalPodAutoscaler on CPU scales a Deployment whose Pods run on a virtual node, up and down again.

    SPILLWAY_BIN=build/spillway tests/controlplane/hpa_test.py

Its Pods are processes (provider process): what metrics-server reads of them is held against what the kernel says.
"""

import json
import os
import pathlib
import unittest

import network_namespace

if __name__ == "__main__":
    network_namespace.enter()

import metrics_server  # noqa: E402
from kubelet_case import KubeletTestCase, client  # noqa: E402
from processes import wait_until  # noqa: E402

SECONDS = 120  # metrics-server wants two samples of a Pod, 10 s apart, and the autoscaler looks each five seconds
MOST = 3
REQUEST_MILLI_CPU, TARGET_PERCENT = 20, 50
# Some 30 ms of work, then a pause of 50 ms: more than the target also where the machine is busy. At rest hardly anything.
WORK, REST = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done; sleep 0.05", "sleep 1"
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def seconds_of_cpu(pid: int) -> float:
    """Of a process and the children it has waited for, in the kernel's own words."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) * _TICK


class HorizontalPodAutoscalerTest(KubeletTestCase):
    controller_manager = {"horizontal-pod-autoscaler-sync-period": "5s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        binary = client("metrics-server")
        cls.busy, cls.pids = pathlib.Path(cls.state) / "busy", pathlib.Path(cls.state) / "pids"
        cls.pids.mkdir()
        cls.agent("vnode", "process")
        metrics_server.start(cls.cluster, binary)
        metrics_server.allow(cls.cluster)

    @classmethod
    def remove_pods(cls):
        """What makes them goes first."""
        for what in ("hpa/worker", "deployment/worker"):
            cls.cluster.kubectl("delete", what, "--ignore-not-found", "--wait=false")
        super().remove_pods()

    def test_work_adds_replicas_and_rest_takes_them_away(self):
        self.deploy()
        (first,) = wait_until(lambda: self.running(1), "the first Pod", SECONDS)
        self.autoscale()
        self.busy.touch()
        wait_until(lambda: self.running(MOST), f"{MOST} Pods at work", SECONDS)
        self.check_figures(first)
        self.busy.unlink()
        wait_until(lambda: self.running(1), "one Pod at rest", SECONDS)
        wait_until(lambda: len(self.processes()) == 1, "nothing else runs", SECONDS)

    def deploy(self):
        script = (f"trap 'exit 0' TERM; echo > {self.pids}/$HOSTNAME.$$$$; "  # $$ to Kubernetes is one $
                  f"while :; do if [ -e {self.busy} ]; then {WORK}; else {REST}; fi; done")
        container = {"name": "main", "image": "none", "command": ["sh", "-c", script],
                     "resources": {"requests": {"cpu": f"{REQUEST_MILLI_CPU}m"}}}
        self.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "worker"}},
            "template": {"metadata": {"labels": {"app": "worker"}}, "spec": {
                "nodeSelector": {"type": "virtual-kubelet"}, "tolerations": [{"operator": "Exists"}],
                "terminationGracePeriodSeconds": 2, "containers": [container]}}}})

    def autoscale(self):
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization",
                                                                             "averageUtilization": TARGET_PERCENT}}}
        self.apply({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "worker"}, "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}, "minReplicas": 1,
            "maxReplicas": MOST, "metrics": [metric], "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}})

    def apply(self, manifest: dict):
        self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def running(self, count: int) -> list[str]:
        """The names of the Pods, if there are so many and all of them run."""
        pods = self.cluster.pods(labelSelector="app=worker")
        names = [p["metadata"]["name"] for p in pods if p["status"]["phase"] == "Running"]
        return names if len(pods) == len(names) == count else []

    def processes(self, pod: str = "") -> list[int]:
        """Those of the Pod's container, or of all, that live."""
        pids = (int(path.name.rpartition(".")[2]) for path in self.pids.glob(f"{pod}*"))
        return [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]

    def check_figures(self, pod: str):
        """The agent's figure lies between two of the kernel's, one before and one after; its own process is not much."""
        (pid,) = self.processes(pod)
        before = wait_until(lambda: (used := seconds_of_cpu(pid)) > 1 and used, "a second of work", SECONDS)
        wait_until(lambda: self.reported(pod) >= before * 0.9, "what it has used by then is reported", SECONDS)
        self.assertLess(self.reported(pod), seconds_of_cpu(pid) * 1.1 + 0.5)

    def reported(self, pod: str) -> float:
        """Seconds of CPU since the Pod started."""
        summary = self.cluster.api.get("/api/v1/nodes/vnode/proxy/stats/summary")
        (found,) = [p for p in summary["pods"] if p["podRef"]["name"] == pod]
        return found["cpu"]["usageCoreNanoSeconds"] / 1e9


if __name__ == "__main__":
    unittest.main(verbosity=2)
