"""An agent as it runs in production, but for the cloud: an API server, and an emulator of the cloud behind HTTP."""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

from processes import DEADLINE, SPILLWAY, Sandbox

NODE = "virtual-kubelet-0"
PODS = "/api/v1/namespaces/default/pods"


def pod(name, **spec):
    container = {"name": "main", "image": "nginx:1", "resources": {"requests": {"cpu": "1"}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": NODE, "containers": [container], **spec}}


class CloudCase(unittest.TestCase):
    """A subclass says what its cloud is: SERVER, the environment's word for its emulator; PROVIDER; ENDPOINT, the flag with its address;
    FLAGS of every agent; and its ENVIRONMENT."""

    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        cloud = subprocess.Popen([os.environ[self.SERVER]], stdout=subprocess.PIPE, text=True)
        self.addCleanup(cloud.stdout.close)
        self.addCleanup(cloud.wait)
        self.addCleanup(cloud.kill)
        self.url = cloud.stdout.readline().strip()

    def command(self, *words, **environment):
        flags = [f"--provider={self.PROVIDER}", f"--{self.ENDPOINT}={self.url}", f"--kubeconfig={self.sandbox.kubeconfig}", *self.FLAGS]
        return {"args": [SPILLWAY, *words, *flags], "env": {**os.environ, **self.ENVIRONMENT, **environment}}

    def start_agent(self, **environment):
        log = open(Path(self.folder.name) / "log", "w")
        self.addCleanup(log.close)
        agent = subprocess.Popen(**self.command("agent", f"--nodename={NODE}", "--kubelet-port=0", "--metrics-bind-address=127.0.0.1:0",
                                                "--health-probe-bind-address=127.0.0.1:0", **environment), stdout=log, stderr=log)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)

    def log(self):
        return (Path(self.folder.name) / "log").read_text()

    def metric(self, sample):
        """Its value, or 0 where there is none."""
        port = self.until(lambda: re.search(r"serving flag=metrics-bind-address address=127.0.0.1 port=(\d+)", self.log()), bool)[1]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(sample + " ")), 0)

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

    def events(self, reason):
        events = self.ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events")["items"]
        return [event["note"] for event in events if event["reason"] == reason]
