#!/usr/bin/env python3
"""`helm install` to `helm uninstall` on a real control plane: the Pods' commands run on this machine, inside the image, with what the
chart rendered for them and nothing else (hollow_kubelet.py). Hooks and `helm test` run too.

Everything happens in a network namespace of its own, where each Pod has an address.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import packaging_tools
from packaging_tools import CHART, MANIFESTS

import controlplane
import image_tools
from hollow_kubelet import GATEWAY, HollowKubelet

SECONDS = 90
RELEASE, HOME = "burst", "team-platform"
W1 = MANIFESTS / "walkthrough" / "w1-nginx-autoscaler.yaml"
SIMULATED = f"{RELEASE}-spillway-simulated-0"  # by default, only for Pods that ask
NODE = f"{RELEASE}-spillway-trial-0"           # for all that fit on no real node
SERVICE_ADDRESS = "10.0.0.1"
# What Spillway's identities ask of the API server, all of it.
AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [
    {"level": "Metadata", "userGroups": [f"system:serviceaccounts:{HOME}"]}, {"level": "None"}]}
# What this story need not have a use for, and what has.
RIGHTS_OF_OTHER_STORIES = {
    (f"{RELEASE}-spillway-controller", "patch", "events"),           # an event that repeats
    (f"{RELEASE}-spillway-controller", "get", "configmaps"),         # a configuration that cannot be read
    (f"{RELEASE}-spillway-virtual-node", "patch", "events"),
    (f"{RELEASE}-spillway-virtual-node", "create", "tokenreviews"),  # metrics-server comes with a token
    (f"{RELEASE}-spillway-virtual-node", "get", "secrets"),          # Pods that have some
    (f"{RELEASE}-spillway-virtual-node", "get", "persistentvolumeclaims"),  # Pods that claim volumes: tests/controlplane/clouds_test.py
    (f"{RELEASE}-spillway-virtual-node", "get", "persistentvolumes"),
    (f"{RELEASE}-spillway-virtual-node", "get", "pods"),             # before an orphaned instance is deleted
    (f"{RELEASE}-spillway-virtual-node", "patch", "nodes"),          # somebody changed its labels or taints
}
OPEN = ("--set", "virtualNodePools[0].name=trial,virtualNodePools[0].provider=simulated",
        "--set", "virtualNodePools[0].taint.key=virtual-kubelet.io/provider",
        "--set", "controller.configuration.limits.cluster.pods=500")


def enter_namespace():
    """Runs this script anew in a network and a mount namespace; what has to be built has to be there before."""
    if "SPILLWAY_INSTALL_TEST" in os.environ:
        return
    packaging_tools.tools()
    controlplane.build()
    setup = (f"ip link set lo up && ip addr add {SERVICE_ADDRESS}/32 dev lo && sysctl -q -w net.ipv4.ip_forward=1 2>/dev/null; exec \"$@\"")
    as_root = ["--user", "--map-root-user"] if os.geteuid() else []
    os.execvpe("unshare", ["unshare", *as_root, "--net", "--mount", "sh", "-c", setup, "sh", sys.executable, "-B", *sys.argv],
               {**os.environ, "SPILLWAY_INSTALL_TEST": "root" if os.geteuid() == 0 else "mapped"})


class ReachableControlPlane(controlplane.ControlPlane):
    """One whose API server Pods reach at the address of the Service kubernetes, and which reaches them."""

    def _run_component(self, name: str, flags: dict):
        if name == "kube-apiserver":
            policy = self.directory / "audit-policy.json"
            policy.write_text(json.dumps(AUDIT_POLICY), encoding="utf-8")
            flags = flags | {"bind-address": "0.0.0.0", "advertise-address": GATEWAY,
                             "audit-policy-file": policy, "audit-log-path": self.directory / "audit.log"}
            del flags["kubelet-certificate-authority"]  # agents without a certificate of the cluster make one themselves
        super()._run_component(name, flags)

    @property
    def service_address(self) -> tuple[str, int]:
        return SERVICE_ADDRESS, self._port


class Installation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        image_tools.build(cls.work / "image")
        image_tools.unpack(cls.work / "image" / "oci", cls.work / "root")
        cls.cluster = cls.enterClassContext(ReachableControlPlane())
        cls.cluster.failed = True
        cls.kubelet = HollowKubelet(cls.cluster, "worker", cls.work / "root", os.environ["SPILLWAY_INSTALL_TEST"] == "root")
        cls.kubelet.register()

    def run(self, result=None):
        """The tests are steps of one story: after the first failure the rest would only repeat it."""
        bad = len(result.failures) + len(result.errors)
        if bad:
            result.addSkip(self, "an earlier step failed")
            return result
        super().run(result)
        type(self).cluster.failed = len(result.failures) + len(result.errors) > bad
        return result

    # ---------------------------------------------------------------------------------------------------- helpers

    def until(self, condition, what: str, seconds: float = SECONDS):
        """As wait_until, with the kubelet at work."""
        deadline = time.monotonic() + seconds
        while True:
            self.kubelet.sync()
            try:
                last = condition()
                if last:
                    return last
            except Exception as error:  # not yet
                last = error
            self.assertLess(time.monotonic(), deadline, f"not within {seconds} s: {what}; last answer: {last!r:.1500}")
            time.sleep(0.1)

    def helm(self, *arguments, fails: bool = False) -> str:
        command = [packaging_tools.tool("helm"), *arguments, "--namespace", HOME, "--kubeconfig", self.cluster.admin_kubeconfig]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.work)}
        with tempfile.TemporaryFile("w+") as out:
            with subprocess.Popen([str(c) for c in command], stdout=out, stderr=out, env=environment) as helm:
                try:
                    while helm.poll() is None:
                        self.kubelet.sync()
                        time.sleep(0.1)
                except BaseException:
                    helm.kill()
                    raise
            out.seek(0)
            said = out.read()
        self.assertEqual(helm.returncode != 0, fails, said)
        return said

    def pods(self, selector: str) -> list[dict]:
        return self.cluster.api.items("/api/v1/namespaces/default/pods", labelSelector=selector)

    def settled(self, selector: str, count: int) -> list[dict]:
        def check():
            pods = self.pods(selector)
            running = [p for p in pods if p["status"]["phase"] == "Running" and not p["metadata"].get("deletionTimestamp")]
            return len(pods) == len(running) == count and pods
        return self.until(check, f"{count} Pods {selector} running")

    def events(self, reason: str) -> list[dict]:
        return [e for e in self.cluster.api.items("/apis/events.k8s.io/v1/events") if e["reason"] == reason]

    def nodes(self) -> dict[str, dict]:
        return {n["metadata"]["name"]: n for n in self.cluster.api.items("/api/v1/nodes")}

    # ------------------------------------------------------------------------------------------------------ the story

    def test_0_the_plain_rendering_is_valid_to_the_letter(self):
        self.cluster.kubectl("create", "namespace", packaging_tools.NAMESPACE)
        for manifest in sorted((MANIFESTS / "yaml").glob("*.yaml")):
            self.cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(manifest))
        self.cluster.kubectl("delete", "namespace", packaging_tools.NAMESPACE)

    def test_1_installs_with_nothing_set(self):
        """Where Pod Security lets in only what is restricted."""
        self.cluster.kubectl("create", "namespace", HOME)
        self.cluster.kubectl("label", "namespace", HOME, "pod-security.kubernetes.io/enforce=restricted")
        said = self.helm("install", RELEASE, CHART, "--wait", "--timeout=90s")
        self.assertIn("nothing runs behind the simulated virtual nodes", said)
        node = self.until(lambda: self.nodes()[SIMULATED], "the virtual node")
        self.assertIn({"key": "spillway.io/simulated", "value": "simulated", "effect": "NoSchedule"}, node["spec"]["taints"])
        self.assertEqual({p["spec"]["nodeName"] for p in self.cluster.api.items(f"/api/v1/namespaces/{HOME}/pods")}, {"worker"})
        leader = self.cluster.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/spillway-controller")
        self.assertTrue(leader["spec"]["holderIdentity"])
        self.assertEqual(len(self.kubelet.running(f"{RELEASE}-spillway-controller")), 2)

    def test_2_helm_test_passes(self):
        said = self.helm("test", RELEASE, "--timeout=60s")
        self.assertRegex(said, r"Phase:\s+Succeeded")

    def test_3_pods_that_do_not_ask_stay_off_the_simulated_node(self):
        self.cluster.kubectl("apply", "-f", str(W1))
        event = self.until(lambda: self.events("OverflowNoCapacity"), "the event that says why")[0]
        self.assertIn("spillway.io/simulated", event["note"])
        self.assertFalse([p for p in self.pods("app=nginx") if p["spec"].get("nodeName") == SIMULATED])

    def test_4_after_an_upgrade_to_a_pool_for_all_w1_passes_and_the_other_node_is_gone(self):
        self.helm("upgrade", RELEASE, CHART, *OPEN, "--wait", "--timeout=200s")
        self.assertEqual(set(self.nodes()), {"worker", NODE})
        pods = self.settled("app=nginx", 4)
        where = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in pods}
        self.assertIn(NODE, where.values())
        moved = {e["regarding"]["name"] for e in self.events("OverflowScheduled")}
        self.assertEqual(moved, {name for name, node in where.items() if node == NODE})
        answer = self.cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{HOME}/services/http:{RELEASE}-spillway:metrics/proxy/explain/v1/"
                                      f"namespaces/default/pods/{next(iter(moved))}")
        self.assertEqual(json.loads(answer)["node"], NODE)
        self.assertIn("simulated", self.cluster.kubectl("logs", next(iter(moved))))

    def test_5_an_upgrade_during_a_burst_loses_nothing_and_doubles_nothing(self):
        self.cluster.kubectl("scale", "deployment", "nginx-autoscaler", "--replicas=40")
        self.helm("upgrade", RELEASE, CHART, *OPEN, "--set", "controller.logVerbosity=3", "--wait", "--timeout=120s")
        pods = self.settled("app=nginx", 40)
        times: dict[str, int] = {}
        for event in self.events("OverflowScheduled"):
            name = event["regarding"]["name"]
            times[name] = times.get(name, 0) + event.get("series", {}).get("count", 1)
        moved = {p["metadata"]["name"] for p in pods if p["spec"]["nodeName"] == NODE}
        self.assertEqual({times.get(name) for name in moved}, {1})
        self.assertGreater(len(moved), 30)
        self.assertEqual(self.instances(), {"creating": 0, "running": len(moved), "terminating": 0, "failed": 0})

    def instances(self) -> dict[str, int]:
        """By state, as the agent's metrics have them."""
        (agent,) = self.kubelet.running(NODE)
        with urllib.request.urlopen(f"http://{agent.address}:8080/metrics", timeout=10) as answer:
            return {state: int(count) for state, count in re.findall(r'^spillway_instances\{state="(\w+)"\} (\d+)', answer.read().decode(), re.M)}

    def test_6_uninstalling_while_something_runs_there_is_refused_and_a_rollback_takes_it_back(self):
        self.helm("upgrade", RELEASE, CHART, *OPEN, "--set", "safeRemoval.timeout=5s", "--wait", "--timeout=120s")
        said = self.helm("uninstall", RELEASE, "--timeout=60s", fails=True)
        self.assertIn("retire-all", said)
        self.assert_it_stays(f"{RELEASE}-spillway-retire-all")
        self.helm("rollback", RELEASE, "--wait", "--timeout=120s")
        self.assertIn("STATUS: deployed", self.helm("status", RELEASE))
        self.settled("app=nginx", 40)

    def test_7_so_is_an_upgrade_that_would_take_the_node_away(self):
        said = self.helm("upgrade", RELEASE, CHART, "--set-json", "virtualNodePools=[]", "--set", "safeRemoval.timeout=5s",
                         "--timeout=60s", fails=True)
        self.assertIn("pre-upgrade hooks failed", said)
        self.assert_it_stays(f"{RELEASE}-spillway-retire-")

    def assert_it_stays(self, job: str):
        self.assertRegex(self.kubelet.logs(job), rf"{NODE} still has \d+ Pods \(default/nginx-autoscaler-")
        self.assertFalse(self.nodes()[NODE]["spec"].get("unschedulable"))
        self.assertEqual(len(self.kubelet.running(NODE)), 1)
        self.assertEqual(len(self.kubelet.running(f"{RELEASE}-spillway-controller")), 2)

    def test_8_uninstalling_leaves_nothing_behind(self):
        self.helm("upgrade", RELEASE, CHART, *OPEN, "--wait", "--timeout=120s")
        self.cluster.kubectl("delete", "deployment", "nginx-autoscaler")
        self.until(lambda: not self.pods("app=nginx"), "the Deployment's Pods are gone")
        self.helm("uninstall", RELEASE, "--timeout=280s")
        self.until(lambda: set(self.nodes()) == {"worker"}, "the virtual node is gone")
        self.until(lambda: not self.cluster.api.items(f"/api/v1/namespaces/{HOME}/pods"), "the Pods are gone")
        self.assertEqual(self.everything_of_the_release(), [])

    def everything_of_the_release(self) -> list[str]:
        """All objects of the cluster that have the release's label or name, but events."""
        kinds = self.cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
        listed = self.cluster.kubectl("get", ",".join(k for k in kinds if not k.startswith("events")), "-A", "-o", "json")
        found = []
        for each in json.loads(listed)["items"]:
            name, labels = each["metadata"]["name"], each["metadata"].get("labels", {})
            if RELEASE in name or labels.get("app.kubernetes.io/instance") == RELEASE or "spillway" in name:
                found.append(f"{each['kind']} {each['metadata'].get('namespace', '')}/{name}")
        return found


    def test_9_nothing_was_granted_in_vain(self):
        """Each right of each identity was used in this story, by the API server's audit log, but for those named here."""
        self.assertLessEqual(self.granted() - self.used(), RIGHTS_OF_OTHER_STORIES)

    def granted(self) -> set[tuple]:
        """(ServiceAccount, verb, resource) by the roles that the chart makes and binds."""
        everything = packaging_tools.objects(packaging_tools.render(*OPEN, release=RELEASE, namespace=HOME).stdout)
        rules = {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o["rules"] for o in everything if o["kind"].endswith("Role")}
        rights = set()
        for binding in (o for o in everything if o["kind"].endswith("Binding")):
            role = binding["roleRef"]
            namespace = binding["metadata"].get("namespace") if role["kind"] == "Role" else None
            for rule in rules.get((role["kind"], namespace, role["name"]), []):  # some are the cluster's own
                rights |= {(binding["subjects"][0]["name"], verb, resource) for resource in rule["resources"] for verb in rule["verbs"]}
        return rights

    def used(self) -> set[tuple]:
        rights = set()
        for line in (self.cluster.directory / "audit.log").read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            what = event.get("objectRef", {})
            if what.get("resource") and event["responseStatus"]["code"] != 403:
                resource = "/".join(part for part in (what["resource"], what.get("subresource")) if part)
                rights.add((event["user"]["username"].rpartition(":")[2], event["verb"], resource))
        return rights


if __name__ == "__main__":
    enter_namespace()
    unittest.main(verbosity=2)
