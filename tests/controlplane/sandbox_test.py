#!/usr/bin/env python3
"""The sandbox is no kinder than a real API server, nor stricter: what agents might write (sandbox_cases.py), sent to both, is
answered alike, and leaves the same behind.

    SPILLWAY_BIN=build/spillway tests/controlplane/sandbox_test.py [-k GROUP]
"""

import base64
import pathlib
import re
import tempfile
import unittest

import pki
import sandbox_cases
from api import Api
from controlplane import ApiServerAlone
from processes import free_ports, wait_until
from replay import differences, without_nulls
from spillway_cluster import binary

SECONDS = 30
_PLACEHOLDER = re.compile(r"\$(uid|version) (\S+)")
_SERVERS_OWN = {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink", "deletionTimestamp"}
_OWN_NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=in record \()\d+")


class Server:
    """One of the two, with what the cases need."""

    def __init__(self, api: Api):
        self.api = api

    def send(self, case: sandbox_cases.Case):
        headers = {"Impersonate-User": case.user, "Impersonate-Group": "system:nodes"} if case.user else {}
        code, answer, _ = self.api.exchange(case.method, case.path, self._filled(case.body), case.content_type, headers)
        return code, answer

    def _filled(self, body):
        if isinstance(body, dict):
            return {key: self._filled(value) for key, value in body.items()}
        if isinstance(body, list):
            return [self._filled(value) for value in body]
        found = _PLACEHOLDER.fullmatch(body) if isinstance(body, str) else None
        if not found:
            return body
        return self.api.get(found[2])["metadata"]["uid" if found[1] == "uid" else "resourceVersion"]


def said(code: int, answer, says: bool) -> dict:
    """What must be equal of an answer."""
    if code >= 300:
        refusal = {"code": code, "reason": answer.get("reason")}
        return refusal | ({"message": _OWN_NAMES.sub("...", answer.get("message", ""))} if says else {})
    kept = without_nulls({key: value for key, value in answer.items() if key not in ("metadata", "spec")})
    if answer.get("kind") in ("Node", "Lease"):
        kept["spec"] = without_nulls(answer.get("spec"))
    if answer.get("kind") in ("TokenRequest", "PodDisruptionBudget"):  # of budgets, what they let happen
        kept = {}
    if "uid" in kept.get("details", {}):
        kept["details"] = {key: value for key, value in kept["details"].items() if key != "uid"}
    metadata = {key: value for key, value in answer.get("metadata", {}).items() if key not in _SERVERS_OWN and value}
    return {"code": code, "metadata": metadata} | kept


class SandboxTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        binary()
        cls.cluster = cls.enterClassContext(ApiServerAlone())
        cls.sandbox = cls.start_sandbox()

    @classmethod
    def start_sandbox(cls) -> Server:
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        port, kubeconfig = free_ports(1)[0], directory / "kubeconfig"
        process = cls.cluster.run("sandbox", [binary(), "sandbox", f"--port={port}", f"--kubeconfig-out={kubeconfig}"])
        wait_until(kubeconfig.exists, "the sandbox's kubeconfig", SECONDS, [process])
        files = {}
        for name, data in re.findall(r"(\S+)-data: (\S+)", wait_until(kubeconfig.read_text, "written", SECONDS, [process])):
            files[name] = directory / name
            files[name].write_bytes(base64.b64decode(data))
        client = pki.Certificate(files["client-certificate"], files["client-key"])
        return Server(Api("127.0.0.1", port, files["certificate-authority"], client))

    def compare(self, cases):
        admin = self.cluster.api_as("sandbox-admin", ["system:masters"])
        self.addCleanup(admin.close)
        real = Server(admin)
        for server in (real, self.sandbox):
            self.prepare(server)
        wrong = []
        for case in cases:
            answers = [said(*server.send(case), case.says) for server in (self.sandbox, real)]
            lines = differences(*answers)
            if lines:
                wrong.append(f"{case.name}: " + "; ".join(lines))
        self.assertFalse(wrong, f"{len(wrong)} of {len(cases)} differ:\n" + "\n".join(wrong))

    @staticmethod
    def prepare(server: Server):
        """The same objects on both, and no others."""
        for path in (sandbox_cases.PODS, sandbox_cases.NODES, sandbox_cases.LEASES, sandbox_cases.EVENTS):
            for item in server.api.items(path):
                server.api.delete(f"{path}/{item['metadata']['name']}", gracePeriodSeconds=0)
        if not server.api.items("/api/v1/namespaces/default/serviceaccounts"):
            server.api.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
        for case in sandbox_cases.SETUP:
            code, answer = server.send(case)
            if code >= 300:
                raise RuntimeError(f"{case.name}: {answer}")


def _add_tests():
    for group, cases in sandbox_cases.GROUPS.items():
        def test(self, cases=cases):
            self.compare(cases)
        setattr(SandboxTest, f"test_{group}", test)


_add_tests()

if __name__ == "__main__":
    unittest.main()
