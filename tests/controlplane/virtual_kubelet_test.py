#!/usr/bin/env python3
"""virtual-kubelet's own end-to-end suite (./virtual_kubelet, as published) on an agent and a real kube-apiserver with its default
settings. One test per case.

    SPILLWAY_BIN=build/spillway tests/controlplane/virtual_kubelet_test.py [-k NAME]

Its images do not exist, so the agent's provider is `simulated`. Two cases ask for statistics through the proxy of a Pod named as the
node, which is how virtual-kubelet is deployed. kube-apiserver brings no credentials there: `--anonymous-auth` and a permission for
system:anonymous let them in.
"""

import re
import subprocess
import unittest

import network_namespace

if __name__ == "__main__":
    network_namespace.enter()

from api import ApiError  # noqa: E402
from kubelet_case import ADDRESS, HERE, SECONDS, KubeletTestCase, client  # noqa: E402
from processes import wait_until  # noqa: E402

NODE = "vnode"
CASES = (HERE / "virtual_kubelet" / "cases.txt").read_text(encoding="utf-8").split()  # ctest's entries are made from it too
# The Pod that the agent would run in: nobody schedules this one.
AGENT_POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": NODE},
    "spec": {"schedulerName": "nobody", "containers": [{"name": "agent", "image": "none"}]},
}
PROXY = f"/api/v1/namespaces/default/pods/https:{NODE}:10250/proxy"
CASE_SECONDS = 150  # the suite itself waits for two minutes


class VirtualKubeletTest(KubeletTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.suite = client("virtual-kubelet-e2e")
        cls.agent(NODE, "simulated", "--kubelet-port=10250", "--anonymous-auth")
        pods = "/api/v1/namespaces/default/pods"
        cls.cluster.api.create(pods, AGENT_POD)
        cls.cluster.api.merge_patch(f"{pods}/{NODE}/status", {"status": {"podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}]}})
        cls.cluster.kubectl("create", "clusterrole", "statistics", "--verb=get", "--resource=nodes/stats,nodes/metrics")
        cls.cluster.kubectl("create", "clusterrolebinding", "statistics", "--clusterrole=statistics", "--user=system:anonymous")
        wait_until(lambda: cls.cluster.api.get(f"{PROXY}/stats/summary"), "statistics for system:anonymous", SECONDS)

    def check(self, case):
        printed = self.run_suite(f"^TestEndToEnd$/^{case}$", f"-kubeconfig={self.cluster.admin_kubeconfig}", f"-node-name={NODE}")
        self.assertIn(f"--- PASS: TestEndToEnd/{case} ", printed)

    def test_itself_every_case_is_here(self):
        """A newer suite may have others."""
        self.assertCountEqual(re.findall("^case: (.*)$", self.run_suite("^TestCases$"), re.MULTILINE), CASES)

    def test_itself_without_credentials_nothing_but_what_is_bound(self):
        with self.assertRaisesRegex(ApiError, "^403 "):
            self.cluster.api.get(f"{PROXY}/pods")

    def run_suite(self, pattern, *flags):
        done = subprocess.run([self.suite, f"-test.run={pattern}", "-test.v", *flags], capture_output=True, text=True, check=False,
                              timeout=CASE_SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


def _test_of(case):
    return lambda self: self.check(case)


for _case in CASES:
    setattr(VirtualKubeletTest, f"test_{_case}", _test_of(_case))


if __name__ == "__main__":
    unittest.main(verbosity=2)
