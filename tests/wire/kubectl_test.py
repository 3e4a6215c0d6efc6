#!/usr/bin/env python3
"""Stock kubectl on the sandbox's API server, over HTTPS."""

import json
import os
import subprocess
import unittest
from pathlib import Path

from processes import DEADLINE, Sandbox, find_kubectl

KUBECTL = find_kubectl()

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: nginx, image: "nginx:1", ports: [{containerPort: 80}]}
      - {name: side, image: "side:1"}
"""


def node(name, cpu="4"):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"node-role.kubernetes.io/worker": ""}},
        "status": {
            "capacity": {"cpu": cpu, "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Debian", "kernelVersion": "6.1",
                         "containerRuntimeVersion": "containerd://2.1"},
        },
    }


def pod(name, **labels):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
    }


class KubectlCase(unittest.TestCase):
    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox(*cls.flags)
        # A home of its own: discovery is cached by server address, and ports are used again.
        cls.env = {**os.environ, "KUBECONFIG": str(cls.sandbox.kubeconfig), "HOME": cls.sandbox.folder.name}

    @classmethod
    def tearDownClass(cls):
        code = cls.sandbox.stop()
        assert code == 0, f"the sandbox ended with {code}"

    def run_kubectl(self, *words, stdin=None):
        if isinstance(stdin, dict):
            stdin = json.dumps(stdin)
        return subprocess.run([KUBECTL, *words], input=stdin, env=self.env, text=True, timeout=DEADLINE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kubectl(self, *words, stdin=None):
        """The output of a command that must succeed."""
        done = self.run_kubectl(*words, stdin=stdin)
        self.assertEqual(done.returncode, 0, f"kubectl {' '.join(words)}: {done.stderr}")
        return done.stdout

    def refusal(self, *words, stdin=None):
        """What a command that must fail says."""
        done = self.run_kubectl(*words, stdin=stdin)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": list(objects)})

    def bind(self, name, to):
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": {"kind": "Node", "name": to}}
        path = Path(self.sandbox.folder.name) / "binding.json"
        path.write_text(json.dumps(binding))
        self.kubectl("create", "--raw", f"/api/v1/namespaces/default/pods/{name}/binding", "-f", str(path))


class OnAnEmptyCluster(KubectlCase):
    def tearDown(self):
        self.kubectl("delete", "deploy,jobs,pods,cm,svc,pdb,events", "--all", "--force", "--grace-period=0")
        self.kubectl("delete", "nodes", "--all")

    def test_apply_creates_then_updates_then_leaves_alone(self):
        self.assertIn("deployment.apps/web created", self.kubectl("apply", "-f", "-", stdin=WEB))
        self.assertIn("unchanged", self.kubectl("apply", "-f", "-", stdin=WEB))
        newer = WEB.replace("nginx:1", "nginx:2").replace('      - {name: side, image: "side:1"}\n', "")
        self.assertIn("configured", self.kubectl("apply", "-f", "-", stdin=newer))
        web = self.get("deploy", "web")
        self.assertEqual([c["image"] for c in web["spec"]["template"]["spec"]["containers"]], ["nginx:2"])
        self.assertEqual(web["metadata"]["generation"], 2)

    def test_server_side_apply(self):
        self.assertIn("serverside-applied", self.kubectl("apply", "--server-side", "-f", "-", stdin=WEB))
        self.assertIn("serverside-applied", self.kubectl("apply", "--server-side", "-f", "-", stdin=WEB.replace("replicas: 3", "replicas: 5")))
        self.assertEqual(self.get("deploy", "web")["spec"]["replicas"], 5)

    def test_a_dry_run_changes_nothing(self):
        self.assertIn("created (server dry run)", self.kubectl("apply", "--dry-run=server", "-f", "-", stdin=WEB))
        self.assertIn("not found", self.refusal("get", "deploy", "web"))

    def test_what_kubectl_builds_itself(self):
        self.kubectl("create", "deployment", "made", "--image=nginx:1", "--replicas=2", "--port=80")
        self.kubectl("create", "job", "pi", "--image=perl", "--", "perl", "-e", "print")
        self.kubectl("create", "configmap", "c", "--from-literal=a=b")
        self.kubectl("create", "pdb", "made", "--selector=app=made", "--min-available=50%")
        self.kubectl("create", "service", "clusterip", "made", "--tcp=80:8080")
        self.kubectl("run", "one", "--image=nginx:1")
        self.kubectl("create", "namespace", "built")
        self.kubectl("delete", "namespace", "built")
        self.assertEqual(self.get("deploy", "made")["spec"]["replicas"], 2)
        self.assertEqual(self.get("job", "pi")["spec"]["template"]["spec"]["containers"][0]["command"], ["perl", "-e", "print"])
        self.assertEqual(self.get("cm", "c")["data"], {"a": "b"})
        self.assertEqual(self.get("pdb", "made")["spec"]["minAvailable"], "50%")
        self.assertEqual(self.get("svc", "made")["spec"]["ports"][0]["targetPort"], 8080)

    def test_tables(self):
        self.apply(node("n1"), pod("p"))
        lines = self.kubectl("get", "pods", "-o", "wide").splitlines()
        self.assertRegex(lines[0], r"NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES")
        self.assertRegex(lines[1], r"p +0/1 +Pending +0 +\d+s +<none> +<none> +<none> +<none>")
        lines = self.kubectl("get", "nodes", "-o", "wide").splitlines()
        self.assertRegex(lines[0], r"NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME")
        self.assertRegex(lines[1], r"n1 +Ready +worker +\d+s +v1.36.0 +10.0.0.1 +<none> +Debian +6.1 +containerd://2.1")
        self.assertEqual(self.kubectl("get", "pods", "-o", "name"), "pod/p\n")
        self.assertIn("pod/p", self.kubectl("get", "all"))

    def test_selectors(self):
        self.apply(pod("a", app="web"), pod("b", app="db"))
        self.bind("b", "n1")
        self.assertEqual(self.kubectl("get", "pods", "-l", "app=web", "-o", "name"), "pod/a\n")
        self.assertEqual(self.kubectl("get", "pods", "-A", "--field-selector=spec.nodeName=n1", "-o", "name"), "pod/b\n")
        self.assertIn("field label not supported: foo", self.refusal("get", "pods", "--field-selector=foo=bar"))

    def test_small_changes(self):
        self.apply(node("n1"), pod("p"))
        self.kubectl("apply", "-f", "-", stdin=WEB)
        self.kubectl("scale", "deploy/web", "--replicas=7")
        self.kubectl("label", "pod", "p", "a=b")
        self.kubectl("annotate", "pod", "p", "c=d")
        self.kubectl("taint", "node", "n1", "spot=true:NoSchedule")
        self.kubectl("cordon", "n1")
        self.kubectl("set", "image", "deploy/web", "side=side:2")
        self.assertEqual(self.get("deploy", "web")["spec"]["replicas"], 7)
        self.assertEqual([c["image"] for c in self.get("deploy", "web")["spec"]["template"]["spec"]["containers"]], ["nginx:1", "side:2"])
        metadata = self.get("pod", "p")["metadata"]
        self.assertEqual((metadata["labels"], metadata["annotations"]["c"]), ({"a": "b"}, "d"))
        self.assertIn("Ready,SchedulingDisabled", self.kubectl("get", "node", "n1"))
        self.kubectl("uncordon", "n1")
        self.kubectl("taint", "node", "n1", "spot-")
        # What a new Node gets at admission stays: there is no node controller here to find it ready.
        self.assertEqual([taint["key"] for taint in self.get("node", "n1")["spec"]["taints"]], ["node.kubernetes.io/not-ready"])

    def test_watching(self):
        watch = subprocess.Popen([KUBECTL, "get", "pods", "-w", "--no-headers"], env=self.env, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.apply(pod("p"))
            self.assertRegex(watch.stdout.readline(), r"p +0/1 +Pending")
            self.kubectl("patch", "pod", "p", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Running"}}')
            self.assertRegex(watch.stdout.readline(), r"p +0/1 +Running")
        finally:
            watch.terminate()
            watch.communicate()

    def test_rollout_status_and_wait_follow_the_status(self):
        self.kubectl("apply", "-f", "-", stdin=WEB)
        wait = subprocess.Popen([KUBECTL, "rollout", "status", "deploy/web", "--timeout=50s"], env=self.env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertIn("Waiting for", wait.stdout.readline())
        status = {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
                  "conditions": [{"type": "Available", "status": "True"}]}
        self.kubectl("patch", "deploy", "web", "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        self.assertIn("successfully rolled out", wait.communicate(timeout=DEADLINE)[0])
        self.assertIn("condition met", self.kubectl("wait", "deploy/web", "--for=condition=Available", "--timeout=50s"))

    def test_describe_shows_events_in_both_dialects(self):
        self.apply(pod("p"))
        uid = self.get("pod", "p")["metadata"]["uid"]
        about = {"kind": "Pod", "namespace": "default", "name": "p", "uid": uid, "apiVersion": "v1"}
        moment = "2026-01-01T00:00:00.000000Z"
        self.apply({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "new"}, "eventTime": moment,
                    "reportingController": "spillway.io/controller", "reportingInstance": "c-0", "action": "Binding",
                    "reason": "OverflowScheduled", "regarding": about, "note": "0/12 real nodes fit", "type": "Normal"},
                   {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "old"}, "involvedObject": about,
                    "reason": "FailedScheduling", "message": "no node", "type": "Warning", "count": 1,
                    "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z"})
        described = self.kubectl("describe", "pod", "p")
        self.assertRegex(described, r"Normal +OverflowScheduled .*spillway.io/controller +0/12 real nodes fit")
        self.assertRegex(described, r"Warning +FailedScheduling .*no node")
        self.assertIn("pod/p", self.kubectl("get", "events"))

    def test_drain_evicts_and_deleting_is_graceful(self):
        self.apply(node("n1"), pod("p"))
        self.bind("p", "n1")
        self.assertIn("drain", self.refusal("drain", "n1", "--force", "--timeout=1s"))  # nothing here stops the Pod
        self.assertRegex(self.kubectl("get", "pods"), r"p +0/1 +Terminating")
        self.kubectl("delete", "pod", "p", "--force", "--grace-period=0")
        self.assertIn("drained", self.kubectl("drain", "n1", "--timeout=20s"))

    def test_refusals_in_the_words_of_a_real_cluster(self):
        self.assertIn('pods "nope" not found', self.refusal("get", "pod", "nope"))
        self.assertIn("spec.containers: Required value",
                      self.refusal("create", "-f", "-", stdin={**pod("p"), "spec": {"containers": []}}))
        self.apply(pod("p"))
        self.assertIn('pods "p" already exists', self.refusal("create", "-f", "-", stdin=pod("p")))
        stale = {**pod("p"), "metadata": {"name": "p", "resourceVersion": "1"}}
        self.assertIn("the object has been modified", self.refusal("replace", "-f", "-", stdin=stale))
        self.assertIn("is invalid", self.refusal("patch", "pod", "p", "-p", '{"spec":{"nodeName":"n9"}}'))

    def test_what_there_is(self):
        resources = self.kubectl("api-resources", "--no-headers")
        for kind in ("Pod", "Deployment", "Job", "Lease", "PodDisruptionBudget", "CSINode", "PriorityClass"):
            self.assertRegex(resources, rf"\b{kind}\n")
        self.assertIn("v1.36.0+spillway-sandbox", self.kubectl("version"))
        self.assertEqual(self.kubectl("auth", "can-i", "create", "pods"), "yes\n")
        self.assertEqual(self.kubectl("get", "--raw", "/readyz"), "ok")

    def test_nobody_gets_in_without_a_certificate(self):
        config = self.sandbox.kubeconfig.read_text()
        stripped = "\n".join(line for line in config.splitlines() if "client-" not in line)
        path = Path(self.sandbox.folder.name) / "stripped"
        path.write_text(stripped)
        self.assertNotEqual(self.run_kubectl("get", "pods", f"--kubeconfig={path}").returncode, 0)


class OnASyntheticCluster(KubectlCase):
    flags = ("--nodes=20", "--pods=600")

    def test_pages_are_the_whole_list(self):
        names = self.kubectl("get", "pods", "-A", "--chunk-size=70", "--no-headers", "-o", "custom-columns=N:.metadata.name").split()
        self.assertEqual((len(names), len(set(names))), (600, 600))

    def test_it_looks_lived_in(self):
        on_node = self.kubectl("get", "pods", "-A", "--field-selector=spec.nodeName=node-00003", "--no-headers").splitlines()
        self.assertEqual(len(on_node), 30)
        self.assertRegex(on_node[0], r"1/1 +Running +0 ")
        self.assertRegex(self.kubectl("describe", "node", "node-00003"), r"cpu +7500m")
        self.assertEqual(len(self.kubectl("get", "rs", "-A", "--no-headers").splitlines()), 12)


if __name__ == "__main__":
    unittest.main(verbosity=2)
