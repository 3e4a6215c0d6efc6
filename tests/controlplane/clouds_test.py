#!/usr/bin/env python3
"""The product's walk-throughs with agents of the clouds' providers, each against the emulator of its cloud, and what kubectl logs and exec
get from there; then once more with a cloud that has no stock and loses answers.

    SPILLWAY_BIN=build/spillway ECI_SERVER=build/eci_server EKSCI_SERVER=build/eksci_server tests/controlplane/clouds_test.py [-k NAME]
"""

import collections
import json
import os
import subprocess
import unittest
import urllib.request

import network_namespace

if __name__ == "__main__":
    network_namespace.enter()

from kubelet_case import KubeletTestCase  # noqa: E402
from processes import free_ports, wait_until  # noqa: E402
from spillway_cluster import REPOSITORY, binary  # noqa: E402
from walkthrough_case import SECONDS, W1, W2, W3, WalkThrough, node_of, uid  # noqa: E402

TROUBLE_SECONDS = 240  # on EKSCI a minute goes by before an instance without a place is given up
NODES = [f"virtual-kubelet-{i}" for i in range(3)]

# Ends by itself, after four lines: the emulators' containers write one a second.
TALKER = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "talker"},
    "spec": {"nodeName": NODES[0], "restartPolicy": "Never",
             "containers": [{"name": "main", "image": "busybox", "command": ["sh", "-c", "sleep 3; exit 0"]}]}}

# What is there already, claimed by a Pod that no real node has room for.
VOLUMES = {"share": {"nfs": {"server": "10.0.0.9", "path": "/export"}},
           "disk": {"csi": {"driver": "com.tencent.cloud.csi.cbs", "volumeHandle": "disk-1", "fsType": "ext4"}}}
SIZE = {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": ""}
CLAIMING = {"apiVersion": "v1", "kind": "List", "items": [
    *({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {**SIZE, **source}}
      for name, source in VOLUMES.items()),
    *({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
       "spec": {"volumeName": name, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                "resources": {"requests": {"storage": "10Gi"}}}} for name in VOLUMES),
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "claiming"}, "spec": {
        "volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in VOLUMES],
        "containers": [{"name": "main", "image": "nginx", "resources": {"requests": {"cpu": "2"}},
                        "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in VOLUMES]}]}}]}


def setUpModule():
    binary()


class CloudTestCase(WalkThrough, KubeletTestCase):
    """Three agents of one cloud, beside a real node that is full. A subclass says which: SERVER, the emulator, and the variable that may
    name another one; PROVIDER; FLAGS and ENVIRONMENT of its agents, `{url}` being the emulator's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        port = free_ports(1)[0]
        cls.url = f"http://127.0.0.1:{port}"
        server = os.environ.get(cls.SERVER.upper()) or REPOSITORY / "build" / cls.SERVER
        cloud = cls.cluster.run(cls.SERVER, [server, str(port)])
        wait_until(lambda: cls.emulated("state"), "the emulator answers", SECONDS, [cloud])
        cls.occupy_real_node()
        cls.addClassCleanup(lambda: cls.cluster.kubectl("delete", "deployment", "resident", "--cascade=foreground"))
        for node in NODES:
            cls.agent(node, cls.PROVIDER, *(flag.format(url=cls.url) for flag in cls.FLAGS), environment=cls.ENVIRONMENT)
        cls.cluster.start_controller()

    @classmethod
    def emulated(cls, what: str, wanted: dict | None = None) -> dict:
        """What the emulator has, or does when it is told."""
        body = None if wanted is None else json.dumps(wanted).encode()
        with urllib.request.urlopen(f"{cls.url}/_emulator/{what}", body, timeout=10) as answer:
            return json.load(answer)

    def apply(self, *what: str, stdin: str | None = None):
        """kubectl apply; when the test ends, the Pods go, and with them their instances."""
        self.cluster.kubectl("apply", *what, stdin=stdin)
        self.addCleanup(self.assert_nothing_is_left)
        self.addCleanup(lambda: self.cluster.kubectl("delete", "--ignore-not-found", *what, stdin=stdin))

    def assert_nothing_is_left(self):
        wait_until(lambda: not self.overflowed(), "the Pods on virtual nodes are gone", TROUBLE_SECONDS)
        wait_until(lambda: not self.emulated("state")["live"], "the instances are gone", TROUBLE_SECONDS)

    def overflowed(self) -> list[dict]:
        return [pod for pod in self.cluster.pods() if node_of(pod) in NODES]

    def assert_one_instance_each(self):
        """An instance's name ends with the UID of its Pod, in both clouds."""
        def check():
            names, pods = self.emulated("state")["live"], self.overflowed()
            return len(names) == len(pods) and all(any(name.endswith(uid(pod)) for name in names) for pod in pods)
        wait_until(check, "every Pod has one instance", TROUBLE_SECONDS)

    def try_kubectl(self, *args: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.cluster.tool("kubectl"), "--kubeconfig", self.cluster.admin_kubeconfig, *args],
                              capture_output=True, text=True, check=False, timeout=SECONDS)


class Plays:
    """What holds with either cloud."""

    def test_w1_replicas_that_no_longer_fit_run_as_instances(self):
        self.apply("-f", str(W1))
        for pod in self.settled("app=nginx", 4):
            self.assertIn(node_of(pod), NODES)
            self.assert_told_in_order(
                self.describe(pod), r"Warning +FailedScheduling .*default-scheduler +0/4 nodes are available: .*1 Insufficient cpu",
                rf"Normal +OverflowScheduled .*spillway\.io/controller +Bound to virtual node {node_of(pod)} after .*decision=\w+",
                r"Normal +Pulled ", r"Normal +Started ")
        self.assert_one_instance_each()

    def test_w2_a_job_larger_than_any_real_node_completes_and_costs_nothing_more(self):
        self.apply("-f", str(W2))
        self.cluster.kubectl("wait", "--for=condition=complete", f"--timeout={SECONDS}s", "job/pi")
        (pod,) = self.cluster.pods(labelSelector="job-name=pi")
        self.assertIn(node_of(pod), NODES)
        self.assertRegex(self.cluster.kubectl("get", "pods"), r"pi-\w+ +0/1 +Completed +0 ")
        self.assertEqual(self.emulated("state")["live"], [])
        self.assertEqual(self.cluster.kubectl("logs", "job/pi"), "pi line 0\n")

    def test_w3_ten_replicas_spread_over_three_virtual_nodes(self):
        self.apply("-f", str(W3))
        counts = collections.Counter(map(node_of, self.settled("app=nginx", 10)))
        self.assertEqual(set(counts), set(NODES))
        self.assertEqual(sorted(counts.values()), [3, 3, 4])
        self.assert_one_instance_each()

    def test_logs_are_followed_from_the_first_line_to_the_last(self):
        self.apply("-f", "-", stdin=json.dumps(TALKER))
        self.cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Running", f"--timeout={SECONDS}s", "pod/talker")
        lines = [f"main line {i}\n" for i in range(4)]
        self.assertEqual(self.cluster.kubectl("logs", "-f", "talker"), "".join(lines))
        self.assertEqual(self.cluster.kubectl("logs", "--tail=2", "talker"), "".join(lines[2:]))

    def test_no_stock_and_lost_answers_end_with_one_instance_for_each_pod_and_none_afterwards(self):
        self.addCleanup(self.emulated, "faults", {})
        before = self.emulated("state")["created"]
        self.emulated("faults", {"late_no_stock": 1})
        self.apply("-f", str(W3))
        wait_until(lambda: self.emulated("state")["created"] >= before + 10, "accepted, and found to have no place", TROUBLE_SECONDS)
        self.emulated("faults", {"lost_reply": 0.2, "throttled": 0.05})
        self.settled("app=nginx", 10, TROUBLE_SECONDS)
        self.assert_one_instance_each()
        self.assertGreaterEqual(self.emulated("state")["created"], before + 20, "each was made anew")
        self.cluster.kubectl("delete", "-f", str(W3))
        self.assert_nothing_is_left()
        self.assertEqual(self.emulated("state")["violations"], [])


class EciTest(Plays, CloudTestCase):
    SERVER, PROVIDER, FLAGS = "eci_server", "alibaba", ["--eci-endpoint={url}"]
    ENVIRONMENT = {"ECI_REGION": "cn-emulated", "ECI_VSWITCH": "vsw-a,vsw-b", "ECI_SECURITY_GROUP": "sg-1",
                   "ECI_ACCESS_KEY": "emulated-key", "ECI_SECRET_KEY": "emulated-secret"}

    def test_exec_prints_what_the_command_does(self):
        self.apply("-f", str(W1))
        pod = self.settled("app=nginx", 4)[0]["metadata"]["name"]
        self.assertEqual(self.cluster.kubectl("exec", pod, "--", "echo", "hello"), "ran echo hello\n")


class EksciTest(Plays, CloudTestCase):
    SERVER, PROVIDER = "eksci_server", "tencent"
    FLAGS = ["--eksci-endpoint={url}", "--eksci-vpc=vpc-1", "--eksci-subnets=subnet-a:ap-emulated-1,subnet-b",
             "--eksci-security-groups=sg-1", "--omit-api-token"]
    ENVIRONMENT = {"TENCENTCLOUD_REGION": "ap-emulated", "TENCENTCLOUD_SECRET_ID": "emulated-id",
                   "TENCENTCLOUD_SECRET_KEY": "emulated-secret"}

    def test_exec_says_that_the_cloud_has_none(self):
        self.apply("-f", str(W1))
        pod = self.settled("app=nginx", 4)[0]["metadata"]["name"]
        done = self.try_kubectl("exec", pod, "--", "echo", "hello")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("the provider tencentcloud cannot run commands in containers", done.stderr)

    def test_claims_of_volumes_that_are_there_become_the_clouds_volumes(self):
        self.apply("-f", "-", stdin=json.dumps(CLAIMING))
        self.cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Running", f"--timeout={SECONDS}s", "pod/claiming")
        self.assertEqual(self.emulated("last_create")["EksCiVolume"], {
            "NfsVolumes": [{"Name": "share", "Server": "10.0.0.9", "Path": "/export"}],
            "CbsVolumes": [{"Name": "disk", "CbsDiskId": "disk-1"}]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
