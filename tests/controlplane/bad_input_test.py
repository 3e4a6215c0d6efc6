#!/usr/bin/env python3
"""What is wrong with one Pod or one agent is told with its cause, harms no other Pod, and leaves nothing behind.

    SPILLWAY_BIN=build/spillway tests/controlplane/bad_input_test.py

What needs a cloud to go wrong is in cloud/agent/agent_bad_input_test.cc.
"""

import unittest

import network_namespace

if __name__ == "__main__":
    network_namespace.enter()

from kubelet_case import ADDRESS, SECONDS, KubeletTestCase  # noqa: E402
from processes import wait_until  # noqa: E402

_NAMESPACE = "/api/v1/namespaces/default"
MEGABYTE = "x" * 1_000_000  # of the 1,048,576 bytes that a ConfigMap may have


class BadInputTest(KubeletTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent("vnode", "process")
        cls.create_pod("good", "echo hello; sleep 100000")
        cls.cluster.api.create(_NAMESPACE + "/configmaps", {"metadata": {"name": "big"}, "data": {"all": MEGABYTE}})

    def tearDown(self):
        status = self.cluster.api.get(_NAMESPACE + "/pods/good")["status"]
        (container,) = status["containerStatuses"]
        self.assertEqual((status["phase"], container["ready"], container["restartCount"]), ("Running", True, 0))
        self.assertEqual(self.cluster.kubectl("logs", "good"), "hello\n")

    def told(self, pod: str, words: str) -> str:
        """The note of the event on the Pod that has these words."""
        def find():
            notes = [e["note"] for e in self.cluster.events("default", self.cluster.api.get(f"{_NAMESPACE}/pods/{pod}"))]
            return [note for note in notes if words in note]
        return wait_until(find, f"an event on {pod} with {words!r}", SECONDS)[0]

    def test_a_variable_of_a_megabyte_is_named(self):
        variable = {"name": "ALL", "valueFrom": {"configMapKeyRef": {"name": "big", "key": "all"}}}
        self.create_pod("fat", "true", env=[variable])
        self.told("fat", "environment variable ALL has 1000004 bytes, and the kernel takes 131071; mount it as a file")

    def test_an_image_that_is_needed_is_named(self):
        """The provider process pulls none."""
        self.cluster.api.create(_NAMESPACE + "/pods", {"metadata": {"name": "image"}, "spec": {
            "nodeName": "vnode", "containers": [{"name": "main", "image": "no-such-image"}]}})
        self.told("image", "cannot run imageEntrypoint (spec.containers[0].command)")

    def test_an_expired_serving_certificate_is_told_to_who_asks_and_may_be_replaced(self):
        addresses = (f"IP:{ADDRESS}",)
        old = self.cluster.authority.expired_server("kubelet-stale", addresses)
        self.cluster.start_agent("stale", "process", f"--internal-ip={ADDRESS}", f"--tls-cert-file={old.cert}",
                                 f"--tls-private-key-file={old.key}", "--client-ca-file=", f"--state-dir={self.state}/stale")
        wait_until(lambda: self.kubelet_port("stale"), "its kubelet API", SECONDS)
        self.create_pod("hidden", "echo there; sleep 100000", node="stale")
        with self.assertRaisesRegex(RuntimeError, "certificate has expired"):
            self.cluster.kubectl("logs", "hidden")
        self.assertEqual(self.cluster.authority.server("kubelet-stale", addresses), old)  # the same files
        wait_until(lambda: self.cluster.kubectl("logs", "hidden") == "there\n", "the new certificate", SECONDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
