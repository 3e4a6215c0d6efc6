"""Spillway's processes as tests over the wire see them. SPILLWAY_BIN is the binary under test; kubectl is $KUBECTL, or the
one on PATH, or the one that tests/controlplane/build makes."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPILLWAY = os.environ.get("SPILLWAY_BIN", str(ROOT / "build" / "spillway"))
DEADLINE = 60


def find_kubectl():
    found = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if found:
        return found
    built = subprocess.run([ROOT / "tests/controlplane/build"], check=True, stdout=subprocess.PIPE, text=True)
    return built.stdout.splitlines()[-1] + "/kubectl"


class Sandbox:
    """A running `spillway sandbox`."""

    def __init__(self, *flags):
        self.folder = tempfile.TemporaryDirectory()
        self.kubeconfig = Path(self.folder.name) / "kubeconfig"
        self.log = open(Path(self.folder.name) / "log", "w+")
        command = [SPILLWAY, "sandbox", "--port=0", f"--kubeconfig-out={self.kubeconfig}", *flags]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + DEADLINE
        while not self.kubeconfig.exists() or self.kubeconfig.stat().st_size == 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise AssertionError("the sandbox did not come up: " + self.log.read())
            time.sleep(0.02)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self.log.close()
        self.folder.cleanup()
        return code
