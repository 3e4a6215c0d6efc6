#!/usr/bin/env python3
"""`spillway controller` as a process: how it starts, answers probes, stops, and ends when the lease is lost."""

import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from processes import DEADLINE, SPILLWAY, Sandbox

LOOPBACK = ("--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0")


class Controller:
    """A running `spillway controller`; its log is read as it grows."""

    def __init__(self, kubeconfig, *flags):
        self.file = tempfile.NamedTemporaryFile("w+", suffix=".log")
        command = [SPILLWAY, "controller", f"--kubeconfig={kubeconfig}", *LOOPBACK, *flags]
        self.process = subprocess.Popen(command, stdout=self.file, stderr=self.file)

    def log(self):
        return Path(self.file.name).read_text()

    def port(self, flag):
        found = re.search(rf"serving.*{flag}.*?port\W+(\d+)", self.log())
        return found and found.group(1)

    def fetch(self, flag, path):
        """(status, body) of what one of its two servers answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port(flag)}{path}", timeout=DEADLINE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def is_ready(self):
        return bool(self.port("health-probe")) and self.fetch("health-probe", "/readyz")[0] == 200

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)
        self.file.close()


class ControllerProcess(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.stop_sandbox)

    def stop_sandbox(self):
        self.sandbox.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.sandbox.stop(), 0)

    def start(self, *flags):
        controller = Controller(self.sandbox.kubeconfig, *flags)
        self.addCleanup(controller.kill)
        return controller

    def wait_for(self, condition, what, controller):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"{what}: not within {DEADLINE} s; its log:\n{controller.log()}")
            time.sleep(0.02)

    def start_leading(self, *flags):
        controller = self.start(*flags)
        self.wait_for(lambda: self.lease_holder() and controller.is_ready(), "ready and leading", controller)
        return controller

    def lease_holder(self):
        status, lease = self.sandbox.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/spillway-controller")
        return status == 200 and lease["spec"].get("holderIdentity", "")

    def freeze_the_api_server(self):
        self.sandbox.process.send_signal(signal.SIGSTOP)

    def test_it_says_that_it_lives_and_is_ready(self):
        controller = self.start_leading()
        self.assertEqual(controller.fetch("health-probe", "/livez")[0], 200)
        status, metrics = controller.fetch("metrics", "/metrics")
        self.assertEqual(status, 200)
        self.assertRegex(metrics, r"(?m)^leader_election_master_status\{.*\} 1$")
        self.assertEqual(controller.fetch("metrics", "/nothing-here")[0], 404)

    def test_a_dry_run_takes_no_lease(self):
        controller = self.start("--dry-run")
        self.wait_for(controller.is_ready, "ready", controller)
        self.assertFalse(self.lease_holder())

    def test_sigterm_ends_it_well_and_gives_the_lease_back(self):
        controller = self.start_leading()
        controller.process.terminate()
        self.assertEqual(controller.process.wait(DEADLINE), 0, controller.log())
        self.assertEqual(self.lease_holder(), "")

    def test_a_second_signal_ends_it_at_once(self):
        controller = self.start_leading()
        self.freeze_the_api_server()
        controller.process.terminate()
        self.wait_for(lambda: "stopping" in controller.log(), "told to stop", controller)
        self.assertIsNone(controller.process.poll(), "nobody answered, and yet the lease was given back?")
        controller.process.terminate()
        self.assertEqual(controller.process.wait(DEADLINE), 1)
        self.assertNotIn("the lease is lost", controller.log())

    def test_a_lost_lease_ends_it(self):
        controller = self.start_leading("--leader-elect-lease-duration=3s", "--leader-elect-renew-deadline=2s",
                                        "--leader-elect-retry-period=200ms")
        self.freeze_the_api_server()
        self.assertEqual(controller.process.wait(DEADLINE), 1)
        self.assertIn("the lease is lost", controller.log())

    def test_it_waits_for_an_api_server_that_is_not_there_yet(self):
        self.freeze_the_api_server()
        controller = self.start()
        self.wait_for(lambda: controller.port("health-probe"), "serving", controller)
        self.assertEqual(controller.fetch("health-probe", "/livez")[0], 200)
        self.assertEqual(controller.fetch("health-probe", "/readyz")[0], 500)
        self.sandbox.process.send_signal(signal.SIGCONT)
        self.wait_for(controller.is_ready, "ready", controller)

    def test_what_cannot_be_meant_is_one_line_and_exit_code_2(self):
        for flag in ("--no-such-flag", "--pending-grace=soon", "--batch-max=1ms", "--trigger=whenever"):
            with self.subTest(flag):
                controller = self.start(flag)
                self.assertEqual(controller.process.wait(DEADLINE), 2)
                self.assertEqual(len(controller.log().splitlines()), 1, controller.log())
                self.assertIn(flag.split("=")[0].lstrip("-"), controller.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
