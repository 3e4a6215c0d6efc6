#!/usr/bin/env python3
"""`spillway agent audit`: what it finds beside a running agent and after one that died, and that it touches nothing."""

import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from processes import DEADLINE, SPILLWAY, Sandbox

NODE = "v-1"
PODS = "/api/v1/namespaces/default/pods"


def pod(name):
    container = {"name": "c", "image": "nginx:1", "resources": {"requests": {"cpu": "1"}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": NODE, "containers": [container]}}


class AgentAudit(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.state = tempfile.TemporaryDirectory()
        self.addCleanup(self.state.cleanup)
        os.chmod(self.state.name, 0o700)

    def ask(self, method, path, body=None):
        status, answer = self.sandbox.request(method, path, body)
        self.assertLess(status, 300, answer)
        return answer

    def create_pods(self, *names):
        for name in names:
            self.ask("POST", PODS, pod(name))

    def start_agent(self):
        log = open(Path(self.state.name) / "log", "w")
        self.addCleanup(log.close)
        agent = subprocess.Popen(
            [SPILLWAY, "agent", "--provider=simulated", f"--nodename={NODE}", f"--kubeconfig={self.sandbox.kubeconfig}",
             f"--state-dir={self.state.name}/cloud", "--kubelet-port=0", "--metrics-bind-address=127.0.0.1:0",
             "--health-probe-bind-address=127.0.0.1:0"], stdout=log, stderr=log)

        def end():
            agent.kill()
            agent.wait()

        self.addCleanup(end)
        return end

    def wait_for_phase(self, name, phase):
        deadline = time.monotonic() + DEADLINE
        while self.ask("GET", f"{PODS}/{name}")["status"].get("phase") != phase:
            self.assertLess(time.monotonic(), deadline, (Path(self.state.name) / "log").read_text())
            time.sleep(0.05)

    def audit(self, *flags):
        return subprocess.run([SPILLWAY, "agent", "audit", "--provider=simulated", f"--kubeconfig={self.sandbox.kubeconfig}",
                               f"--state-dir={self.state.name}/cloud", *flags], capture_output=True, text=True, timeout=DEADLINE)

    def everything(self):
        """Each file of the cloud, and the newest change in the API server."""
        files = {path.name: path.read_bytes() for path in (Path(self.state.name) / "cloud").iterdir()}
        versions = [self.ask("GET", f"/api/v1/{kind}")["items"] for kind in ("nodes", "pods", "events")]
        return files, versions

    def test_what_an_agent_left_is_listed_and_left_alone(self):
        end_agent = self.start_agent()
        self.create_pods("web", "stays")
        self.wait_for_phase("web", "Running")
        self.wait_for_phase("stays", "Running")
        clean = self.audit()
        self.assertEqual(clean.returncode, 0, clean.stdout + clean.stderr)
        self.assertIn("2 instances of cluster", clean.stdout)

        end_agent()
        self.ask("DELETE", f"{PODS}/web?gracePeriodSeconds=0")
        self.create_pods("waits")
        before = self.everything()
        found = self.audit()
        self.assertEqual(found.returncode, 3, found.stderr)
        self.assertRegex(found.stdout, rf"(?m)^Orphan +\S+ +Running +{NODE} +\d+[smhd] +default/web *$")
        self.assertRegex(found.stdout, rf"(?m)^NoInstance +- +- +{NODE} +- +default/waits")
        self.assertNotIn("default/stays", found.stdout)
        report = json.loads(self.audit("-o", "json").stdout)
        self.assertEqual(report["counts"], {"Orphan": 1, "OnOtherNode": 0, "SecondInstance": 0, "NoInstance": 1})
        self.assertEqual([f["pod"]["name"] for f in report["findings"]], ["web", "waits"])
        self.assertEqual(self.everything(), before)

    def test_an_audit_that_could_not_look_says_so(self):
        elsewhere = self.audit(f"--state-dir={self.state.name}/nothing")
        self.assertEqual((elsewhere.returncode, elsewhere.stdout), (1, ""))
        self.assertIn("--state-dir", elsewhere.stderr)
        self.assertFalse((Path(self.state.name) / "nothing").exists())
        self.assertEqual(self.audit("--provider=").returncode, 2)
        self.assertEqual(self.audit("-o", "xml").returncode, 2)


if __name__ == "__main__":
    unittest.main()
