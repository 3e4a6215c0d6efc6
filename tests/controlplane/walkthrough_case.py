"""What tests that play the product's walk-throughs have in common."""

import json
import re

from cluster_case import ClusterTestCase
from processes import wait_until
from spillway_cluster import MANIFESTS

VIRTUAL = "virtual-kubelet-cn-beijing-g"
SECONDS = 60  # for anything to happen; on an idle machine each walk-through takes a few
W1 = MANIFESTS / "walkthrough" / "w1-nginx-autoscaler.yaml"
W2 = MANIFESTS / "walkthrough" / "w2-job-pi.yaml"
W3 = MANIFESTS / "walkthrough" / "w3-spread.yaml"

# Leaves less than one replica of W1 on a node of 4 CPU and 8 GiB.
RESIDENT = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "resident"},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "resident"}}, "template": {
        "metadata": {"labels": {"app": "resident"}},
        "spec": {"containers": [{"name": "main", "image": "pause", "resources": {"requests": {"cpu": "3800m", "memory": "7Gi"}}}]}}},
}


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def node_of(pod: dict) -> str:
    return pod["spec"].get("nodeName", "")


def is_running(pod: dict) -> bool:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
    return pod["status"]["phase"] == "Running" and ready


class WalkThrough(ClusterTestCase):
    """What the walk-throughs have in common."""

    @classmethod
    def occupy_real_node(cls):
        """One real node of 4 CPU and 8 GiB, almost full."""
        cls.cluster.hollow_nodes("real", {"node-a": "4,8Gi,110"})
        cls.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(RESIDENT))
        wait_until(lambda: [is_running(p) for p in cls.cluster.pods(labelSelector="app=resident")] == [True],
                   "the resident Pod fills node-a", SECONDS)

    def settled(self, selector: str, count: int, seconds: float = SECONDS) -> list[dict]:
        """The Pods of `selector`, once there are `count`, all running and ready."""
        def check():
            pods = self.cluster.pods(labelSelector=selector)
            return len(pods) == count and all(map(is_running, pods)) and pods
        return wait_until(check, f"{count} Pods {selector} running", seconds)

    def describe(self, pod: dict) -> str:
        return self.cluster.kubectl("describe", "pod", pod["metadata"]["name"])

    def assert_told_in_order(self, described: str, *lines: str):
        """`lines` are regular expressions, found one after the other among the events of kubectl describe."""
        events = described.partition("\nEvents:\n")[2]
        position = 0
        for line in lines:
            match = re.compile(line, re.MULTILINE).search(events, position)
            self.assertIsNotNone(match, f"no line like {line!r}, in this order, in\n{events}")
            position = match.end()
