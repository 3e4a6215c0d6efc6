#!/usr/bin/env python3
"""A virtual node without stock: its Pods are evicted where that is allowed, under the permissions of docs/policy.md, and their
successors run elsewhere.

    SPILLWAY_BIN=build/spillway tests/controlplane/fail_over_test.py
"""

import re
import unittest

from api import ApiError
from cluster_case import ClusterTestCase
from processes import wait_until
from spillway_cluster import REPOSITORY, NAMESPACE

SECONDS = 90
GRACE = "5s"
BUDGETS = "/apis/policy/v1/namespaces/{}/poddisruptionbudgets"


def deployment(name: str, replicas: int) -> dict:
    labels = {"app": name}
    container = {"name": "main", "image": "none:1", "resources": {"requests": {"cpu": "16"}}}  # more than the real node has
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}


def commands_of_docs() -> list[list[str]]:
    """The kubectl commands of docs/policy.md, section Fail over."""
    text = (REPOSITORY / "docs" / "policy.md").read_text(encoding="utf-8").partition("## Fail over")[2].partition("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1].replace("\\\n", "")
    return [line.split()[1:] for line in block.splitlines() if line.strip()]


class FailOverTest(ClusterTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.hollow_nodes("real", {"node-a": "4,8Gi,110"})
        cls.cluster.start_agent("vnode-a", "simulated", "--simulated-no-stock=1")
        cls.may_evict, cls.may_write = commands_of_docs()[:2], commands_of_docs()[2:]
        for command in cls.may_write:
            cls.cluster.kubectl(*command)
        cls.controller = cls.cluster.start_controller(f"--virtual-grace={GRACE}")

    def namespace(self, name: str, allows: bool = True):
        annotations = {"spillway.io/fail-over": "true"} if allows else {}
        self.cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name, "annotations": annotations}})

    def refused(self, namespace: str, count: int) -> list[dict]:
        pods = [pod for pod in self.cluster.pods(namespace) if pod["status"].get("reason") == "InstanceCreateFailed"]
        return len(pods) >= count and pods

    def reasons(self, namespace: str) -> list[str]:
        events = self.cluster.api.items(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        return [event["reason"] for event in events]

    def test_they_run_elsewhere_and_what_runs_and_what_may_not_go_stays(self):
        for name, allows in (("shop", True), ("bank", False)):
            self.namespace(name, allows)
            self.cluster.api.create(f"/apis/apps/v1/namespaces/{name}/deployments", deployment("web", 2))
        # Nobody may be away: what is Pending counts as away already.
        self.cluster.api.create(BUDGETS.format("shop"), {"metadata": {"name": "web"}, "spec": {
            "minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}})
        for name in ("shop", "bank"):
            wait_until(lambda ns=name: self.refused(ns, 2), f"two Pods of {name} refused", SECONDS)
        wait_until(lambda: "OverflowEvictionHeld" in self.reasons("shop"), "held while there is no other node", SECONDS)

        self.cluster.start_agent("vnode-b", "simulated")
        # Without the permission: one event says so, and nothing goes.
        wait_until(lambda: 'spillway_evictions_total{result="forbidden"}' in self.forbidden(), "a refusal", SECONDS)
        for command in self.may_evict:
            self.cluster.kubectl(*command)

        def all_run():
            pods = [pod for pod in self.cluster.pods("shop") if "deletionTimestamp" not in pod["metadata"]]
            return len(pods) == 2 and all(pod["status"]["phase"] == "Running" for pod in pods) and pods
        running = wait_until(all_run, "both run", SECONDS)
        self.assertEqual({pod["spec"]["nodeName"] for pod in running}, {"vnode-b"})
        self.assertEqual(self.reasons("shop").count("OverflowEvicted"), 2)
        record = self.cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/spillway-evictions")["data"]["evictions"]
        self.assertEqual([line.split()[1] for line in record.splitlines()], ["vnode-a", "vnode-a"])

        self.assertEqual(len(self.refused("bank", 2)), 2, "their namespace does not allow it")
        self.assertNotIn("OverflowEvicted", self.reasons("bank"))

        # The budget holds for those that run: nobody may be away.
        path = f"/api/v1/namespaces/shop/pods/{running[0]['metadata']['name']}/eviction"
        with self.assertRaises(ApiError) as refused:
            self.cluster.api.create(path, {"apiVersion": "policy/v1", "kind": "Eviction",
                                           "metadata": {"name": running[0]["metadata"]["name"], "namespace": "shop"}})
        self.assertEqual(refused.exception.status, 429)

    def forbidden(self) -> str:
        """The metrics' lines that are not 0."""
        return "\n".join(line for line in self.controller.metric_text().splitlines() if not line.endswith(" 0"))


if __name__ == "__main__":
    unittest.main()
