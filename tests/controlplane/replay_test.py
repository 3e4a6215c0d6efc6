#!/usr/bin/env python3
"""Whatever agents write in simulations, a real API server accepts too, and makes the same of it as the sandbox: under a
ServiceAccount with the roles in manifests/rbac/, and under a kubelet's identity, which the Node authorizer and
NodeRestriction confine.

    SIMULATE_BIN=build/tests/simulate tests/controlplane/replay_test.py
"""

import collections
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from api import Api, ApiError
from controlplane import REPOSITORY, ApiServerAlone
from replay import Difference, Replayer
from spillway_cluster import MANIFESTS, NAMESPACE

SCENARIOS = REPOSITORY / "tests" / "simulation"
# Between them: every phase of a Pod, deletions, agents that come back, Nodes that go, trouble with the cloud.
RECORDED = ("w1", "w2", "unsupported_features", "virtual_node_is_deleted", "cloud_takes_instances_back", "cloud_out_of_stock",
            "cloud_credentials_lost", "everybody_dies", "lost_replies")
SHOWN = 5  # differences of one scenario


def simulate() -> pathlib.Path:
    path = pathlib.Path(os.environ.get("SIMULATE_BIN") or REPOSITORY / "build" / "tests" / "simulate")
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"no binary at {path}: build the target simulate, or set SIMULATE_BIN")
    return path


def recorded(scenario: str, directory: str, *flags: str) -> list[dict]:
    """The agents' writes in the scenario's first history."""
    file = pathlib.Path(directory) / f"{scenario}.jsonl"
    done = subprocess.run([simulate(), SCENARIOS / f"{scenario}.sim", "--seed=1", f"--record-writes={file}", *flags],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{scenario} {' '.join(flags)}: {done.stdout}{done.stderr}")
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["user"].startswith(("agent-", "system:node:"))]


class ReplayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        simulate()
        cls.cluster = cls.enterClassContext(ApiServerAlone())
        cls.cluster.kubectl("apply", "-f", str(MANIFESTS / "rbac"))
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls._users: dict[str, Api] = {}
        cls.admin = cls.cluster.api_as("replay-admin", ["system:masters"])
        cls.addClassCleanup(cls.admin.close)

    @classmethod
    def user(cls, name: str) -> Api:
        """The agents of a simulation share a ServiceAccount, as those of a cluster do."""
        name = "spillway-agent" if name.startswith("agent-") else name
        if name not in cls._users:
            is_kubelet = name.startswith("system:node:")
            cls._users[name] = (cls.cluster.api_as(name, ["system:nodes"]) if is_kubelet
                                else cls.cluster.api_as_service_account(NAMESPACE, name))
            cls.addClassCleanup(cls._users[name].close)
        return cls._users[name]

    def replay(self, scenario: str, *flags: str):
        writes = recorded(scenario, self.directory, *flags)
        replayer = Replayer(self.cluster, self.admin, self.user)
        wrong, sent = [], collections.Counter()
        for number, write in enumerate(writes, 1):
            sent[write["code"]] += 1
            try:
                replayer.send(write)
            except (Difference, ApiError) as difference:
                wrong.append(f"{number}: {write['method']} {write['path']}: {difference}")
        print(f"{scenario} {' '.join(flags)}: {len(writes)} writes, " + ", ".join(f"{n} x {code}" for code, n in sorted(sent.items())))
        self.assertGreater(sent[200], 0)
        self.assertFalse(wrong, f"{len(wrong)} of {len(writes)} differ:\n" + "\n".join(wrong[:SHOWN]))


def _add_tests():
    for scenario in RECORDED:
        for name, flags in (("service_account", ()), ("kubelet", ("--as-kubelets",))):
            def test(self, scenario=scenario, flags=flags):
                self.replay(scenario, *flags)
            setattr(ReplayTest, f"test_{scenario}_as_{name}", test)


_add_tests()

if __name__ == "__main__":
    unittest.main()
