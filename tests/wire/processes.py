"""Spillway's processes as tests over the wire see them. SPILLWAY_BIN is the binary under test; kubectl is $KUBECTL, or the
one on PATH, or the one that tests/controlplane/build makes or, with SPILLWAY_BUILD_KUBERNETES=no, has made before."""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPILLWAY = os.environ.get("SPILLWAY_BIN", str(ROOT / "build" / "spillway"))
DEADLINE = 60
SKIPPED = 77  # what ctest takes for "not run"


def find_kubectl():
    found = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if found:
        return found
    if os.environ.get("SPILLWAY_BUILD_KUBERNETES") != "no":
        built = subprocess.run([ROOT / "tests/controlplane/build"], check=True, stdout=subprocess.PIPE, text=True)
        return built.stdout.splitlines()[-1] + "/kubectl"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = sorted(cache.glob("spillway/controlplane/*/bin/kubectl"), key=os.path.getmtime)
    if not kept:
        print("skipped: no kubectl on PATH, and none was built yet (make test builds one)")
        sys.exit(SKIPPED)
    return str(kept[-1])


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

    def connect(self, timeout=DEADLINE):
        """A connection to the API server as its administrator."""
        config = self.kubeconfig.read_text()
        server, = re.findall(r"server: https://([^:\s]+):(\d+)", config)
        authority, cert, key = (base64.b64decode(re.search(rf"{name}-data: (\S+)", config)[1]).decode()
                                for name in ("certificate-authority", "client-certificate", "client-key"))
        tls = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile("w") as pair:
            pair.write(cert + key)
            pair.flush()
            tls.load_cert_chain(pair.name)
        return http.client.HTTPSConnection(server[0], int(server[1]), context=tls, timeout=timeout)

    def get(self, path):
        """(status, JSON) that the API server answers its administrator."""
        return self.request("GET", path)

    def request(self, method, path, body=None):
        """The same of any request."""
        connection = self.connect()
        try:
            headers = {"Accept": "application/json", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self.log.close()
        self.folder.cleanup()
        return code
