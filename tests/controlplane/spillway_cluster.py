"""A control plane with Spillway on it: the RBAC manifests applied, controller and agents under their own identities."""

import dataclasses
import os
import pathlib
import urllib.request

import pki
from controlplane import REPOSITORY, ControlPlane
from processes import Process, free_ports, wait_until

MANIFESTS = REPOSITORY / "manifests"
UP_SECONDS = 30  # until a controller or an agent is ready
NAMESPACE = "spillway-system"

# The environment of brief 000: a virtual-kubelet StatefulSet's settings work unchanged.
BRIEF_ENVIRONMENT = {
    "VKUBELET_POD_IP": "127.0.0.1", "VKUBELET_TAINT_KEY": "virtual-kubelet.io/provider",
    "VKUBELET_TAINT_VALUE": "alibabacloud", "VKUBELET_TAINT_EFFECT": "NoSchedule",
    "ECI_QUOTA_CPU": "1000000", "ECI_QUOTA_MEMORY": "6400Ti", "ECI_QUOTA_POD": "3000",
}


def binary() -> pathlib.Path:
    """The spillway binary to test: $SPILLWAY_BIN, or build/spillway of this work tree."""
    path = pathlib.Path(os.environ.get("SPILLWAY_BIN") or REPOSITORY / "build" / "spillway")
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"no binary at {path}: build it (make build), or set SPILLWAY_BIN")
    return path


@dataclasses.dataclass
class Controller:
    process: Process
    health: str   # base URLs
    metrics: str

    def is_ready(self) -> str:
        """Raises while it is not."""
        return _http_get(self.health + "/readyz")

    def metric_text(self) -> str:
        return _http_get(self.metrics + "/metrics")


@dataclasses.dataclass
class Agent:
    process: Process
    node: str


class SpillwayCluster(ControlPlane):
    """A ControlPlane whose administrator has installed Spillway. Nothing of Spillway runs until it is started."""

    def _start(self):
        super()._start()
        self._install()

    def _install(self):
        self.kubectl("apply", "-f", str(MANIFESTS / "rbac"))
        self.controller_kubeconfig = self.kubeconfig_for_service_account(NAMESPACE, "spillway-controller")
        self.agent_kubeconfig = self.kubeconfig_for_service_account(NAMESPACE, "spillway-agent")
        self._agents: dict[str, tuple[int, pki.Certificate]] = {}  # a restarted agent keeps its port and certificate

    def start_controller(self, *flags: str) -> Controller:
        """Returns when it is ready. More flags in `flags`."""
        controller = self.launch_controller(*flags)
        wait_until(controller.is_ready, "controller ready", UP_SECONDS, [controller.process])
        return controller

    def launch_controller(self, *flags: str) -> Controller:
        """Starts the controller and does not wait for it."""
        health, metrics = (f"127.0.0.1:{port}" for port in free_ports(2))
        process = self.run("controller", [
            binary(), "controller", f"--kubeconfig={self.controller_kubeconfig}",
            f"--leader-elect-resource-namespace={NAMESPACE}",
            f"--health-probe-bind-address={health}", f"--metrics-bind-address={metrics}", *flags], process_environment())
        return Controller(process, f"http://{health}", f"http://{metrics}")

    def start_agent(self, node: str, provider: str, *flags: str, environment: dict | None = None) -> Agent:
        """Returns when its Node is Ready."""
        agent = self.launch_agent(node, provider, *flags, environment=environment)
        wait_until(lambda: node in self._schedulable_nodes(), f"virtual node {node} Ready", UP_SECONDS, [agent.process])
        return agent

    def launch_agent(self, node: str, provider: str, *flags: str, environment: dict | None = None) -> Agent:
        """Starts the agent of one virtual node and does not wait for it. More of its environment, such as a cloud's key, in
        `environment`."""
        if node not in self._agents:
            self._agents[node] = free_ports(1)[0], self.serving_certificate(f"agent-{node}")
        port, serving = self._agents[node]
        process = self.run(f"agent-{node}", [
            binary(), "agent", f"--kubeconfig={self.agent_kubeconfig}", f"--nodename={node}", f"--provider={provider}",
            f"--tls-cert-file={serving.cert}", f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self.authority.cert}",
            "--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0", *flags],  # several agents run here
            process_environment() | BRIEF_ENVIRONMENT | {"KUBELET_PORT": str(port)} | (environment or {}))
        return Agent(process, node)

    # ------------------------------------------------------------------------------------------------- questions

    def pods(self, namespace: str = "default", **query) -> list[dict]:
        return self.api.items(f"/api/v1/namespaces/{namespace}/pods", **query)

    def events(self, namespace: str, pod: dict) -> list[dict]:
        """The events about this very Pod, oldest first."""
        events = self.api.items(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        ours = [e for e in events if e["regarding"].get("uid") == pod["metadata"]["uid"]]
        return sorted(ours, key=lambda e: int(e["metadata"]["resourceVersion"]))


def process_environment() -> dict:
    """Nothing of the tester's own Kubernetes settings reaches the processes under test."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG", "ASAN_OPTIONS", "TSAN_OPTIONS")
            if name in os.environ}


def _http_get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.read().decode()
