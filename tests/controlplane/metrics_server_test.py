#!/usr/bin/env python3
"""metrics-server reads what an agent measures, if it may, and kubectl top prints it.

    SPILLWAY_BIN=build/spillway tests/controlplane/metrics_server_test.py

The Pod is a process (provider process), so the figures are the kernel's: a file decides whether it works or rests.
"""

import pathlib
import unittest

import network_namespace

if __name__ == "__main__":
    network_namespace.enter()

import metrics_server  # noqa: E402
from kubelet_case import ADDRESS, KubeletTestCase, client  # noqa: E402
from processes import wait_until  # noqa: E402

SECONDS = 120  # a permission that was denied is asked for again after 30 s; metrics-server wants two samples, 10 s apart
BUSY_MILLI_CPU = 15  # at rest it needs three or four; on a busy machine it may not get much more
# Some 30 ms of work, then a pause of 50 ms: a third of a core at most.
WORK = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done; sleep 0.05"


class MetricsServerTest(KubeletTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        binary = client("metrics-server")
        cls.busy = pathlib.Path(cls.state) / "busy"
        cls.agent("vnode", "process")
        # The certificate of this one is its own: nobody has signed it.
        cls.cluster.start_agent("unsigned", "simulated", f"--internal-ip={ADDRESS}", "--tls-cert-file=", "--tls-private-key-file=",
                                "--client-ca-file=", f"--state-dir={cls.state}/unsigned")
        wait_until(lambda: cls.kubelet_port("unsigned"), "its kubelet API", SECONDS)
        cls.server = metrics_server.start(cls.cluster, binary)

    def test_metrics_reach_kubectl_top(self):
        self.busy.touch()
        self.create_pod("worker", f"while :; do if [ -e {self.busy} ]; then {WORK}; else sleep 0.5; fi; done")
        self.wait_for_log("403 Forbidden")
        wait_until(lambda: "metrics not available yet" in self.refusal(), "kubectl top has nothing to print", SECONDS)
        self.wait_for_log("x509: certificate signed by unknown authority")

        metrics_server.allow(self.cluster)
        _, memory = wait_until(self.top, "kubectl top pod prints", SECONDS)
        self.assertGreater(memory, 0)
        wait_until(lambda: self.top()[0] > BUSY_MILLI_CPU, "work is seen as work", SECONDS)
        self.busy.unlink()
        wait_until(lambda: self.top()[0] < BUSY_MILLI_CPU, "rest is seen as rest", SECONDS)

    def wait_for_log(self, text):
        wait_until(lambda: text in self.server.log.read_text(encoding="utf-8"), f"{text!r} in metrics-server's log", SECONDS, [self.server])

    def refusal(self):
        """What `kubectl top` fails with; at first the API is not there."""
        try:
            self.cluster.kubectl("top", "pod")
        except RuntimeError as error:
            return str(error)
        return ""

    def top(self):
        """Milli-cores and MiB of the Pod, in kubectl's own figures."""
        _, cpu, memory = self.cluster.kubectl("top", "pod", "worker", "--no-headers").split()
        return int(cpu.removesuffix("m")), int(memory.removesuffix("Mi"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
