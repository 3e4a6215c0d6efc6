#!/usr/bin/env python3
"""`spillway doctor` on a real control plane: what is well is said to be, and each thing that is spoiled is found.

    SPILLWAY_BIN=build/spillway tests/controlplane/doctor_test.py [-k NAME]
"""

import base64
import datetime
import json
import subprocess
import unittest

from cluster_case import ClusterTestCase
from processes import wait_until
from spillway_cluster import NAMESPACE, binary

SECONDS = 60
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}"


def setUpModule():
    binary()


def scheduler_pod(version: str, *arguments: str) -> dict:
    """As kubeadm's static Pod, which kube-scheduler's own process here has not."""
    container = {"name": "kube-scheduler", "image": f"registry.k8s.io/kube-scheduler:{version}",
                 "command": ["kube-scheduler", *arguments]}
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container], "schedulerName": "nobody"},
            "metadata": {"name": "kube-scheduler-cp", "namespace": "kube-system", "labels": {"component": "kube-scheduler"}}}


class DoctorTest(ClusterTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.hollow_nodes("real", {"node-a": "4,8Gi,110"})
        cls.agent = cls.cluster.start_agent("vnode-1", "simulated")
        cls.controller = cls.cluster.start_controller()

    def doctor(self, *flags: str, kubeconfig=None) -> tuple[int, list[dict]]:
        """Exit code and findings."""
        done = subprocess.run([binary(), "doctor", f"--kubeconfig={kubeconfig or self.cluster.admin_kubeconfig}",
                               f"--url={self.controller.metrics}", "--output=json", *flags],
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertTrue(done.stdout, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["exitCode"], done.returncode)
        return done.returncode, report["findings"]

    def found(self, level: str, check: str, findings: list[dict]) -> list[str]:
        return [one["what"] for one in findings if (one["level"], one["check"]) == (level, check)]

    def bad(self, findings: list[dict]) -> list[str]:
        return [f"{one['level']} {one['check']}: {one['what']}" for one in findings if one["level"] in ("WARN", "FAIL")]

    def test_a_healthy_cluster_is_well(self):
        code, findings = self.doctor()
        self.assertEqual((code, self.bad(findings)), (0, []), findings)
        permissions = self.found("OK", "permissions", findings)
        self.assertIn("controller (system:serviceaccount:spillway-system:spillway-controller): has the ", permissions[0])
        self.assertIn("agents (system:serviceaccount:spillway-system:spillway-agent): has the ", permissions[1])
        self.assertEqual(self.found("OK", "virtual-nodes", findings), ["vnode-1 is ready; simulated: nothing runs there"])
        for check in ("apis", "scheduler", "leader", "webhook", "clocks", "network"):
            self.assertTrue(self.found("OK", check, findings), check)

    def test_it_is_a_plugin_of_kubectl_and_reads_well(self):
        plugins = self.cluster.directory / "plugins"
        plugins.mkdir()
        (plugins / "kubectl-spillway").symlink_to(binary().resolve())
        done = subprocess.run([self.cluster.tool("kubectl"), "spillway", "doctor", f"--kubeconfig={self.cluster.admin_kubeconfig}",
                               f"--url={self.controller.metrics}"], env={"PATH": str(plugins)}, capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"OK +leader +the leader's Lease spillway-system/spillway-controller is held by ")
        self.assertRegex(done.stdout.splitlines()[-1], r"^\d+ OK, \d+ UNKNOWN, 0 WARN, 0 FAIL$")

    def test_a_missing_permission_is_named(self):
        roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles/spillway-controller"
        role = self.cluster.api.get(roles)
        self.addCleanup(self.cluster.api.merge_patch, roles, {"rules": role["rules"]})
        fewer = [rule for rule in role["rules"] if "pods/binding" not in rule["resources"]]
        self.cluster.api.merge_patch(roles, {"rules": fewer})

        def noticed():
            code, findings = self.doctor()
            return code == 3 and self.found("FAIL", "permissions", findings)
        self.assertEqual(wait_until(noticed, "RBAC has caught up", SECONDS),
                         ["controller (system:serviceaccount:spillway-system:spillway-controller) may not create pods/binding"])

    def test_each_component_can_ask_for_itself_and_nobody_else(self):
        _, findings = self.doctor(kubeconfig=self.cluster.controller_kubeconfig)
        self.assertTrue(self.found("OK", "permissions", findings)[0].startswith("controller ("))
        (unknown,) = self.found("UNKNOWN", "permissions", findings)
        self.assertIn("agents (system:serviceaccount:spillway-system:spillway-agent): ", unknown)
        self.assertTrue(self.found("UNKNOWN", "webhook", findings))  # it may not list those

    def test_an_old_lease_is_found(self):
        self.addCleanup(self.cluster.api.delete, LEASES.format(NAMESPACE, "long-dead"))
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=10)
        self.cluster.api.create(LEASES.format(NAMESPACE, "").rstrip("/"), {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "long-dead"},
            "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 15, "renewTime": past.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}})
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
            "name": "old", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": "spillway"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "old"}}, "template": {
                "metadata": {"labels": {"app": "old"}}, "spec": {
                    "serviceAccountName": "spillway-controller", "containers": [
                        {"name": "c", "image": "spillway", "args": ["controller", "--leader-elect-resource-name=long-dead"]}]}}}}
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        self.cluster.api.create(path, deployment)
        self.addCleanup(self.cluster.api.delete, path + "/old")
        code, findings = self.doctor()
        self.assertEqual(code, 3)
        (what,) = self.found("FAIL", "leader", findings)
        self.assertRegex(what, r"the leader's Lease spillway-system/long-dead was to be renewed 9m\d+s ago by gone, and was not")
        # The Lease is another's, which the Role does not name.
        self.assertIn("get, update leases.coordination.k8s.io \"long-dead\"", self.found("FAIL", "permissions", findings)[0])

    def test_a_foreign_scheduler_is_seen(self):
        self.cluster.api.create("/api/v1/namespaces/kube-system/pods", scheduler_pod("v1.29.14", "--config=/etc/own.yaml"))
        self.addCleanup(self.cluster.kubectl, "-n", "kube-system", "delete", "pod", "kube-scheduler-cp", "--force")
        code, findings = self.doctor()
        self.assertEqual(code, 4)
        warnings = self.found("WARN", "scheduler", findings)
        self.assertIn("kube-scheduler-cp is 1.29, while 1.36 is taken for it", warnings)
        self.assertIn("kube-scheduler-cp runs with --config=/etc/own.yaml, of which Spillway knows nothing", warnings)
        self.assertIn("1 Pod waits for scheduler nobody, which Spillway does not look at", warnings)

    def test_virtual_nodes_are_examined(self):
        self.cluster.kubectl("cordon", "vnode-1")
        self.addCleanup(self.cluster.kubectl, "uncordon", "vnode-1")
        self.cluster.kubectl("taint", "node", "vnode-1", "team=a:NoSchedule")
        self.addCleanup(self.cluster.kubectl, "taint", "node", "vnode-1", "team-")
        code, findings = self.doctor()
        self.assertEqual(code, 4)
        self.assertEqual(self.found("WARN", "virtual-nodes", findings), [
            "vnode-1 is cordoned: nothing is moved there",
            "vnode-1 has the taint team:NoSchedule, so that only Pods that tolerate it are moved there"])

    def test_a_webhook_that_nobody_serves_is_found(self):
        webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        ca = base64.b64encode(self.cluster.authority.cert.read_bytes()).decode()
        self.cluster.api.create(webhooks, {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "spillway", "labels": {"app.kubernetes.io/name": "spillway"}},
            "webhooks": [{"name": "pods.spillway.io", "failurePolicy": "Ignore", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                          "clientConfig": {"caBundle": ca, "service": {"namespace": NAMESPACE, "name": "hook"}},
                          "objectSelector": {"matchLabels": {"never": "ever"}},
                          "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}]})
        self.addCleanup(self.cluster.api.delete, webhooks + "/spillway")
        code, findings = self.doctor()
        self.assertEqual(code, 3)
        self.assertEqual(self.found("FAIL", "webhook", findings), [
            f"pods.spillway.io: nothing is ready behind Service {NAMESPACE}/hook: Pods are created without it"])

    def test_without_an_api_server_it_says_so_in_one_line(self):
        kubeconfig = self.cluster.directory / "nobody.kubeconfig"
        kubeconfig.write_text(self.cluster.admin_kubeconfig.read_text(encoding="utf-8").replace(self.cluster.server, "https://127.0.0.1:1"),
                              encoding="utf-8")
        done = subprocess.run([binary(), "doctor", f"--kubeconfig={kubeconfig}"], capture_output=True, text=True, timeout=SECONDS,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
        self.assertIn("127.0.0.1:1", done.stderr)


class DeadAgentTest(ClusterTestCase):
    def test_an_agent_that_is_gone_is_found(self):
        agent = self.cluster.start_agent("vnode-1", "simulated")
        controller = self.cluster.start_controller()
        agent.process.kill()
        lease = LEASES.format("kube-node-lease", "vnode-1")
        self.cluster.api.merge_patch(lease, {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}})
        done = subprocess.run([binary(), "doctor", f"--kubeconfig={self.cluster.admin_kubeconfig}", f"--url={controller.metrics}"],
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertRegex(done.stdout, r"FAIL +virtual-nodes +node vnode-1's Lease was to be renewed .* ago by .*, and was not")


if __name__ == "__main__":
    unittest.main()
