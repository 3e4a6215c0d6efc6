#!/usr/bin/env python3
"""`spillway agent` with flags that no cluster can make anything of: one line that says what and where, before anything is done."""

import subprocess
import unittest

from processes import SPILLWAY

SECONDS = 20
REFUSED = [
    "--taint-key=bad key!", "--taint-value=bad value!", "--node-labels=a=b c", "--node-labels=kubernetes.io/hostname=foo",
    "--quota-pods=1.5", "--quota-resources=nvidia.com/gpu=1.5", "--quota-memory=1e400", "--quota-cpu=-1", "--internal-ip=0.0.0.0",
    "--pod-kube-apiserver-port=70000", "--nodename=UPPER_x", "--price-per-cpu-hour=cheap",
]


class AgentFlags(unittest.TestCase):
    def test_what_can_never_work_is_refused_at_the_start(self):
        for flag in REFUSED:
            with self.subTest(flag):
                command = [SPILLWAY, "agent", "--provider=simulated", "--nodename=v-0", "--kubeconfig=/dev/null", flag]
                done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
                said = (done.stdout + done.stderr).strip()
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(flag.partition("=")[0], said.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
