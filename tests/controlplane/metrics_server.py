"""metrics-server as an administrator installs it, but as a process: its ServiceAccount, its roles, its APIService."""

import base64
import json
import pathlib

from controlplane import ControlPlane
from processes import Process, free_ports

NAME, NAMESPACE = "metrics-server", "kube-system"
_ACCOUNT = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
_RBAC = "rbac.authorization.k8s.io"
_ROLE = "system:metrics-server"


def _binding(kind: str, name: str, role: tuple[str, str], **metadata) -> dict:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": {"name": name, **metadata},
            "roleRef": {"apiGroup": _RBAC, "kind": role[0], "name": role[1]}, "subjects": [_ACCOUNT]}


def _manifests(port: int, ca: pathlib.Path) -> list[dict]:
    """Upstream's, but that the role lacks nodes/metrics, and that the Service leads to this machine."""
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}},
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": _ROLE},
         "rules": [{"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]}]},
        _binding("ClusterRoleBinding", _ROLE, ("ClusterRole", _ROLE)),
        _binding("ClusterRoleBinding", f"{NAME}:system:auth-delegator", ("ClusterRole", "system:auth-delegator")),
        _binding("RoleBinding", f"{NAME}-auth-reader", ("Role", "extension-apiserver-authentication-reader"), namespace=NAMESPACE),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME, "namespace": NAMESPACE},
         "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
         "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                  "caBundle": base64.b64encode(ca.read_bytes()).decode(),
                  "service": {"name": NAME, "namespace": NAMESPACE, "port": port}}},
    ]


def start(cluster: ControlPlane, binary: pathlib.Path) -> Process:
    """Installed and running. It may not read the nodes' metrics before allow(). It asks each 10 s, and trusts serving
    certificates of the cluster's authority only."""
    port = free_ports(1)[0]
    for manifest in _manifests(port, cluster.authority.cert):
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    kubeconfig = cluster.kubeconfig_for_service_account(NAMESPACE, NAME)
    serving = cluster.authority.server(NAME, (f"DNS:{NAME}.{NAMESPACE}.svc", "IP:127.0.0.1"))
    return cluster.run(NAME, [
        binary, f"--secure-port={port}", "--bind-address=127.0.0.1", f"--tls-cert-file={serving.cert}",
        f"--tls-private-key-file={serving.key}", *(f"--{what}kubeconfig={kubeconfig}"
                                                   for what in ("", "authentication-", "authorization-")),
        f"--kubelet-certificate-authority={cluster.authority.cert}", "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=InternalIP", "--metric-resolution=10s", "--kubelet-request-timeout=5s"])


def allow(cluster: ControlPlane):
    """The permission that upstream's role has and start() left out."""
    cluster.kubectl("create", "clusterrole", f"{_ROLE}:metrics", "--verb=get", "--resource=nodes/metrics")
    cluster.kubectl("create", "clusterrolebinding", f"{_ROLE}:metrics", f"--clusterrole={_ROLE}:metrics",
                    f"--serviceaccount={NAMESPACE}:{NAME}")
