#!/usr/bin/env python3
"""A real Kubernetes control plane on loopback, for tests and benchmarks.

etcd, kube-apiserver (RBAC and Node authorizer on), kube-controller-manager and kube-scheduler, the last with its
default settings, each a child process. Nodes are hollow (see hollow_node/) or Spillway's own agents.

    with ControlPlane() as cluster:
        cluster.hollow_nodes("real", {"node-a": "4,8Gi,110"})
        cluster.kubectl("apply", "-f", "deployment.yaml")

or, to look around by hand (ends on Ctrl-C):

    tests/controlplane/controlplane.py up
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pki
from api import Api, PersistentApi
from processes import Process, free_ports, wait_until

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
START_SECONDS = 60  # about six on an idle machine; generous for a loaded one
_ISSUER = "https://kubernetes.default.svc.cluster.local"


def build() -> pathlib.Path:
    """The directory of the control plane's binaries; builds them first where that has not happened yet."""
    done = subprocess.run([HERE / "build"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("tests/controlplane/build failed; its own message is above")
    return pathlib.Path(done.stdout.splitlines()[-1])


class ControlPlane:
    """A context manager: up and ready inside the `with`, gone after it, whatever happens in between.

    Everything it writes (keys, kubeconfigs, etcd's data, logs/*.log) is in `directory`. That is removed at the end
    unless it was given by the caller or something failed: an exception left the `with`, or `failed` was set. Then its
    path, and the end of the logs of what ran in the cluster, are printed on stderr.
    """

    def __init__(self, directory: pathlib.Path | None = None, controller_manager: dict | None = None):
        """More flags of kube-controller-manager in `controller_manager`."""
        self._binaries = build()
        self._remove_at_end = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="spillway-controlplane-"))
        self._processes: list[Process] = []
        self._control_plane: list[Process] = []
        self._controller_manager = controller_manager or {}
        self.start_seconds = 0.0
        self.failed = False

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.failed = True
            self._stop()
            raise
        return self

    def __exit__(self, error_type, error, trace):
        self.failed = self.failed or error_type not in (None, SystemExit)
        self._stop()

    # -------------------------------------------------------------------------------------- the cluster's users

    def kubectl(self, *args: str, kubeconfig: pathlib.Path | None = None, stdin: str | None = None) -> str:
        """What `kubectl ARGS` prints, as the administrator unless told otherwise. Raises with its stderr."""
        command = [self.tool("kubectl"), "--kubeconfig", kubeconfig or self.admin_kubeconfig, *args]
        own_cache = {**os.environ, "KUBECACHEDIR": str(self.directory / "kubectl-cache")}  # another cluster had this port
        done = subprocess.run(command, input=stdin, env=own_cache, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def admin_kubeconfig(self) -> pathlib.Path:
        return self.directory / "admin.kubeconfig"

    def kubeconfig_for_certificate(self, name: str, user: str, groups=()) -> pathlib.Path:
        """Credentials of a client certificate, in NAME.kubeconfig."""
        client = self.authority.client(name, user, groups)
        return self._write_kubeconfig(name, f"client-certificate: {client.cert}\n    client-key: {client.key}")

    def kubeconfig_for_service_account(self, namespace: str, name: str, hours: int = 24) -> pathlib.Path:
        """Credentials of an existing ServiceAccount, with a token from the TokenRequest API, in NAME.kubeconfig."""
        token = self.kubectl("create", "token", name, "--namespace", namespace, f"--duration={hours}h").strip()
        return self._write_kubeconfig(name, f"token: {token}")

    def api_as(self, user: str, groups=()) -> PersistentApi:
        """The API for a client certificate of `user`."""
        client = self.authority.client(user.replace(":", "-"), user, groups)
        return PersistentApi("127.0.0.1", self._port, self.authority.cert, client)

    def api_as_service_account(self, namespace: str, name: str) -> PersistentApi:
        token = self.kubectl("create", "token", name, "--namespace", namespace, "--duration=1h").strip()
        return PersistentApi("127.0.0.1", self._port, self.authority.cert, token=token)

    def serving_certificate(self, name: str) -> pki.Certificate:
        """A serving certificate for 127.0.0.1 that the API server trusts, as for an agent's kubelet API."""
        return self.authority.server(name)

    # ------------------------------------------------------------------------------------------- what runs in it

    def run(self, name: str, argv: list, env: dict | None = None) -> Process:
        """Starts a process that ends with the control plane. Its output goes to logs/NAME.log, appended."""
        process = Process(name, argv, self.directory / "logs" / f"{name}.log", env)
        self._processes.append(process)
        return process

    @property
    def processes(self) -> list[Process]:
        """All that runs in it, its own components first."""
        return list(self._processes)

    def tool(self, name: str) -> pathlib.Path:
        """One of the built binaries, for example loadgen."""
        return self._binaries / name

    def hollow_nodes(self, name: str, nodes: dict[str, str] | None = None, *options: str, expect: int = 0) -> Process:
        """Plays real nodes: `nodes` maps a name to CPU,MEMORY,PODS. Returns when all are Ready and schedulable.

        More flags of hollow-node come in `options`; `expect` says how many nodes those add.
        """
        nodes = nodes or {}
        process = self.run(f"hollow-{name}", [
            self.tool("hollow-node"), "--kubeconfig", self.admin_kubeconfig,
            *(f"--node={node}={shape}" for node, shape in nodes.items()), *options])
        before = self._schedulable_nodes() - set(nodes)
        wait_until(lambda: len(self._schedulable_nodes() - before) >= len(nodes) + expect,
                   f"hollow nodes {name} Ready", START_SECONDS, [process], every=0.1)
        return process

    def _schedulable_nodes(self) -> set[str]:
        """Ready Nodes that the node controller has already cleared of their initial not-ready taint."""
        def usable(node):
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))
            taints = {t["key"] for t in node["spec"].get("taints", [])}
            return ready and "node.kubernetes.io/not-ready" not in taints
        return {n["metadata"]["name"] for n in self.api.items("/api/v1/nodes") if usable(n)}

    def crash_apiserver(self, down_seconds: float):
        """kill -9 of kube-apiserver, which starts again after a while. Returns when it is ready."""
        apiserver = next(p for p in self._control_plane if p.name == "kube-apiserver")
        apiserver.kill()
        self._control_plane.remove(apiserver)
        self._processes.remove(apiserver)
        time.sleep(down_seconds)
        self._start_apiserver()

    # ------------------------------------------------------------------------------------------- start and stop

    def _start(self):
        began = time.monotonic()
        (self.directory / "logs").mkdir(parents=True, exist_ok=True)
        self._make_keys()
        self._port, self._scheduler_port, self._kcm_port, etcd, etcd_peer = free_ports(5)
        self._write_kubeconfigs()
        self._start_etcd(etcd, etcd_peer)
        self._etcd_port = etcd
        self._start_apiserver()
        self.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", _KUBELET_API_ADMIN)
        self._start_controllers()
        self.start_seconds = time.monotonic() - began

    def _start_controllers(self):
        self._start_controller_manager()  # not before: it and the scheduler would back off for seconds
        self._start_scheduler()
        self._wait(lambda: Api("127.0.0.1", self._scheduler_port, self.authority.cert).get("/readyz") == "ok",
                   "kube-scheduler ready")
        self._wait(lambda: self.api.get("/api/v1/namespaces/default/serviceaccounts/default"),
                   "kube-controller-manager made the default ServiceAccount")

    def _make_keys(self):
        self.authority = pki.Authority(self.directory / "pki")
        self._serving = self.authority.server("kubernetes", (
            "IP:127.0.0.1", "IP:10.0.0.1", "DNS:localhost", "DNS:kubernetes", "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc", "DNS:kubernetes.default.svc.cluster.local"))
        self._kubelet_client = self.authority.client("kubelet-client", "kube-apiserver-kubelet-client")
        # Whom aggregated APIs believe the users' names: an authority of its own, or any client could be anybody.
        self._front_authority = pki.Authority(self.directory / "front-proxy")
        self._front_proxy = self._front_authority.client("front-proxy-client", "front-proxy-client")
        self._admin = self.authority.client("admin", "kubernetes-admin", ["system:masters"])
        self._account_keys = self.authority.key_pair("service-accounts")

    def _write_kubeconfigs(self):
        self.api = Api("127.0.0.1", self._port, self.authority.cert, self._admin)
        self._write_kubeconfig("admin", f"client-certificate: {self._admin.cert}\n    client-key: {self._admin.key}")
        self.kubeconfig_for_certificate("kube-controller-manager", "system:kube-controller-manager")
        self.kubeconfig_for_certificate("kube-scheduler", "system:kube-scheduler")

    def _write_kubeconfig(self, name: str, credentials: str) -> pathlib.Path:
        path = self.directory / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(f"""apiVersion: v1
kind: Config
clusters:
- name: test
  cluster:
    server: {self.server}
    certificate-authority: {self.authority.cert}
users:
- name: {name}
  user:
    {credentials}
contexts:
- name: test
  context:
    cluster: test
    user: {name}
current-context: test
""", encoding="utf-8")
        return path

    def _start_etcd(self, port: int, peer_port: int):
        url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
        self._run_component("etcd", {
            "name": "test", "data-dir": self.directory / "etcd", "unsafe-no-fsync": "true",  # lost with the test anyway
            "listen-client-urls": url, "advertise-client-urls": url,
            "listen-peer-urls": peer_url, "initial-advertise-peer-urls": peer_url, "initial-cluster": f"test={peer_url}",
            "log-level": "warn"})

    def _start_apiserver(self):
        self._run_component("kube-apiserver", {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "bind-address": "127.0.0.1", "advertise-address": "127.0.0.1", "secure-port": self._port,
            "endpoint-reconciler-type": "none",  # nothing in this cluster dials the service "kubernetes"
            "authorization-mode": "Node,RBAC", "enable-admission-plugins": "NodeRestriction",
            "client-ca-file": self.authority.cert,
            "tls-cert-file": self._serving.cert, "tls-private-key-file": self._serving.key,
            "service-account-issuer": _ISSUER, "service-account-key-file": self._account_keys.cert,
            "service-account-signing-key-file": self._account_keys.key,
            "service-cluster-ip-range": "10.0.0.0/24",
            "kubelet-client-certificate": self._kubelet_client.cert, "kubelet-client-key": self._kubelet_client.key,
            "kubelet-certificate-authority": self.authority.cert,
            "requestheader-client-ca-file": self._front_authority.cert, "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User", "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": self._front_proxy.cert, "proxy-client-key-file": self._front_proxy.key,
            "profiling": "false"})
        self._wait(lambda: self.api.get("/readyz") == "ok", "kube-apiserver ready")

    def _start_controller_manager(self):
        self._run_component("kube-controller-manager", {
            **self._delegated("kube-controller-manager"), "secure-port": self._kcm_port,
            "service-account-private-key-file": self._account_keys.key, "root-ca-file": self.authority.cert,
            "use-service-account-credentials": "true", "leader-elect": "false",
            "kube-api-qps": "500", "kube-api-burst": "1000",  # by default it spends five seconds on its own tokens
            **self._controller_manager})

    def _start_scheduler(self):
        # No --config, no rate limits: the figures that Spillway compares itself with are the defaults'.
        self._run_component("kube-scheduler", {
            **self._delegated("kube-scheduler"), "secure-port": self._scheduler_port, "leader-elect": "false"})

    def _delegated(self, name: str) -> dict:
        kubeconfig = self.directory / f"{name}.kubeconfig"
        return {"kubeconfig": kubeconfig, "authentication-kubeconfig": kubeconfig,
                "authorization-kubeconfig": kubeconfig, "authentication-tolerate-lookup-failure": "true",
                "bind-address": "127.0.0.1", "tls-cert-file": self._serving.cert, "tls-private-key-file": self._serving.key}

    def _run_component(self, name: str, flags: dict):
        process = self.run(name, [self.tool(name), *(f"--{flag}={value}" for flag, value in flags.items())])
        self._control_plane.append(process)

    def _wait(self, condition, what: str):
        wait_until(condition, what, START_SECONDS, self._control_plane)

    def _stop(self):
        for process in reversed(self._processes):
            process.stop() if process not in self._control_plane else process.kill()
        if self.failed:
            for process in self._processes:
                if process not in self._control_plane:
                    print(f"---- end of {process.log}\n{process.tail()}", file=sys.stderr)
            print(f"control plane: logs and keys kept in {self.directory}", file=sys.stderr)
        elif self._remove_at_end:
            shutil.rmtree(self.directory, ignore_errors=True)
        self._processes, self._control_plane = [], []


class ApiServerAlone(ControlPlane):
    """etcd and kube-apiserver, and nobody else: nothing changes but by the test's own writes."""

    def _start_controllers(self):
        self._wait(lambda: self.api.get("/api/v1/namespaces/default"), "kube-apiserver made the namespace default")
        self.create_service_account("default")

    def create_namespace(self, name: str):
        self.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.create_service_account(name)

    def create_service_account(self, namespace: str):
        """The one that Pods get who name none."""
        self.api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}, "automountServiceAccountToken": False})


# What kubeadm sets up too: the API server's own identity may use every kubelet's API (logs, exec).
_KUBELET_API_ADMIN = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
    "metadata": {"name": "kube-apiserver-kubelet-client"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:kubelet-api-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kube-apiserver-kubelet-client"}],
}


def _up(arguments):
    for number in (signal.SIGTERM, signal.SIGINT):  # also where a shell started us in the background
        signal.signal(number, lambda *_: sys.exit(0))
    with ControlPlane(arguments.dir) as cluster:
        for node in arguments.node:
            name, _, shape = node.partition("=")
            cluster.hollow_nodes(name, {name: shape})
        print(f"up in {cluster.start_seconds:.1f} s\nexport KUBECONFIG={cluster.admin_kubeconfig}\n"
              f"export PATH={cluster.tool('')}:$PATH", flush=True)
        if arguments.for_seconds is None:
            signal.pause()
        time.sleep(arguments.for_seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="start a control plane and keep it up until Ctrl-C")
    up.add_argument("--dir", type=pathlib.Path, help="where to keep keys, kubeconfigs and logs (default: a temporary directory)")
    up.add_argument("--for-seconds", type=float, help="end by itself after this long")
    up.add_argument("--node", action="append", default=[], metavar="NAME=CPU,MEMORY,PODS", help="a hollow node, repeatable")
    up.set_defaults(run=_up)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
