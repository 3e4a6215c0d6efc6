#!/usr/bin/env python3
"""A StatefulSet of virtual-kubelet, as it is deployed by hand on ACK, goes on with the image's name changed and nothing else."""

import copy
import http.server
import json
import pathlib
import queue
import re
import subprocess
import tempfile
import threading
import unittest

from packaging_tools import HERE, MANIFESTS, binary
from processes import Process

STATEFULSET = HERE / "virtual_kubelet_statefulset.yaml"
IDENTITY = MANIFESTS / "migration" / "ack-virtual-node-controller.yaml"
IMAGE = "registry.spillway.io/spillway:0.1.0"
VERSIONS = ("1.27", "1.30", "1.33", "1.36")
SECONDS = 60  # until the agent has said what its Node is
# What a test needs besides: other ports than a Pod's own, on a machine that others use too.
SURROUNDINGS = {"SPILLWAY_METRICS_BIND_ADDRESS": "127.0.0.1:0", "SPILLWAY_HEALTH_PROBE_BIND_ADDRESS": "127.0.0.1:0"}


def documents(path: pathlib.Path) -> list[dict]:
    import yaml
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def migrated() -> dict:
    stateful_set = copy.deepcopy(documents(STATEFULSET)[0])
    stateful_set["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE
    return stateful_set


def environment_of(container: dict, fields: dict[str, str]) -> dict[str, str]:
    """As a kubelet makes it, from values and fields of the Pod."""
    return {e["name"]: e["value"] if "value" in e else fields[e["valueFrom"]["fieldRef"]["fieldPath"]] for e in container["env"]}


class ApiServer(http.server.ThreadingHTTPServer):
    """Takes what is created, knows the namespace kube-system and nothing else; `asked` has (method, path, object)."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Requests)
        self.asked = queue.Queue()
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()

    def stop(self):
        self.shutdown()
        self.server_close()
        self._thread.join()

    def kubeconfig(self) -> str:
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {"token": "t"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]})


class Requests(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.put((self.command, self.path, json.loads(body) if body else None))
        if self.command == "POST":
            self._send(201, body)
        elif self.path == "/api/v1/namespaces/kube-system":
            self._send(200, json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "u-1"}}).encode())
        else:
            self._send(404, b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}')

    do_GET = do_POST = do_PATCH = do_PUT = _answer

    def _send(self, code: int, body: bytes):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Migration(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_it_is_valid_on_each_kubernetes(self):
        from kubernetes_validate import validate
        for version in VERSIONS:
            for each in (migrated(), *documents(IDENTITY)):
                with self.subTest(kubernetes=version, object=f"{each['kind']}/{each['metadata']['name']}"):
                    validate(each, version, strict=True)

    def test_its_service_account_may_what_an_agent_may(self):
        """Each binding of manifests/rbac/agent.yaml, to the same role in the same place, and no other."""
        def bound(objects: list[dict]) -> set[tuple]:
            return {(o["kind"], o["metadata"].get("namespace"), o["roleRef"]["kind"], o["roleRef"]["name"]) for o in objects
                    if o["kind"].endswith("Binding")}
        identity = documents(IDENTITY)
        self.assertEqual(bound(identity), bound(documents(MANIFESTS / "rbac" / "agent.yaml")))
        account = identity[0]["metadata"]
        self.assertEqual((identity[0]["kind"], account["namespace"], account["name"]),
                         ("ServiceAccount", "kube-system", migrated()["spec"]["template"]["spec"]["serviceAccountName"]))
        subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
        for each in identity[1:]:
            self.assertEqual(each["subjects"], [subject], each["metadata"]["name"])
        names = {o["metadata"]["name"] for o in documents(MANIFESTS / "rbac" / "agent.yaml")}
        self.assertFalse(names & {o["metadata"]["name"] for o in identity}, "would take the agent's own bindings over")

    def command(self, api_server: ApiServer, without: str = "") -> tuple[list, dict[str, str]]:
        """Arguments and environment of the Pod's container, as a kubelet would start it, without one of its variables."""
        container = migrated()["spec"]["template"]["spec"]["containers"][0]
        environment = environment_of(container, {"metadata.name": "virtual-kubelet-0", "status.podIP": "127.0.0.1"})
        arguments = [re.sub(r"\$\((\w+)\)", lambda variable: environment[variable[1]], argument) for argument in container["args"]]
        environment.pop(without, None)
        kubeconfig = self.directory / "kubeconfig"
        kubeconfig.write_text(api_server.kubeconfig(), encoding="utf-8")
        return [binary(), *arguments], environment | SURROUNDINGS | {"KUBECONFIG": str(kubeconfig)}

    def test_arguments_and_environment_make_the_node_that_they_say(self):
        api_server = ApiServer()
        self.addCleanup(api_server.stop)
        arguments, environment = self.command(api_server)
        agent = Process("agent", arguments, self.directory / "log", env=environment)
        self.addCleanup(agent.stop)
        node = status = None
        while not (node and status):
            try:
                method, path, body = api_server.asked.get(timeout=SECONDS)
            except queue.Empty:
                agent.check_alive()
                raise
            if (method, path) == ("POST", "/api/v1/nodes"):
                node = body
            elif (method, path) == ("PATCH", "/api/v1/nodes/virtual-kubelet-0/status"):
                status = body["status"]
        agent.check_alive()
        self.assertEqual(node["metadata"]["name"], "virtual-kubelet-0")
        self.assertEqual(node["metadata"]["annotations"]["spillway.io/provider"], "alibabacloud")
        self.assertEqual(node["spec"]["taints"], [{"key": "virtual-kubelet.io/provider", "value": "alibabacloud", "effect": "NoSchedule"}])
        offered = {resource: status["capacity"][resource] for resource in ("cpu", "memory", "pods")}
        self.assertEqual(offered, {"cpu": "1000000", "memory": "6400Ti", "pods": "3000"})
        self.assertIn({"type": "InternalIP", "address": "127.0.0.1"}, status["addresses"])

    def test_a_variable_that_lacks_is_named(self):
        """So that the test above holds for each: it is the environment that is read."""
        api_server = ApiServer()
        self.addCleanup(api_server.stop)
        for variable, told in (("ECI_REGION", "--eci-region is required"), ("ECI_VSWITCH", "--eci-vswitch is required"),
                               ("ECI_SECURITY_GROUP", "--eci-security-group is required"), ("ECI_SECRET_KEY", "no credentials for Alibaba Cloud")):
            with self.subTest(variable=variable):
                arguments, environment = self.command(api_server, without=variable)
                done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(told, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
