#!/usr/bin/env python3
"""`spillway explain` and `spillway simulate --kubeconfig` against a live cluster: the sandbox, a controller beside it, and
stock kubectl with spillway as its plugin."""

import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from controller_process_test import Controller
from processes import DEADLINE, ROOT, SPILLWAY, Sandbox, find_kubectl

KUBECTL = find_kubectl()

SERVICE = "spillway-system"


def node(name, cpu, **labels):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"},
                       "conditions": [{"type": "Ready", "status": "True"}]}}


def pod(name, cpu, **spec):
    container = {"name": "c", "image": "nginx:1", "resources": {"requests": {"cpu": cpu}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"containers": [container], **spec}}


class Explain(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.plugins = tempfile.TemporaryDirectory()
        self.addCleanup(self.plugins.cleanup)
        os.symlink(SPILLWAY, Path(self.plugins.name) / "kubectl-spillway")
        self.env = {"PATH": f"{self.plugins.name}:{os.environ['PATH']}", "KUBECONFIG": str(self.sandbox.kubeconfig),
                    "HOME": self.sandbox.folder.name}
        self.apply(node("node-1", "4"), pod("busy", "3", nodeName="node-1"), pod("web", "2500m"))
        self.kubectl("taint", "node", "node-1", "node.kubernetes.io/not-ready-")  # as the node controller does

    def run_command(self, *command, text=None):
        return subprocess.run(command, input=text, env=self.env, capture_output=True, text=True, timeout=DEADLINE)

    def kubectl(self, *args, text=None):
        done = self.run_command(KUBECTL, *args, text=text)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def apply(self, *objects):
        self.kubectl("apply", "--validate=false", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def spillway(self, *args):
        return self.run_command(SPILLWAY, *args)

    def refusal(self, *args):
        """The one line that a command says that fails."""
        done = self.spillway(*args)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def start_controller(self, *flags):
        controller = Controller(self.sandbox.kubeconfig, "--leader-elect=false", *flags)
        self.addCleanup(controller.kill)
        deadline = time.monotonic() + DEADLINE
        while not controller.is_ready():
            self.assertLess(time.monotonic(), deadline, controller.log())
            time.sleep(0.02)
        return controller

    def publish(self, controller_port):
        """The Service of manifests/service/, and behind it what stands for the controller's Pod."""
        self.kubectl("create", "namespace", SERVICE)
        self.kubectl("apply", "--validate=false", "-f", str(ROOT / "manifests/service"))
        behind = pod("spillway-0", "0", nodeName="node-1")
        behind["metadata"]["namespace"] = SERVICE
        self.apply(behind)
        self.kubectl("-n", SERVICE, "patch", "pod", "spillway-0", "--subresource=status", "--type=merge",
                     '-p={"status":{"podIPs":[{"ip":"127.0.0.1"}]}}')
        target = {"kind": "Pod", "namespace": SERVICE, "name": "spillway-0"}
        self.apply({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "spillway", "namespace": SERVICE},
                    "subsets": [{"addresses": [{"ip": "127.0.0.1", "targetRef": target}],
                                 "ports": [{"name": "metrics", "port": int(controller_port), "protocol": "TCP"}]}]})

    def wait_for_decision(self, wanted):
        deadline = time.monotonic() + DEADLINE
        while True:
            done = self.spillway("explain", "pod", "default/web")
            if wanted in done.stdout:
                return done.stdout
            self.assertLess(time.monotonic(), deadline, done.stdout + done.stderr)
            time.sleep(0.05)

    def test_the_running_controller_says_who_refuses_why_and_what_was_decided(self):
        self.publish(self.start_controller().port("metrics-bind"))
        told = self.wait_for_decision("OverflowNoCapacity")
        self.assertIn("Pod default/web fits on none of 1 real nodes.", told)
        self.assertIn("0/1 nodes are available: 1 Insufficient cpu.", told)
        self.assertIn("node-1: 2500m requested, 1 of 4 free, 3 used by 2 Pods", told)
        self.assertIn("on node-1: free 1500m cpu", told)
        self.assertIn("Spillway: not moved: there is no virtual node", told)
        self.assertRegex(told, r"OverflowNoCapacity  .* decision=[0-9a-f]{8}\n")

        answer = json.loads(self.spillway("explain", "pod/web", "-n", "default", "-o", "json").stdout)
        self.assertEqual(answer["verdict"], "Nowhere")
        self.assertEqual(answer["nodes"][0]["objections"][0]["shortage"],
                         {"resource": "cpu", "requested": 2500, "allocatable": 4000, "free": 1000, "pods": 2})
        self.assertTrue(answer["spillway"]["leads"])

    def test_kubectl_takes_it_as_a_plugin(self):
        self.publish(self.start_controller("--dry-run").port("metrics-bind"))
        self.assertIn("Pod default/web fits on none", self.kubectl("spillway", "explain", "pod", "default/web"))
        self.assertIn("Pod default/busy is bound to real node node-1",
                      self.kubectl("spillway", "explain", "pod", "busy"))
        self.assertIn("kubectl-spillway", self.kubectl("plugin", "list"))

    def test_what_cannot_be_answered_is_one_line(self):
        self.assertIn("there is no Service spillway-system/spillway", self.refusal("explain", "pod", "default/web"))
        controller = self.start_controller()
        self.publish(controller.port("metrics-bind"))
        self.assertEqual(self.refusal("explain", "pod", "default/nobody"),
                         "spillway explain: there is no Pod default/nobody\n")
        controller.process.kill()
        controller.process.wait(DEADLINE)
        self.assertIn("the controller does not answer at Service spillway-system/spillway, port metrics",
                      self.refusal("explain", "pod", "default/web"))
        self.kubectl("-n", SERVICE, "delete", "pod", "spillway-0", "--grace-period=0", "--force")
        self.assertIn("no endpoints available", self.refusal("explain", "pod", "default/web"))
        both = self.spillway("explain", "pod", "default/web", "-f", "x.json", f"--kubeconfig={self.sandbox.kubeconfig}")
        self.assertEqual(both.returncode, 2)
        self.assertIn("give one of them", both.stderr)

    def test_a_controller_outside_of_the_cluster_is_asked_directly(self):
        url = f"http://127.0.0.1:{self.start_controller().port('metrics-bind')}"
        told = self.spillway("explain", "pod", "default/web", f"--url={url}")
        self.assertIn("Pod default/web fits on none", told.stdout)
        self.assertIn("http://127.0.0.1:1", self.refusal("explain", "pod", "default/web", "--url=http://127.0.0.1:1"))

    def test_it_can_be_switched_off(self):
        controller = self.start_controller("--explain=false")
        self.publish(controller.port("metrics-bind"))
        self.assertIn("does not explain", self.refusal("explain", "pod", "default/web"))
        self.assertEqual(controller.fetch("metrics-bind", "/metrics")[0], 200)

    def test_only_get_is_answered_and_names_are_checked(self):
        controller = self.start_controller()
        self.assertEqual(controller.fetch("metrics-bind", "/explain/v1/namespaces/default/pods/web")[0], 200)
        for path in ("/explain/", "/explain/v1/namespaces/default/pods/", "/explain/v1/namespaces//pods/web",
                     "/explain/v1/namespaces/..%2f..%2fnodes/pods/x", "/explain/v1/namespaces/default/pods/web%00"):
            self.assertIn(controller.fetch("metrics-bind", path)[0], (400, 404), path)

    def test_simulate_reads_the_live_cluster(self):
        told = self.spillway("simulate", f"--kubeconfig={self.sandbox.kubeconfig}")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, r"default/web +Nowhere +- +1 Insufficient cpu")
        whole = json.loads(self.kubectl("get", "nodes,pods,namespaces", "-A", "-o", "json"))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(whole, file)
            file.flush()
            from_file = self.spillway("simulate", "-f", file.name, "-o", "json").stdout
        live = self.spillway("simulate", f"--kubeconfig={self.sandbox.kubeconfig}", "-o", "json").stdout
        self.assertEqual(json.loads(live), json.loads(from_file))


if __name__ == "__main__":
    unittest.main()
