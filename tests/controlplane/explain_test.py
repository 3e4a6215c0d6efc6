#!/usr/bin/env python3
"""`spillway explain` and what the controller makes of kube-scheduler's own messages, on a real control plane.

    SPILLWAY_BIN=build/spillway tests/controlplane/explain_test.py [-k NAME]
"""

import json
import re
import socket
import subprocess
import unittest

from cluster_case import ClusterTestCase
from processes import free_ports, wait_until
from spillway_cluster import MANIFESTS, NAMESPACE, binary

SECONDS = 60


def setUpModule():
    binary()


def own_address() -> str:
    """An address of this machine that is not loopback: Endpoints refuse those. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def pod(name: str, cpu: str, **spec) -> dict:
    container = {"name": "main", "image": "pause", "resources": {"requests": {"cpu": cpu}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


class ExplainTest(ClusterTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.hollow_nodes("real", {"node-a": "4,8Gi,110", "node-b": "2,8Gi,110"})
        cls.cluster.kubectl("cordon", "node-b")
        address, port = own_address(), free_ports(1)[0]
        cls.publish(address, port)
        cls.cluster.start_controller(f"--metrics-bind-address={address}:{port}")
        # Somebody who may ask the controller, and nothing else.
        cls.cluster.kubectl("-n", NAMESPACE, "create", "serviceaccount", "asker")
        cls.cluster.kubectl("-n", NAMESPACE, "create", "rolebinding", "asker", "--role=spillway-explain",
                            f"--serviceaccount={NAMESPACE}:asker")
        cls.asker = cls.cluster.kubeconfig_for_service_account(NAMESPACE, "asker")

    @classmethod
    def publish(cls, address: str, port: int):
        """The Service of manifests/service/, and a Pod that stands for the controller: the API server proxies to Pods only."""
        cls.cluster.kubectl("apply", "-f", str(MANIFESTS / "service"))
        cls.cluster.kubectl("-n", NAMESPACE, "patch", "service", "spillway", "--type=json",
                            f'-p=[{{"op":"replace","path":"/spec/ports/0/targetPort","value":{port}}}]')
        labels = {"app.kubernetes.io/name": "spillway", "app.kubernetes.io/component": "controller"}
        behind = pod("spillway-0", "0")
        behind["metadata"] |= {"namespace": NAMESPACE, "labels": labels}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/spillway-0"
        cls.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(behind))
        wait_until(lambda: cls.cluster.api.get(path)["status"].get("podIP"), "the hollow node runs it", SECONDS)
        cls.cluster.api.merge_patch(path + "/status", {"status": {"podIP": address, "podIPs": [{"ip": address}]}})
        endpoints = f"/api/v1/namespaces/{NAMESPACE}/endpoints/spillway"
        wait_until(lambda: address in json.dumps(cls.cluster.api.get(endpoints).get("subsets", [])),
                   "the Service has it as its endpoint", SECONDS)

    def explain(self, *args: str, kubeconfig=None) -> subprocess.CompletedProcess:
        return subprocess.run([binary(), "explain", f"--kubeconfig={kubeconfig or self.asker}", *args],
                              capture_output=True, text=True, timeout=SECONDS)

    def create(self, body: dict):
        self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        self.addCleanup(self.cluster.kubectl, "delete", "pod", body["metadata"]["name"], "--wait=false")

    def test_who_may_only_use_the_service_proxy_hears_the_whole_story(self):
        self.create(pod("web", "5"))
        told = wait_until(lambda: (text := self.explain("pod", "default/web").stdout) and "OverflowNoCapacity" in text
                          and text, "the controller has decided", SECONDS)
        self.assertIn("Pod default/web fits on none of 2 real nodes.", told)
        self.assertRegex(told, r"node-a: 5 requested, 4 of 4 free, 0 used by 1 Pod")
        self.assertIn("NodeUnschedulable: node(s) were unschedulable (cordoned)", told)
        self.assertIn("Spillway: not moved: there is no virtual node", told)
        decision = re.search(r"decision=(\w+)", told)[1]
        (event,) = [e for e in self.cluster.events("default", self.cluster.api.get("/api/v1/namespaces/default/pods/web"))
                    if e["reason"] == "OverflowNoCapacity"]
        self.assertIn(decision, event["note"])

        nobody = self.explain("pod", "default/nobody")
        self.assertEqual((nobody.returncode, nobody.stderr), (1, "spillway explain: there is no Pod default/nobody\n"))

    def test_without_the_permission_it_says_which_is_missing(self):
        self.cluster.kubectl("-n", NAMESPACE, "create", "serviceaccount", "stranger")
        stranger = self.cluster.kubeconfig_for_service_account(NAMESPACE, "stranger")
        refused = self.explain("pod", "default/web", kubeconfig=stranger)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("this needs get on services/proxy in namespace spillway-system", refused.stderr)
        self.assertEqual(refused.stderr.count("\n"), 1, refused.stderr)
        listed = subprocess.run([binary(), "simulate", f"--kubeconfig={self.asker}"], capture_output=True, text=True,
                                timeout=SECONDS)
        self.assertEqual(listed.returncode, 1)
        self.assertIn("the API server refused to list nodes", listed.stderr)

    def test_kube_schedulers_messages_are_our_own(self):
        def counted(result):
            text = self.cluster.api.get(
                f"/api/v1/namespaces/{NAMESPACE}/services/http:spillway:metrics/proxy/metrics")
            return int(re.search(rf'spillway_scheduler_agreement_total{{result="{result}"}} (\d+)', text)[1])

        before = counted("agree")
        self.create(pod("tall", "5"))
        self.create(pod("picky", "1", nodeSelector={"disk": "ssd"}))
        self.cluster.api.create("/apis/scheduling.k8s.io/v1/priorityclasses", {
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "polite"}, "value": 0,
            "preemptionPolicy": "Never"})
        self.create(pod("polite", "3", priorityClassName="polite"))
        self.create(pod("crowd", "3"))
        wait_until(lambda: counted("agree") >= before + 3, "three messages agree", SECONDS)
        self.assertEqual(counted("differ"), 0)


if __name__ == "__main__":
    unittest.main()
