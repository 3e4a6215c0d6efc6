#!/usr/bin/env python3
"""A real Prometheus scrapes a controller, two agents and a webhook at work: every panel of every dashboard shows something, what alerts look at
is there, and what is exported is documented."""

import base64
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

from packaging_tools import CHART, REPOSITORY, binary, run, tool

os.environ["SPILLWAY_BIN"] = str(binary())
sys.path.insert(0, str(REPOSITORY / "tests" / "wire"))
from processes import DEADLINE, Sandbox  # noqa: E402

PODS = "/api/v1/namespaces/default/pods"
WEBHOOKS = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "spillway-webhook"},
            "webhooks": [{"name": "adopt.spillway.io", "clientConfig": {"url": "https://127.0.0.1/mutate/adopt"}, "sideEffects": "None",
                          "admissionReviewVersions": ["v1"], "failurePolicy": "Ignore"}]}
_NAME = re.compile(r"\b(?:spillway|rest_client|leader_election|process)_[a-z0-9_]+\b")


def pod(name: str, cpu: str) -> dict:
    container = {"name": "c", "image": "nginx:1", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [container]}}


class Scraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.sandbox = Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        controller, first, second, webhook, cls.reviews, cls.server = _free_ports(6)
        cls.start("controller", binary(), "controller", f"--metrics-bind-address=127.0.0.1:{controller}", "--health-probe-bind-address=0",
                  "--kube-scheduler-version=1.36", f"--kubeconfig={cls.sandbox.kubeconfig}")
        for name, port in (("v-0", first), ("v-1", second)):
            cls.start(name, binary(), "agent", f"--nodename={name}", "--provider=simulated", f"--state-dir={cls.work / name}-state",
                      f"--metrics-bind-address=127.0.0.1:{port}", "--health-probe-bind-address=0", "--kubelet-port=0",
                      "--internal-ip=127.0.0.1", f"--kubeconfig={cls.sandbox.kubeconfig}")
        status, answer = cls.sandbox.request("POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", WEBHOOKS)
        if status != 201:
            raise AssertionError(answer)
        cls.start("webhook", binary(), "webhook", f"--webhook-bind-address=127.0.0.1:{cls.reviews}", "--certificate-names=127.0.0.1",
                  f"--metrics-bind-address=127.0.0.1:{webhook}", "--health-probe-bind-address=0", f"--kubeconfig={cls.sandbox.kubeconfig}")
        cls.exporters = [controller, first, second, webhook]
        jobs = {"spillway": [controller], "spillway-virtual-nodes": [first, second], "spillway-webhook": [webhook]}
        config = {"global": {"scrape_interval": "1s"}, "rule_files": [str(CHART / "alerts" / "spillway.rules.yaml")],
                  "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
                                     for job, ports in jobs.items()]}
        (cls.work / "prometheus.json").write_text(json.dumps(config), encoding="utf-8")
        cls.start("prometheus", tool("prometheus"), f"--config.file={cls.work}/prometheus.json", f"--storage.tsdb.path={cls.work}/data",
                  f"--web.listen-address=127.0.0.1:{cls.server}")
        cls.until(lambda: cls.value("count(spillway_virtual_node_ready == 1)") == 2, "both virtual nodes are seen ready")
        cls.until(lambda: cls.value("spillway_webhook_ca_published") == 1, "the webhook's CA is known")
        for name in ("v-0", "v-1"):
            cls.admit(name)
        cls.review()
        for number in range(8):
            cls.create(pod(f"web-{number}", "2"))
        cls.create(pod("too-large-for-anything", "900"))
        cls.until(lambda: cls.value('sum(spillway_instances{state="running"})') == 8, "eight Pods run on virtual nodes")
        cls.until(lambda: cls.value('sum(spillway_pods_pending{state="no_virtual_node"})') == 1, "the ninth waits")
        # Later than the bursts, so that rates over the last ten seconds have two samples on both sides of nothing.
        cls.until(lambda: cls.value("min(count_over_time(up[1m]))") >= 12, "a dozen scrapes")

    @classmethod
    def start(cls, name: str, *command):
        log = cls.enterClassContext(open(cls.work / f"{name}.log", "w"))
        process = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log)
        cls.addClassCleanup(lambda: (process.kill(), process.wait()))

    @classmethod
    def create(cls, body: dict):
        status, answer = cls.sandbox.request("POST", PODS, body)
        if status != 201:
            raise AssertionError(answer)

    @classmethod
    def admit(cls, node: str):
        """Takes off the taint of a new Node, as the node controller would, which the sandbox lacks."""
        _, new = cls.sandbox.get(f"/api/v1/nodes/{node}")
        new["spec"]["taints"] = [taint for taint in new["spec"]["taints"] if taint["key"] != "node.kubernetes.io/not-ready"]
        status, answer = cls.sandbox.request("PUT", f"/api/v1/nodes/{node}", new)
        if status != 200:
            raise AssertionError(answer)

    @classmethod
    def review(cls):
        """Asks the webhook about a Pod of TKE's scheduler, as kube-apiserver would."""
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "r", "operation": "CREATE", "namespace": "default", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": pod("tke", "1") | {"spec": pod("tke", "1")["spec"] | {"schedulerName": "tke-scheduler"}}}}
        _, told = cls.sandbox.get(f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{WEBHOOKS['metadata']['name']}")
        ca = base64.b64decode(told["webhooks"][0]["clientConfig"]["caBundle"]).decode()
        request = urllib.request.Request(f"https://127.0.0.1:{cls.reviews}/mutate/adopt", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10, context=ssl.create_default_context(cadata=ca)) as answer:
            if not json.load(answer)["response"]["allowed"]:
                raise AssertionError("the webhook refuses")

    @classmethod
    def until(cls, condition, what: str):
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                if condition():
                    return
                last = "no"
            except OSError as error:  # Prometheus is not up yet
                last = error
            if time.monotonic() > deadline:
                logs = "\n".join(f"---- {log.name}\n{log.read_text()[-1500:]}" for log in cls.work.glob("*.log"))
                raise AssertionError(f"not within {DEADLINE} s: {what}; last answer: {last}\n{logs}")
            time.sleep(0.2)

    @classmethod
    def query(cls, expr: str) -> list:
        return cls.ask("query", query=expr)

    @classmethod
    def ask(cls, what: str, **parameters) -> list:
        url = f"http://127.0.0.1:{cls.server}/api/v1/{what}?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    @classmethod
    def value(cls, expr: str) -> float | None:
        result = cls.query(expr)
        return float(result[0]["value"][1]) if result else None

    # ----------------------------------------------------------------------------------------------------------------

    def test_every_panel_shows_something(self):
        empty, shown = [], 0
        for path in sorted((CHART / "dashboards").glob("*.json")):
            for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
                for target in panel.get("targets", []):
                    expr = _without_variables(target["expr"], "30s")
                    shown += 1
                    if not self.query(expr):
                        empty.append(f"{path.stem}: {panel['title']}: {expr}")
        self.assertGreater(shown, 50)
        self.assertEqual(empty, [])

    def test_each_dashboard_can_be_looked_at(self):
        """Each panel over the last minutes, as pictures in $SPILLWAY_PICTURES where that is set: DASHBOARD.png."""
        from dashboard_pictures import Picture
        folder = pathlib.Path(os.environ.get("SPILLWAY_PICTURES") or self.work / "pictures")
        folder.mkdir(parents=True, exist_ok=True)
        began, until = float(self.query("min(process_start_time_seconds)")[0]["value"][1]), time.time()

        def ask(expr: str, instant: bool) -> list:
            expr = _without_variables(expr, "10s")
            if instant:
                return self.query(expr)
            return self.ask("query_range", query=expr, start=began, end=until, step=1)
        for path in sorted((CHART / "dashboards").glob("*.json")):
            with self.subTest(dashboard=path.stem):
                picture = Picture(json.loads(path.read_text(encoding="utf-8")), ask)
                picture.draw(folder / f"{path.stem}.png")
                self.assertEqual((picture.empty, picture.odd), ([], []))
                self.assertGreater((folder / f"{path.stem}.png").stat().st_size, 20_000)

    def test_what_alerts_look_at_is_there(self):
        import yaml
        for group in yaml.safe_load((CHART / "alerts" / "spillway.rules.yaml").read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                for name in set(_NAME.findall(rule["expr"])):
                    with self.subTest(alert=rule["alert"], metric=name):
                        self.assertTrue(self.query(name))

    def test_they_see_what_happens(self):
        self.assertEqual(self.value('sum(spillway_binds_total{result="bound"})'), 8)
        self.assertEqual(self.value("sum(spillway_virtual_node_requested_cpu_cores)"), 16)
        self.assertEqual(self.value("count(leader_election_master_status == 1)"), 1)
        self.assertGreater(self.value("time() - max(spillway_pod_oldest_pending_timestamp_seconds > 0)"), 0)

    def test_no_alert_fires_but_of_what_is_so(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server}/api/v1/alerts", timeout=10) as answer:
            active = {alert["labels"]["alertname"] for alert in json.load(answer)["data"]["alerts"]}
        self.assertLessEqual(active, {"SpillwayAllVirtualNodesFull"})

    def test_promtool_finds_no_fault_with_what_is_exported_and_all_of_it_is_documented(self):
        page = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
        for port in self.exporters:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
            done = run(tool("promtool"), "check", "metrics", stdin=text)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
            for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE):
                self.assertIn(f"| `{name}` |", page)


def _without_variables(expr: str, rate_interval: str) -> str:
    """Of a dashboard's query, as Grafana fills them in."""
    for variable, value in {"$__rate_interval": rate_interval, "$__range": "5m", "$namespace": ".*", "$job": ".*"}.items():
        expr = expr.replace(variable, value)
    return expr


def _free_ports(count: int) -> list[int]:
    import socket
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
