#!/usr/bin/env python3
"""A kube-apiserver that crashes and comes back under a running controller and agent.

    SPILLWAY_BIN=build/spillway tests/controlplane/outage_test.py
"""

import time
import unittest

from cluster_case import ClusterTestCase
from processes import wait_until
from spillway_cluster import binary

VIRTUAL = "vnode"
SECONDS = 60  # for what is not measured
DOWN_SECONDS = 12
MOVING_SECONDS = 10  # 5 are promised of Spillway's own; kube-apiserver and its other clients share the cores just then
GRACE = "5s"


def setUpModule():
    binary()


def pod(name: str) -> dict:
    """Too large for any real node."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "main", "image": "pause", "resources": {"requests": {"cpu": "8"}}}]}}


class OutageTest(ClusterTestCase):
    def test_pods_move_soon_after_the_api_server_is_back_and_the_log_has_one_line_each(self):
        cluster = self.cluster
        cluster.hollow_nodes("real", {"node-a": "4,8Gi,110"})
        agent = cluster.start_agent(VIRTUAL, "simulated")
        # Without a lease: an outage longer than its deadline would end the process, as it must.
        controller = cluster.start_controller("--leader-elect=false", f"--pending-grace={GRACE}")
        cluster.api.create("/api/v1/namespaces/default/pods", pod("before"))
        self.wait_until_moved({"before"}, SECONDS, controller)

        for i in range(5):  # their grace ends while the API server is away
            cluster.api.create("/api/v1/namespaces/default/pods", pod(f"pending-{i}"))
        logged = controller.process.log.stat().st_size, agent.process.log.stat().st_size
        cluster.crash_apiserver(DOWN_SECONDS)
        back = time.monotonic()
        self.wait_until_moved({f"pending-{i}" for i in range(5)}, MOVING_SECONDS, controller)
        wait_until(controller.is_ready, "controller ready again", MOVING_SECONDS - (time.monotonic() - back), [controller.process])

        wait_until(lambda: "answers again" in agent.process.log.read_text(), "the agent noticed", SECONDS, [agent.process])
        for process, size in zip((controller.process, agent.process), logged):
            lines = process.log.read_text()[size:].splitlines()
            for words in ("does not answer", "answers again"):
                self.assertEqual(sum(words in line for line in lines), 1, (process.name, words, lines))
            self.assertEqual([line for line in lines if line.startswith("W")][1:], [], "one warning is enough")

    def wait_until_moved(self, names: set, seconds: float, controller):
        def check():
            moved = {p["metadata"]["name"] for p in self.cluster.pods() if p["spec"].get("nodeName") == VIRTUAL}
            return names <= moved
        wait_until(check, f"{sorted(names)} on {VIRTUAL}", seconds, [controller.process])


if __name__ == "__main__":
    unittest.main()
