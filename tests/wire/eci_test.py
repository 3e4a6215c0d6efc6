#!/usr/bin/env python3
"""`spillway agent --provider=alibabacloud` as it runs in production, but for the cloud: an API server, the ECI emulator behind HTTP, and
the environment of virtual-kubelet's deployments."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

from processes import DEADLINE, SPILLWAY, Sandbox

NODE = "virtual-kubelet-0"
PODS = "/api/v1/namespaces/default/pods"
ENVIRONMENT = {"ECI_REGION": "cn-emulated", "ECI_VSWITCH": "vsw-a,vsw-b", "ECI_SECURITY_GROUP": "sg-1", "ECI_QUOTA_POD": "2501",
               "ECI_ACCESS_KEY": "emulated-key", "ECI_SECRET_KEY": "emulated-secret"}


def pod(name, **spec):
    container = {"name": "main", "image": "nginx:1", "resources": {"requests": {"cpu": "1"}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": NODE, "containers": [container], **spec}}


class Eci(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        cloud = subprocess.Popen([os.environ["ECI_SERVER"]], stdout=subprocess.PIPE, text=True)
        self.addCleanup(cloud.stdout.close)
        self.addCleanup(cloud.wait)
        self.addCleanup(cloud.kill)
        self.url = cloud.stdout.readline().strip()

    def command(self, *words, **environment):
        flags = ["--provider=alibabacloud", f"--eci-endpoint={self.url}", f"--kubeconfig={self.sandbox.kubeconfig}"]
        return {"args": [SPILLWAY, *words, *flags], "env": {**os.environ, **ENVIRONMENT, **environment}}

    def start_agent(self, **environment):
        log = open(Path(self.folder.name) / "log", "w")
        self.addCleanup(log.close)
        agent = subprocess.Popen(**self.command("agent", f"--nodename={NODE}", "--kubelet-port=0", "--metrics-bind-address=127.0.0.1:0",
                                                "--health-probe-bind-address=127.0.0.1:0", **environment), stdout=log, stderr=log)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)

    def log(self):
        return (Path(self.folder.name) / "log").read_text()

    def ask(self, method, path, body=None):
        status, answer = self.sandbox.request(method, path, body)
        self.assertLess(status, 300, answer)
        return answer

    def until(self, read, done):
        deadline = time.monotonic() + DEADLINE
        while not done(seen := read()):
            self.assertLess(time.monotonic(), deadline, f"{seen}\n{self.log()}")
            time.sleep(0.05)
        return seen

    def wait_for_phase(self, name, phase):
        return self.until(lambda: self.ask("GET", f"{PODS}/{name}"), lambda seen: seen["status"].get("phase") == phase)

    def audit(self):
        return subprocess.run(**self.command("agent", "audit", "-o", "json"), capture_output=True, text=True, timeout=DEADLINE)

    def steer(self, faults):
        with urllib.request.urlopen(f"{self.url}/_emulator/faults", json.dumps(faults).encode(), timeout=10) as answer:
            answer.read()

    def test_a_pod_comes_runs_and_goes(self):
        self.start_agent()
        self.ask("POST", PODS, pod("web"))
        running = self.wait_for_phase("web", "Running")
        self.assertTrue(running["status"]["podIP"].startswith("10.77."))
        node = self.ask("GET", f"/api/v1/nodes/{NODE}")
        self.assertEqual((node["spec"]["taints"][0]["value"], node["status"]["capacity"]["pods"]), ("alibabacloud", "2501"))
        self.assertNotIn("startupProbe", node["metadata"]["annotations"]["spillway.io/capabilities"].split(","))
        audit = self.audit()
        self.assertEqual(audit.returncode, 0, audit.stderr)
        self.assertEqual(json.loads(audit.stdout)["instances"], 1)
        self.ask("DELETE", f"{PODS}/web")
        self.until(lambda: self.sandbox.get(f"{PODS}/web")[0], lambda status: status == 404)
        self.until(lambda: json.loads(self.audit().stdout)["instances"], lambda count: count == 0)

    def test_a_job_ends_as_its_command_does(self):
        self.start_agent()
        job = pod("job", restartPolicy="Never")
        job["spec"]["containers"][0]["command"] = ["sh", "-c", "sleep 0.3; exit 3"]
        self.ask("POST", PODS, job)
        failed = self.wait_for_phase("job", "Failed")
        self.assertEqual(failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3)

    def events(self, reason):
        events = self.ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events")["items"]
        return [event["note"] for event in events if event["reason"] == reason]

    def test_what_the_cloud_refuses_is_told_with_its_code_its_request_and_the_next_step(self):
        self.steer({"in_arrears": True})
        self.start_agent()
        self.ask("POST", PODS, pod("web"))
        note = self.until(lambda: self.events("InstanceCreateFailed"), bool)[0]
        self.assertRegex(note, r"\[quota\] CreateContainerGroup: Account.Arrearage: .*; pay the account's bill \(request REQ-\d+\)")
        self.steer({})
        self.wait_for_phase("web", "Running")

    def test_wrong_keys_are_told_and_never_shown(self):
        self.start_agent(ECI_SECRET_KEY="not-the-secret")
        self.until(self.log, lambda log: "SignatureDoesNotMatch" in log)
        self.assertIn("check the AccessKey secret", self.log())
        self.assertNotIn("not-the-secret", self.log())


if __name__ == "__main__":
    sys.exit(unittest.main())
