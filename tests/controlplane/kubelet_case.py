"""The base of tests that ask the kubelet API of agents."""

import os
import pathlib
import subprocess
import tempfile

from cluster_case import ClusterTestCase
from network_namespace import ADDRESS
from processes import wait_until

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 60
_PODS = "/api/v1/namespaces/default/pods"


def client(name: str) -> pathlib.Path:
    """One of the binaries that ./build-clients makes; builds them where that has not happened yet."""
    done = subprocess.run([HERE / "build-clients"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("tests/controlplane/build-clients failed; its own message is above")
    return pathlib.Path(done.stdout.splitlines()[-1]) / name


class KubeletTestCase(ClusterTestCase):
    """A cluster with agents that kube-apiserver reaches. Its Pods are gone at the end: what runs in them outlives an agent."""

    @classmethod
    def setUpClass(cls):
        cls.state = cls.enterClassContext(tempfile.TemporaryDirectory())  # outlives the agents, which write to it to their end
        os.chmod(cls.state, 0o700)
        super().setUpClass()
        cls.addClassCleanup(cls.remove_pods)

    @classmethod
    def remove_pods(cls):
        for pod in cls.cluster.api.items(_PODS):
            cls.cluster.api.delete(f"{_PODS}/{pod['metadata']['name']}")
        wait_until(lambda: not cls.cluster.api.items(_PODS), "all Pods gone", SECONDS)

    @classmethod
    def agent(cls, node: str, provider: str, *flags: str, environment: dict | None = None):
        """An agent with a serving certificate of the cluster's authority. The CA of its clients comes from
        kube-system/extension-apiserver-authentication."""
        serving = cls.cluster.authority.server(f"kubelet-{node}", (f"IP:{ADDRESS}",))
        cls.cluster.start_agent(
            node, provider, f"--internal-ip={ADDRESS}", f"--tls-cert-file={serving.cert}",
            f"--tls-private-key-file={serving.key}", "--client-ca-file=", f"--state-dir={cls.state}/{node}", *flags,
            environment=environment)
        wait_until(lambda: cls.kubelet_port(node), f"kubelet API of {node}", SECONDS)

    @classmethod
    def kubelet_port(cls, node: str) -> int:
        """0 while its kubelet API is off."""
        status = cls.cluster.api.get(f"/api/v1/nodes/{node}")["status"]
        return status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port", 0)

    @classmethod
    def create_pod(cls, name: str, script: str, node="vnode", **container):
        """A Pod whose container runs `script`; returns when it has started."""
        main = {"name": "main", "image": "none", "command": ["sh", "-c", script]} | container
        cls.cluster.api.create(_PODS, {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": node, "restartPolicy": "Never", "containers": [main],
                     "terminationGracePeriodSeconds": 1}})
        wait_until(lambda: cls.cluster.api.get(f"{_PODS}/{name}")["status"]["phase"] != "Pending", f"Pod {name} started", SECONDS)
