"""What the comparisons with vendors' SDKs have in common: the emulator over HTTP, and the probe that shows what our provider does."""

import json
import os
import subprocess
import time
import unittest
import urllib.request


def probe(mode, what, *arguments):
    program = os.environ["EMULATOR_PROBE"]
    ran = subprocess.run([program, mode, *arguments], input=json.dumps(what), capture_output=True, text=True, timeout=60)
    if ran.returncode != 0:
        raise AssertionError(f"{program} {mode}: {ran.stderr}")
    return json.loads(ran.stdout)


class SdkCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen([os.environ["EMULATOR_SERVER"]], stdout=subprocess.PIPE, text=True)
        cls.url = cls.server.stdout.readline().strip()
        cls.host = cls.url.removeprefix("http://")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait(10)
        cls.server.stdout.close()

    def setUp(self):
        self.steer("faults", {})

    def steer(self, path, what=None):
        data = json.dumps(what).encode() if what is not None else None
        with urllib.request.urlopen(f"{self.url}/_emulator/{path}", data, timeout=10) as answer:
            return json.load(answer)

    def until(self, read, done):
        deadline = time.monotonic() + 20
        while True:
            seen = read()
            if done(seen) or time.monotonic() > deadline:
                self.assertTrue(done(seen), seen)
                return seen
            time.sleep(0.05)

    def raw(self, signed):
        """The answer's bytes, for a request that our provider's signer has signed."""
        request = urllib.request.Request(self.url + signed["path"], signed["body"].encode() or None, signed["headers"], method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
