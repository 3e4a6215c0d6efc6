#!/usr/bin/env python3
"""The webhook on a real control plane, as manifests/yaml/spillway-webhook.yaml installs it: its roles, its
MutatingWebhookConfiguration with the Service replaced by an address, and each process under its own identity.

    SPILLWAY_BIN=build/spillway tests/controlplane/webhook_test.py [-k NAME]
"""

import base64
import json
import ssl
import time
import unittest
import urllib.error
import urllib.request

from cluster_case import ClusterTestCase
from processes import wait_until
from spillway_cluster import NAMESPACE, binary, process_environment
from webhook_cluster import WebhookCluster

SECONDS = 60
GATE = "spillway.io/local-replicas"
SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/spillway-webhook-ca"


def setUpModule():
    binary()


def deployment(name: str, replicas: int, annotations: dict | None = None, **spec) -> dict:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
            "spec": {"containers": [{"name": "main", "image": "pause", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}],
                     **spec}}}}


def pod(name: str, annotations: dict | None = None, **spec) -> dict:
    template = deployment(name, 1, annotations, **spec)["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": name, **template["metadata"]}}


def is_ready(each: dict) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in each["status"].get("conditions", []))


def gates_of(each: dict) -> list[str]:
    return [gate["name"] for gate in each["spec"].get("schedulingGates", [])]


def is_virtual(each: dict) -> bool:
    return each["spec"].get("nodeName", "").startswith("vnode-")


class WebhookCase(ClusterTestCase):
    """A cluster with the webhook's roles and configuration, one real node and two virtual ones."""

    cluster_type = WebhookCluster

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.hollow_nodes("real", {"node-a": "64,64Gi,500"})
        for node in ("vnode-0", "vnode-1"):
            cls.cluster.start_agent(node, "simulated")

    def may(self, account: str, verb: str, resource: str, name: str = "", namespace: str = "default") -> bool:
        return self.cluster.may(account, verb, resource, name, namespace)

    def apply(self, *objects: dict, namespace: str = "default"):
        for each in objects:
            self.cluster.kubectl("apply", "--namespace", namespace, "--filename=-", stdin=json.dumps(each))

    def would_create(self, each: dict) -> dict:
        """What it would be, by a dry run."""
        return json.loads(self.cluster.kubectl("create", "--dry-run=server", "--output=json", "--filename=-", stdin=json.dumps(each)))

    def pods_of(self, app: str, namespace: str = "default") -> list[dict]:
        return [p for p in self.cluster.pods(namespace, labelSelector=f"app={app}") if not p["metadata"].get("deletionTimestamp")]

    def settled(self, app: str, count: int, namespace: str = "default") -> list[dict]:
        """The Pods of `app`, once there are `count` and all are Ready."""
        def check():
            pods = self.pods_of(app, namespace)
            return len(pods) == count and all(map(is_ready, pods)) and pods
        return wait_until(check, f"{count} Pods of {app} Ready", SECONDS)

    def post(self, replica: str, body: bytes, path: str = "/mutate/adopt") -> tuple[int, str]:
        """What kube-apiserver would get."""
        address = f"https://127.0.0.1:{self.cluster.webhook_ports[replica]}{path}"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        context = ssl.create_default_context(cadata=self.cluster.told_ca())
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


class AdmissionTest(WebhookCase):
    """Controller and webhook run."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.controller = cls.cluster.start_controller()
        cls.webhook = cls.cluster.start_webhook()
        wait_until(lambda: cls.webhook.metric("spillway_webhook_gates") == 1, "a leader is seen", SECONDS)

    def reviews(self, labels: str = "") -> float:
        return self.webhook.metric("spillway_admission_reviews_total" + labels)

    def test_one_stays_local_and_a_virtual_one_leaves_first(self):
        """Brief 003: four replicas with LOCAL_REPLICAS=1, and room on the real node for all."""
        self.apply(deployment("demo", 4, {"LOCAL_REPLICAS": "1"}))
        for _ in range(3):
            pods = self.settled("demo", 4)
            self.assertEqual([gates_of(p) for p in pods], [[]] * 4)
            local = [p for p in pods if not is_virtual(p)]
            self.assertEqual(len(local), 1)
            self.assertNotIn("nodeSelector", local[0]["spec"])
            self.assertNotIn("controller.kubernetes.io/pod-deletion-cost", local[0]["metadata"]["annotations"])
            for each in pods:
                if is_virtual(each):
                    self.assertEqual(each["spec"]["nodeSelector"], {"type": "virtual-kubelet"})
                    self.assertEqual(each["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"], "-1000")
                    self.assertIn("spillway.io/decision-id", each["metadata"]["annotations"])
            self.cluster.kubectl("scale", "deployment/demo", "--replicas=3")
            left = self.settled("demo", 3)
            self.assertEqual([p["metadata"]["uid"] for p in left if not is_virtual(p)], [local[0]["metadata"]["uid"]])
            self.cluster.kubectl("scale", "deployment/demo", "--replicas=4")

    def test_pods_without_a_policy_never_meet_it(self):
        before = self.reviews()
        self.apply(deployment("plain", 5), pod("alone", {"spillway.io/overflow": "true"}))
        self.settled("plain", 5)
        self.assertEqual(self.reviews(), before)
        self.apply(pod("asks", {"LOCAL_REPLICAS": "1"}))  # that this is counted proves that the others would be
        self.assertGreater(self.reviews(), before)

    def test_kube_system_and_its_own_namespace_never_meet_it(self):
        before = self.reviews()
        for namespace in ("kube-system", NAMESPACE):
            self.apply(deployment("apart", 1, {"LOCAL_REPLICAS": "0"}, schedulerName="default-scheduler"), namespace=namespace)
            self.assertEqual([is_virtual(p) for p in self.settled("apart", 1, namespace)], [False])
        self.assertEqual(self.reviews(), before)

    def test_a_labelled_namespace_sends_its_pods_to_virtual_nodes(self):
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": "batch", "labels": {"virtual-node-affinity-injection": "enabled"}}})
        wait_until(lambda: self.cluster.api.get("/api/v1/namespaces/batch/serviceaccounts/default"), "namespace ready", SECONDS)
        self.apply(deployment("jobs", 3), namespace="batch")
        pods = self.settled("jobs", 3, "batch")
        self.assertTrue(all(map(is_virtual, pods)))
        for each in pods:
            self.assertEqual(each["metadata"]["annotations"]["spillway.io/injected"], "true")
            bound_by = [e["reportingController"] for e in self.cluster.events("batch", each) if e["reason"] == "Scheduled"]
            self.assertEqual(bound_by, ["default-scheduler"])

    def test_pods_of_tke_scheduler_are_handed_over(self):
        self.apply(deployment("migrated", 2, {"LOCAL_REPLICAS": "1"}, schedulerName="tke-scheduler"))
        pods = self.settled("migrated", 2)
        self.assertEqual({p["spec"]["schedulerName"] for p in pods}, {"default-scheduler"})
        self.assertEqual(sorted(map(is_virtual, pods)), [False, True])

    def test_a_scheduler_of_that_name_keeps_its_pods(self):
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "tke-scheduler", "namespace": "kube-system"},
                 "spec": {"holderIdentity": "theirs", "leaseDurationSeconds": 3600,
                          "renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())}}
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
        self.cluster.api.create(path, lease)
        try:
            theirs = pod("theirs", schedulerName="tke-scheduler")
            wait_until(lambda: self.would_create(theirs)["spec"]["schedulerName"] == "tke-scheduler", "their Pods are left to them", SECONDS)
        finally:
            self.cluster.api.delete(path + "/tke-scheduler")

    def test_a_dry_run_is_answered_and_changes_nothing(self):
        before = self.reviews('{duty="adopt",result="dry_run"}')
        asked = pod("asks-dry", {"LOCAL_REPLICAS": "1"})
        asked["metadata"]["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}]
        self.assertEqual(gates_of(self.would_create(asked)), [GATE])
        self.assertGreater(self.reviews('{duty="adopt",result="dry_run"}'), before)
        self.assertEqual(self.pods_of("asks-dry"), [])

    def test_what_is_no_review_gets_a_clear_answer(self):
        for body in (b"", b"{", b"[]", b'{"kind": "Pod"}', b"[" * 100_000, b"\xff" * 1000):
            status, text = self.post("one", body)
            self.assertEqual(status, 400, body[:20])
            self.assertRegex(text, "^no AdmissionReview: ")
        self.assertEqual(self.post("one", b" " * (9 << 20))[0], 413)
        self.assertEqual(self.post("one", b"{}", "/")[0], 404)
        self.webhook.process.check_alive()

    def test_each_identity_may_do_what_it_needs_and_no_more(self):
        self.assertFalse(self.cluster.could_patch_pods, "without the webhook's roles the controller may not patch Pods")
        self.assertTrue(self.may("spillway-controller", "patch", "pods"))
        for account, verb, resource, name, namespace, allowed in (
                ("spillway-webhook", "get", "secrets", "spillway-webhook-ca", NAMESPACE, True),
                ("spillway-webhook", "get", "secrets", "another", NAMESPACE, False),
                ("spillway-webhook", "list", "secrets", "", NAMESPACE, False),
                ("spillway-webhook", "delete", "secrets", "spillway-webhook-ca", NAMESPACE, False),
                ("spillway-webhook", "get", "secrets", "spillway-webhook-ca", "default", False),
                ("spillway-webhook", "list", "pods", "", "default", False),
                ("spillway-webhook", "patch", "pods", "", "default", False),
                ("spillway-webhook", "patch", "admissionregistration.k8s.io/mutatingwebhookconfigurations", "spillway-webhook", "", True),
                ("spillway-webhook", "patch", "admissionregistration.k8s.io/mutatingwebhookconfigurations", "another", "", False),
                ("spillway-webhook", "update", "coordination.k8s.io/leases", "spillway-controller", NAMESPACE, False),
                ("spillway-gates", "patch", "pods", "", "default", True),
                ("spillway-gates", "delete", "pods", "", "default", False),
                ("spillway-gates", "get", "secrets", "", "default", False),
                ("spillway-controller", "update", "pods", "", "default", False),
                ("spillway-controller", "delete", "pods", "", "default", False)):
            with self.subTest(account=account, verb=verb, resource=resource, name=name):
                self.assertEqual(self.may(account, verb, resource, name, namespace), allowed)


class CertificateTest(WebhookCase):
    """Two replicas whose certificate lasts twelve seconds, and whose CA forty-eight."""

    FAST = ("--certificate-lifetime=12s", "--ca-lifetime=48s")

    def test_certificates_rotate_while_requests_come_in(self):
        one, other = self.cluster.start_webhook("one", *self.FAST), self.cluster.start_webhook("other", *self.FAST)
        certificates, authorities, asked = set(), set(), 0
        end = time.monotonic() + 75
        while time.monotonic() < end:
            made = self.would_create(pod(f"asks-{asked}", schedulerName="tke-scheduler"))
            self.assertEqual(made["spec"]["schedulerName"], "default-scheduler", f"request {asked} was not answered")
            asked += 1
            for replica in ("one", "other"):
                self.assertEqual(self.post(replica, b"{}")[0], 400)  # the handshake is what this is about
            secret = self.cluster.api.get(SECRET)["data"]
            certificates.add(secret["tls.crt"])
            authorities.add(base64.b64decode(secret["ca.crt"]).decode().partition("-----END")[0])
        self.assertGreater(asked, 20)
        self.assertGreaterEqual(len(certificates), 5)
        self.assertGreaterEqual(len(authorities), 2)
        for webhook in (one, other):
            webhook.process.check_alive()
            self.assertEqual(webhook.process.stop(15), 0)


class OutageTest(WebhookCase):
    def test_pods_are_created_unharmed_while_it_is_down(self):
        webhook = self.cluster.start_webhook()
        webhook.process.kill()
        began = time.monotonic()
        self.apply(deployment("unharmed", 5, {"LOCAL_REPLICAS": "1"}))
        pods = self.settled("unharmed", 5)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual([gates_of(p) for p in pods], [[]] * 5)

    def test_without_a_leader_nothing_is_gated(self):
        webhook = self.cluster.start_webhook()
        self.assertEqual(webhook.metric("spillway_webhook_gates"), 0)
        self.apply(deployment("nobody-leads", 2, {"LOCAL_REPLICAS": "1"}))
        self.assertEqual([gates_of(p) for p in self.settled("nobody-leads", 2)], [[], []])
        self.assertEqual(webhook.process.stop(15), 0)

    def test_gates_are_lifted_when_all_of_spillway_is_gone(self):
        self.apply({**pod("forgotten"), "spec": {**pod("forgotten")["spec"], "schedulingGates": [{"name": GATE}]}},
                   {**pod("of-others"), "spec": {**pod("of-others")["spec"], "schedulingGates": [{"name": "example.com/quota"}]}})
        kubeconfig = self.cluster.kubeconfig_for_service_account(NAMESPACE, "spillway-gates")
        lifting = self.cluster.run("gates-lift", [binary(), "gates", "lift", f"--kubeconfig={kubeconfig}", "--older-than=3s"], process_environment())
        wait_until(lambda: lifting.exit_code is not None, "gates lift ends", 30)
        self.assertEqual(lifting.exit_code, 0, lifting.tail())
        self.settled("forgotten", 1)
        self.assertEqual([gates_of(p) for p in self.pods_of("of-others")], [["example.com/quota"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
