#!/usr/bin/env python3
"""What the walk-throughs rely on: the control plane itself, the hollow nodes, the roles and the manifests.

Needs no Spillway binary.
"""

import http.server
import json
import ssl
import threading
import unittest

from api import ApiError
from cluster_case import ClusterTestCase
from processes import wait_until
from spillway_cluster import MANIFESTS, NAMESPACE

SECONDS = 30
CONTROLLER = f"system:serviceaccount:{NAMESPACE}:spillway-controller"
AGENT = f"system:serviceaccount:{NAMESPACE}:spillway-agent"

# (verb, resource, name, subresource, namespace): what each identity may do, all of it ...
MAY = {
    CONTROLLER: [
        *((verb, resource, "", "", "") for verb in ("list", "watch")
          for resource in ("pods", "nodes", "namespaces", "deviceclasses.resource.k8s.io", "persistentvolumes", "persistentvolumeclaims",
                           *(f"{kind}.storage.k8s.io" for kind in ("storageclasses", "csinodes", "csidrivers",
                                                                   "csistoragecapacities", "volumeattachments")))),
        ("get", "pods", "", "", "anywhere"),
        ("create", "pods", "", "binding", "anywhere"),
        ("create", "events.events.k8s.io", "", "", "anywhere"), ("patch", "events.events.k8s.io", "", "", "anywhere"),
        ("create", "leases.coordination.k8s.io", "", "", NAMESPACE),
        ("get", "leases.coordination.k8s.io", "spillway-controller", "", NAMESPACE),
        ("update", "leases.coordination.k8s.io", "spillway-controller", "", NAMESPACE),
        *((verb, "configmaps", "spillway-configuration", "", NAMESPACE) for verb in ("list", "watch")),
        *((verb, "configmaps", "spillway-configuration-last-good", "", NAMESPACE) for verb in ("get", "update")),
        ("create", "configmaps", "", "", NAMESPACE),
        *((verb, "configmaps", "eks-config", "", "kube-system") for verb in ("list", "watch")),
    ],
    AGENT: [
        *((verb, "nodes", "", "", "") for verb in ("create", "get", "list", "watch", "patch")),
        ("list", "services", "", "", ""), ("watch", "services", "", "", ""),
        ("get", "namespaces", "kube-system", "", ""),
        ("patch", "nodes", "", "status", ""), ("list", "pods", "", "", ""), ("watch", "pods", "", "", ""),
        ("delete", "pods", "", "", "anywhere"), ("patch", "pods", "", "status", "anywhere"),
        ("create", "events.events.k8s.io", "", "", "anywhere"), ("patch", "events.events.k8s.io", "", "", "anywhere"),
        *(("get", resource, "", "", "anywhere") for resource in ("configmaps", "secrets", "serviceaccounts")),
        ("create", "serviceaccounts", "default", "token", "anywhere"),
        ("create", "tokenreviews.authentication.k8s.io", "", "", ""),
        ("create", "subjectaccessreviews.authorization.k8s.io", "", "", ""),
        *((verb, "leases.coordination.k8s.io", "", "", "kube-node-lease") for verb in ("create", "get", "update")),
    ],
}
# ... and the neighbours of that which nobody needs.
MAY_NOT = {
    CONTROLLER: [
        ("patch", "pods", "", "", "anywhere"), ("delete", "pods", "", "", "anywhere"), ("patch", "pods", "", "status", "anywhere"),
        ("create", "pods", "", "", "anywhere"), ("create", "pods", "", "exec", "anywhere"), ("patch", "nodes", "", "", ""),
        ("get", "nodes", "", "", ""), ("get", "persistentvolumeclaims", "", "", "anywhere"),
        ("get", "secrets", "", "", NAMESPACE), ("list", "secrets", "", "", ""),
        ("update", "leases.coordination.k8s.io", "kube-scheduler", "", NAMESPACE),
        ("update", "leases.coordination.k8s.io", "spillway-controller", "", "kube-system"),
        ("create", "serviceaccounts", "spillway-controller", "token", NAMESPACE),
        ("update", "configmaps", "spillway-configuration", "", NAMESPACE), ("list", "configmaps", "", "", NAMESPACE),
        ("list", "configmaps", "", "", "kube-system"), ("update", "configmaps", "eks-config", "", "kube-system"),
        ("create", "configmaps", "", "", "kube-system"), ("list", "events", "", "", ""),
    ],
    AGENT: [
        ("delete", "nodes", "", "", ""), ("get", "namespaces", "default", "", ""),
        ("create", "pods", "", "", "anywhere"), ("create", "pods", "", "binding", "anywhere"),
        ("patch", "pods", "", "", "anywhere"), ("list", "secrets", "", "", ""), ("list", "configmaps", "", "", ""),
        ("update", "leases.coordination.k8s.io", "spillway-controller", "", NAMESPACE),
        ("list", "serviceaccounts", "", "", ""), ("create", "serviceaccounts", "", "", "anywhere"),
        ("get", "services", "", "", "anywhere"),
    ],
}


def pod_of(cpu: str, node: str | None = None) -> dict:
    container = {"name": "main", "image": "pause", "resources": {"requests": {"cpu": cpu}}}
    spec = {"containers": [container]} | ({"nodeName": node} if node else {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "pod-"}, "spec": spec}


class ControlPlaneTest(ClusterTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.hollow_nodes("real", {"node-a": "4,8Gi,110"})

    def create(self, pod: dict) -> str:
        path = "/api/v1/namespaces/default/pods"
        path += "/" + self.cluster.api.create(path, pod)["metadata"]["name"]
        self.addCleanup(self._delete, path)
        return path

    def _delete(self, path: str):
        try:
            self.cluster.api.delete(path)
        except ApiError as error:
            if error.status != 404:
                raise

    def test_it_says_which_version_it_is(self):
        self.assertRegex(self.cluster.api.get("/version")["gitVersion"], r"^v1\.36\.\d+$")
        self.assertRegex(self.cluster.kubectl("version", "--client"), r"Client Version: v1\.36\.\d+\n")

    def test_a_pod_that_fits_runs_on_the_hollow_node_and_ends_when_deleted(self):
        path = self.create(pod_of("1"))

        def running():
            pod = self.cluster.api.get(path)
            return pod["status"]["phase"] == "Running" and pod

        pod = wait_until(running, "Pod running", SECONDS)
        self.assertEqual(pod["spec"]["nodeName"], "node-a")
        self.assertEqual({c["type"] for c in pod["status"]["conditions"] if c["status"] == "True"} & {"Ready", "PodScheduled"},
                         {"Ready", "PodScheduled"})
        self.cluster.api.delete(path)

        def gone():
            try:
                self.cluster.api.get(path)
            except ApiError as error:
                return error.status == 404

        wait_until(gone, "Pod deleted", SECONDS)

    def test_kube_scheduler_says_why_a_pod_fits_nowhere(self):
        path = self.create(pod_of("64"))

        def unschedulable():
            conditions = self.cluster.api.get(path)["status"].get("conditions", [])
            return next((c for c in conditions if c["type"] == "PodScheduled" and c["status"] == "False"), None)

        condition = wait_until(unschedulable, "condition Unschedulable", SECONDS)
        self.assertEqual(condition["reason"], "Unschedulable")
        self.assertTrue(condition["message"].startswith("0/1 nodes are available: 1 Insufficient cpu."), condition["message"])

    def test_kubectl_logs_reaches_a_kubelet_over_mutual_tls(self):
        port = self.start_kubelet_api()
        # No hollow node: those publish a Hostname, which kube-apiserver asks first by default and nothing resolves.
        self.cluster.api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-b"},
                                                  "spec": {"unschedulable": True}})
        self.addCleanup(self._delete, "/api/v1/nodes/node-b")
        self.cluster.kubectl("patch", "node", "node-b", "--subresource=status", "--patch", json.dumps({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}))
        path = self.create(pod_of("1", node="node-b"))
        name = path.rpartition("/")[2]
        self.assertEqual(self.cluster.kubectl("logs", name),
                         f"kube-apiserver-kubelet-client asks for /containerLogs/default/{name}/main")

    def start_kubelet_api(self) -> int:
        """An HTTPS server that wants a client certificate of the cluster's CA, and says who asks for what."""
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                subject = dict(field[0] for field in self.connection.getpeercert()["subject"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"{subject['commonName']} asks for {self.path}".encode())

            def log_message(self, *_):
                pass

        serving = self.cluster.serving_certificate("kubelet-api")
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.cluster.authority.cert))
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_cert_chain(serving.cert, serving.key)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def test_identities_may_do_what_they_need_and_no_more(self):
        for questions, answer in ((MAY, True), (MAY_NOT, False)):
            for user, accesses in questions.items():
                for access in accesses:
                    with self.subTest(user=user, access=access):
                        self.assertEqual(self.may(user, *access), answer)

    def may(self, user: str, verb: str, resource: str, name: str, subresource: str, namespace: str) -> bool:
        resource, _, group = resource.partition(".")
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": user, "groups": ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"],
            "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "name": name,
                                   "subresource": subresource, "namespace": namespace}}}
        return self.cluster.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]

    def test_tokens_are_those_of_the_service_accounts(self):
        for kubeconfig, user in ((self.cluster.controller_kubeconfig, CONTROLLER), (self.cluster.agent_kubeconfig, AGENT)):
            self.assertIn(user, self.cluster.kubectl("auth", "whoami", kubeconfig=kubeconfig))

    def test_the_walkthrough_manifests_are_valid_to_the_letter(self):
        manifests = sorted((MANIFESTS / "walkthrough").glob("*.yaml"))
        self.assertTrue(manifests)
        for manifest in manifests:
            with self.subTest(manifest=manifest.name):
                self.cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(manifest))


if __name__ == "__main__":
    unittest.main(verbosity=2)
