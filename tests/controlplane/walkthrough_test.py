#!/usr/bin/env python3
"""The product's walk-throughs on a real control plane, with controller and agents under their own identities.

    SPILLWAY_BIN=build/spillway tests/controlplane/walkthrough_test.py [-k NAME]
"""

import collections
import re
import subprocess
import unittest

from processes import wait_until
from spillway_cluster import SpillwayCluster, binary
from walkthrough_case import SECONDS, VIRTUAL, W1, W2, W3, WalkThrough, is_running, node_of, uid


def setUpModule():
    binary()


class OverflowTest(WalkThrough):
    """W1: brief 001."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.occupy_real_node()
        cls.agent = cls.cluster.start_agent(VIRTUAL, "simulated")
        cls.controller = cls.cluster.start_controller()

    def test_replicas_that_no_longer_fit_run_on_the_virtual_node(self):
        self.cluster.kubectl("apply", "-f", str(W1))
        pods = self.settled("app=nginx", 4)

        rows = [line.split() for line in self.cluster.kubectl("get", "pods", "-l", "app=nginx", "-o", "wide").splitlines()[1:]]
        self.assertEqual(len(rows), 4)
        for row in rows:
            self.assertRegex(row[0], "^nginx-autoscaler-")
            self.assertEqual(row[1:3], ["1/1", "Running"])
            self.assertIn(VIRTUAL, row)
        for pod in pods:
            self.assert_told_in_order(
                self.describe(pod),
                r"Warning +FailedScheduling .*default-scheduler +0/2 nodes are available: .*1 Insufficient cpu",
                r"Normal +OverflowScheduled .*spillway\.io/controller +Bound to virtual node virtual-kubelet-cn-beijing-g"
                r" after .* pending: 0/1 real nodes fit \(.*Insufficient cpu.*decision=\w+",
                r"Normal +Pulled ", r"Normal +Started ")
            self.assert_one_decision(pod)

    def assert_one_decision(self, pod: dict):
        """Event, annotation and log agree on the decision's id."""
        overflow = [e for e in self.cluster.events("default", pod) if e["reason"] == "OverflowScheduled"]
        self.assertEqual(len(overflow), 1)
        decision = re.search(r"decision=(\w+)", overflow[0]["note"])[1]
        ours = {key: value for key, value in pod["metadata"]["annotations"].items() if key.startswith("spillway.io/")}
        self.assertIn(decision, ours.values(), ours)
        self.assertIn(decision, self.controller.process.log.read_text(encoding="utf-8"))


class JobTest(WalkThrough):
    """W2: brief 002."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.hollow_nodes("real", {"node-a": "4,8Gi,110", "node-b": "4,8Gi,110"})
        cls.cluster.start_agent(VIRTUAL, "process")
        cls.cluster.start_controller()

    def test_a_job_larger_than_any_real_node_computes_pi(self):
        self.assert_host_perl_knows_pi()
        self.cluster.kubectl("apply", "-f", str(W2))
        self.cluster.kubectl("wait", "--for=condition=complete", f"--timeout={SECONDS}s", "job/pi")

        self.assertEqual(self.cluster.kubectl("logs", "job/pi"), pi(2000) + "\n")
        (pod,) = self.cluster.pods(labelSelector="job-name=pi")
        self.assertEqual(node_of(pod), VIRTUAL)
        self.assertRegex(self.cluster.kubectl("get", "pods"), r"pi-\w+ +0/1 +Completed +0 ")
        self.assert_told_in_order(self.describe(pod), r"Warning +FailedScheduling .*default-scheduler ",
                                  r"Normal +OverflowScheduled .*spillway\.io/controller ", r"Normal +Started ")

    def assert_host_perl_knows_pi(self):
        """The process provider runs the host's perl; that of a bare Debian 12 fails beyond 1,000 digits."""
        done = subprocess.run(["perl", "-Mbignum=bpi", "-wle", "print bpi(1001)"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"this machine's perl cannot: apt-get install libmath-bigint-perl\n{done.stderr}")


class SpreadTest(WalkThrough):
    """W3: brief 000."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Room for 60 Pods of 1 CPU; none for a replica of W3.
        cls.cluster.hollow_nodes("real", None, "--count=30", "--prefix=real-", "--shape=2,8Gi,110", expect=30)
        for i in range(3):
            cls.cluster.start_agent(f"virtual-kubelet-{i}", "simulated")
        cls.cluster.start_controller()

    def test_ten_replicas_spread_over_three_virtual_nodes(self):
        self.cluster.kubectl("apply", "-f", str(W3))
        pods = self.settled("app=nginx", 10)
        counts = collections.Counter(map(node_of, pods))
        self.assertEqual(set(counts), {f"virtual-kubelet-{i}" for i in range(3)})
        self.assertEqual(sorted(counts.values()), [3, 3, 4])
        self.assertIn("virtual-kubelet-2", self.cluster.kubectl("get", "pods", "-o", "wide"))

    def test_free_local_slots_are_used_up_before_anything_overflows(self):
        counts = burst_by_kind_of_node(self.cluster, "burst", pods=200)
        self.assertEqual(counts, {"real": 60, "virtual": 140})


def burst_by_kind_of_node(cluster: SpillwayCluster, namespace: str, pods: int) -> dict[str, int]:
    """Creates Pods of 1 CPU at once, waits until all are bound, counts them by real and virtual node."""
    cluster.kubectl("create", "namespace", namespace)
    wait_until(lambda: cluster.api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"), "namespace ready", SECONDS)
    subprocess.run([cluster.tool("loadgen"), f"--kubeconfig={cluster.admin_kubeconfig}", f"--namespace={namespace}",
                    f"--count={pods}", "--cpu=1", "--memory=1Gi", "--until=bound", f"--deadline={SECONDS}s"],
                   check=True, stdout=subprocess.DEVNULL)
    return dict(collections.Counter(
        "virtual" if node_of(p).startswith("virtual-") else "real" for p in cluster.pods(namespace)))


class CrashTest(WalkThrough):
    """kill -9 of controller or agent at the moments of W1 that differ: the end state is that of an undisturbed run."""

    # So that a controller that was killed does not hold the lease for the default 15 s of every moment.
    LEASE = ("--leader-elect-lease-duration=3s", "--leader-elect-renew-deadline=2s", "--leader-elect-retry-period=500ms")

    # When to kill, as a condition on the Pods of the Deployment.
    MOMENTS = {
        "before the Deployment": None,
        "a Pod exists": lambda pods: len(pods) >= 1,
        "a Pod is unschedulable": lambda pods: any(
            c.get("reason") == "Unschedulable" for p in pods for c in p["status"].get("conditions", [])),
        "a Pod is bound": lambda pods: any(map(node_of, pods)),
        "all Pods are bound": lambda pods: len(pods) == 4 and all(map(node_of, pods)),
        "a Pod is running": lambda pods: any(map(is_running, pods)),
        "all Pods are running": lambda pods: len(pods) == 4 and all(map(is_running, pods)),
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.occupy_real_node()
        cls.agent = cls.cluster.start_agent(VIRTUAL, "simulated")
        cls.controller = cls.cluster.start_controller(*cls.LEASE)

    def kill_controller(self):
        self.controller.process.kill()
        type(self).controller = self.cluster.launch_controller(*self.LEASE)

    def kill_agent(self):
        self.agent.process.kill()
        type(self).agent = self.cluster.launch_agent(VIRTUAL, "simulated")

    def test_killing_the_controller(self):
        self.play_with(self.kill_controller)

    def test_killing_the_agent(self):
        self.play_with(self.kill_agent)

    def play_with(self, crash):
        for moment, reached in self.MOMENTS.items():
            with self.subTest(moment=moment):
                try:
                    self.play_once(crash, moment, reached)
                finally:
                    self.remove_deployment()

    def play_once(self, crash, moment: str, reached):
        if reached is None:
            crash()
        self.cluster.kubectl("apply", "-f", str(W1))
        if reached:
            wait_until(lambda: reached(self.cluster.pods(labelSelector="app=nginx")), moment, SECONDS, every=0.01)
            crash()
        before = {uid(p): p for p in self.cluster.pods(labelSelector="app=nginx")}
        self.assert_undisturbed(before, self.settled("app=nginx", 4))

    def assert_undisturbed(self, before: dict, after: list[dict]):
        self.assertEqual({node_of(p) for p in after}, {VIRTUAL})
        self.assertLessEqual(set(before), {uid(p) for p in after}, "a Pod was replaced")
        for pod in after:
            earlier = before.get(uid(pod))
            if earlier and node_of(earlier):
                self.assertEqual(node_of(pod), node_of(earlier))
            if earlier and is_running(earlier):
                self.assertEqual(containers(pod), containers(earlier), "the instance was created twice")
            told = collections.Counter(e["reason"] for e in self.cluster.events("default", pod) for _ in range(times(e)))
            self.assertLessEqual(told["OverflowScheduled"], 1)
            self.assertLessEqual(told["Started"], 1, "the instance was created twice")
            self.assertEqual([s["restartCount"] for s in pod["status"]["containerStatuses"]], [0])

    def remove_deployment(self):
        self.cluster.kubectl("delete", "deployment", "nginx-autoscaler", "--ignore-not-found")
        wait_until(lambda: not self.cluster.pods(labelSelector="app=nginx"), "the Deployment's Pods are gone", SECONDS)


def containers(pod: dict) -> list[str]:
    return [s.get("containerID", "") for s in pod["status"].get("containerStatuses", [])]


def times(event: dict) -> int:
    """How often an event was said: once, or as its series counts."""
    return event.get("series", {}).get("count", 1)


def pi(digits: int) -> str:
    """Pi to so many significant digits, rounded: Machin's formula in whole numbers."""
    guard = 10
    unit = 10 ** (digits - 1 + guard)

    def arctan_of_inverse(x: int) -> int:
        term = total = unit // x
        n, sign = 3, -1
        while term:
            term //= x * x
            total += sign * (term // n)
            n, sign = n + 2, -sign
        return total

    scaled = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))
    text = str((scaled + 10 ** guard // 2) // 10 ** guard)
    return text[0] + "." + text[1:]


if __name__ == "__main__":
    unittest.main(verbosity=2)
