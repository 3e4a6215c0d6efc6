#!/usr/bin/env python3
"""`spillway demo --cloud=...`: the walk-throughs with the providers of production, on the emulators of their clouds."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from processes import DEADLINE, SPILLWAY

SECONDS = 240  # for four walk-throughs; 20 on an idle machine


def demo(*flags, seconds=SECONDS):
    return subprocess.run([SPILLWAY, "demo", "--exit", "--port=0", *flags], capture_output=True, text=True, timeout=seconds)


class Demo(unittest.TestCase):
    def play(self, cloud, server, prefix):
        played = demo(f"--cloud={cloud}", f"--cloud-emulator={os.environ[server]}")
        self.assertEqual(played.returncode, 0, played.stdout + played.stderr)
        self.assertRegex(played.stdout, rf"Virtual nodes run on the emulator of {cloud} at http://127.0.0.1:\d+")
        self.assertIn("W1, W2 and W3 ended as they should", played.stdout)
        self.assertRegex(played.stdout, rf"Running +0 .*{prefix}", "with addresses of that cloud")
        self.assertIn("\npi line 0\n", played.stdout)

    def test_the_walk_throughs_on_eci(self):
        self.play("eci", "ECI_SERVER", r"10\.77\.")

    def test_the_walk_throughs_on_eksci(self):
        self.play("eksci", "EKSCI_SERVER", r"10\.78\.")

    def test_no_emulator_is_told_in_one_line(self):
        played = demo("--cloud=eci", "--cloud-emulator=/nowhere/eci_server", seconds=DEADLINE)
        self.assertEqual(played.returncode, 1)
        self.assertEqual(played.stderr, "spillway demo: no emulator of eci at /nowhere/eci_server: build it with `make demo CLOUD=eci`, "
                                        "or say where one is with --cloud-emulator\n")

    def test_a_program_that_is_no_emulator_is_told(self):
        played = demo("--cloud=eci", "--cloud-emulator=/bin/true", seconds=DEADLINE)
        self.assertEqual((played.returncode, played.stderr), (1, "spillway demo: /bin/true did not say where it serves\n"))

    def test_an_unknown_cloud_is_told(self):
        played = demo("--cloud=gke", seconds=DEADLINE)
        self.assertEqual(played.returncode, 2)
        self.assertIn("--cloud=gke: want eci or eksci", played.stderr)

    def test_the_emulators_lie_beside_the_binary(self):
        for server in ("ECI_SERVER", "EKSCI_SERVER"):
            self.assertEqual(Path(os.environ[server]).parent, Path(SPILLWAY).parent)


if __name__ == "__main__":
    sys.exit(unittest.main())
