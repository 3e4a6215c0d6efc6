#!/usr/bin/env python3
"""The chart: what `helm` makes of it, and what checkers of other people say."""

import functools
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from packaging_tools import CHART, EXAMPLES, MANIFESTS, REPOSITORY, binary, named, objects, pod_specs, render, run, tool

VERSIONS = ("1.27", "1.30", "1.33", "1.36")
# Custom resources, of which kubernetes-validate has no schema.
OPERATOR = "monitoring.coreos.com/v1"


@functools.cache
def rendered(values: pathlib.Path | None = None, *options, **more) -> str:
    done = render(f"--api-versions={OPERATOR}", *options, values=values, **more)
    if done.returncode != 0:
        raise AssertionError(f"helm template {values}: {done.stderr}")
    return done.stdout


class Rendering(unittest.TestCase):
    def test_lint_finds_nothing(self):
        for values in (None, *EXAMPLES):
            with self.subTest(values=values and values.name):
                done = run(tool("helm"), "lint", "--strict", CHART, *(["--values", values] if values else []))
                # helm lint knows no --api-versions: what needs the operator is refused there, as it should be.
                if values and "enabled: true" in values.read_text(encoding="utf-8") and OPERATOR in done.stdout:
                    continue
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_all_examples_are_valid_to_the_letter_on_each_kubernetes(self):
        from kubernetes_validate import validate
        checked = 0
        for values in (None, *EXAMPLES):
            for version in VERSIONS:
                for each in objects(rendered(values, kubernetes=version)):
                    if each["apiVersion"] == OPERATOR:
                        continue
                    with self.subTest(values=values and values.name, kubernetes=version, object=each["metadata"]["name"]):
                        validate(each, version, strict=True)
                        checked += 1
        self.assertGreater(checked, 1000)

    def test_any_release_name_in_any_namespace(self):
        for release, namespace in (("x", "default"), ("a" * 53, "kube-system"), ("my-spillway", "n" * 63), ("spillway", "ops")):
            with self.subTest(release=release):
                for each in objects(rendered(None, release=release, namespace=namespace)):
                    self.assertLessEqual(len(each["metadata"]["name"]), 63)
                    if each["kind"] == "StatefulSet":  # its Pods have a label of that and a hash
                        self.assertLessEqual(len(each["metadata"]["name"]), 52)
                    home = each["metadata"].get("namespace", namespace)
                    self.assertIn(home, (namespace, "kube-system", "kube-node-lease"))

    def test_no_line_ends_in_blanks(self):
        for values in (None, *EXAMPLES):
            self.assertEqual([line for line in rendered(values).splitlines() if line != line.rstrip()], [])

    def test_every_flag_is_one_of_the_binary(self):
        known = {}
        for values in (None, *EXAMPLES):
            for name, spec in pod_specs(objects(rendered(values))).items():
                for container in spec["containers"]:
                    words = [argument for argument in container["args"] if not argument.startswith("-")]
                    command = tuple(words[:2] if words[0] in ("agent", "gates") else words[:1])
                    if command not in known:
                        known[command] = set(re.findall(r"^  --([\w-]+)", run(binary(), *command, "--help").stdout, re.MULTILINE))
                    flags = {re.match(r"--([\w-]+)=", a)[1] for a in container["args"] if a.startswith("-")}
                    self.assertLessEqual(flags, known[command], f"{values and values.name}: {name}")

    def test_images_are_as_told(self):
        for options, image in ((["--set", "image.registry="], "spillway:0.1.0"),
                               (["--set-string", "image.registry=r.example.com,image.tag=9"], "r.example.com/spillway:9"),
                               (["--set", "image.digest=sha256:" + "a" * 64], "registry.spillway.io/spillway@sha256:" + "a" * 64)):
            images = {c["image"] for spec in pod_specs(objects(rendered(None, *options))).values() for c in spec["containers"]}
            self.assertEqual(images, {image})

    def test_every_pod_is_restricted(self):
        """Pod Security Standards, level restricted, by their text."""
        for values in (None, *EXAMPLES):
            for name, spec in pod_specs(objects(rendered(values))).items():
                with self.subTest(values=values and values.name, pod=name):
                    self.assertFalse({"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec))
                    self.assertEqual(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
                    self.assertFalse(spec["automountServiceAccountToken"])
                    self.assertLessEqual({next(k for k in v if k != "name") for v in spec.get("volumes", [])},
                                         {"configMap", "secret", "emptyDir", "projected"})
                    for container in spec["containers"]:
                        context = container["securityContext"]
                        self.assertTrue(context["runAsNonRoot"] and context["readOnlyRootFilesystem"])
                        self.assertFalse(context["allowPrivilegeEscalation"])
                        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                        self.assertGreater(context["runAsUser"], 10000)

    def test_no_pod_goes_to_a_virtual_node(self):
        for name, spec in pod_specs(objects(rendered())).items():
            terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
            self.assertIn({"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}, terms[0]["matchExpressions"], name)

    def test_what_is_published_is_what_is_generated(self):
        done = run(tool("python3"), "-B", MANIFESTS / "generate", "--check")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Permissions(unittest.TestCase):
    def rules(self, all_objects: list[dict]) -> dict[str, set]:
        """Role -> (group, resource, name, verb) that it grants."""
        granted = {}
        for each in all_objects:
            if each["kind"] in ("Role", "ClusterRole"):
                granted.setdefault(re.sub("^spillway-", "", each["metadata"]["name"]), set()).update({
                    (group, resource, name, verb) for rule in each["rules"] for group in rule["apiGroups"]
                    for resource in rule["resources"] for name in rule.get("resourceNames", [""]) for verb in rule["verbs"]})
        return granted

    def test_they_are_those_of_manifests_rbac(self):
        """Those are what the control plane's tests hold the identities to."""
        import yaml
        plain = [o for file in ("controller", "agent") for o in
                 yaml.safe_load_all((MANIFESTS / "rbac" / f"{file}.yaml").read_text(encoding="utf-8"))]
        theirs, ours = self.rules(plain), self.rules(objects(rendered()))
        for role in theirs:
            self.assertEqual(ours[role.replace("agent", "virtual-node")], theirs[role], role)

    def test_a_dry_run_may_write_nothing_but_events(self):
        rules = self.rules(objects(rendered(CHART / "examples" / "dry-run.yaml")))
        writes = {right for right in rules["controller"] if right[3] not in ("get", "list", "watch")}
        self.assertEqual({(group, resource) for group, resource, _, _ in writes}, {("events.k8s.io", "events")})
        self.assertNotIn("controller-leader-election", rules)

    def test_nobody_lists_secrets_and_the_controller_reads_none(self):
        own = "spillway-webhook-ca"  # the webhook's, and all that it may see
        allowed = {"virtual-node-pod-inputs": {("", "get")}, "removal": {(own, "delete")},
                   "webhook": {("", "create"), *((own, verb) for verb in ("get", "list", "watch", "update"))}}
        for values in (None, *EXAMPLES):
            for role, rights in self.rules(objects(rendered(values))).items():
                secrets = {(name, verb) for _, resource, name, verb in rights if resource in ("secrets", "*")}
                self.assertLessEqual(secrets, allowed.get(role, set()), f"{values}: {role}")

    def test_pods_are_patched_only_where_gates_are_used(self):
        for values, roles in ((None, set()), (CHART / "examples" / "webhook.yaml", {"controller-gates", "gates", "removal"})):
            everything = self.rules(objects(rendered(values)))
            self.assertEqual({role for role, rights in everything.items() if ("", "pods", "", "patch") in rights}, roles)
        self.assertNotIn("controller-gates", self.rules(objects(rendered(
            CHART / "examples" / "dry-run.yaml", "--set", "webhook.enabled=true"))))

    def test_a_key_that_is_given_as_a_value_is_in_a_secret_only(self):
        everything = objects(rendered(CHART / "examples" / "tke-resilience.yaml", "--set", "cloud.secretID=AKIDx,cloud.secretKey=SECRETx"))
        holders = [f"{each['kind']}/{each['metadata']['name']}" for each in everything
                   if "AKIDx" in json.dumps(each) or "SECRETx" in json.dumps(each)]
        self.assertEqual(holders, ["Secret/spillway-cloud-key"])

    def test_namespaces_narrow_what_agents_read(self):
        everything = objects(rendered(CHART / "examples" / "limited-namespaces.yaml"))
        self.assertFalse([o for o in everything if o["kind"] == "ClusterRoleBinding" and "pod-inputs" in o["metadata"]["name"]])
        homes = {o["metadata"]["namespace"] for o in everything if o["kind"] == "RoleBinding" and "pod-inputs" in o["metadata"]["name"]}
        self.assertEqual(homes, {"shop", "batch"})

    def test_agents_with_a_kubelets_identity_use_no_service_account(self):
        spec = pod_specs(objects(rendered(CHART / "examples" / "kubelet-identity.yaml")))["StatefulSet/spillway-edge"]
        self.assertNotIn("serviceAccountName", spec)
        self.assertFalse([v for v in spec["volumes"] if "projected" in v])
        self.assertIn("--kubeconfig=/etc/spillway/identity/$(POD_NAME).kubeconfig", spec["containers"][0]["args"])


class Removal(unittest.TestCase):
    def test_hooks_are_there_even_without_pools(self):
        """An upgrade that takes the last pool away is the one that must be guarded."""
        for values in (None, CHART / "examples" / "minimal.yaml"):
            hooks = {o["metadata"]["annotations"]["helm.sh/hook"] for o in objects(rendered(values)) if o["kind"] == "Job"}
            self.assertEqual(hooks, {"pre-delete", "post-delete", "pre-upgrade,pre-rollback", "post-upgrade,post-rollback"})

    def test_an_upgrade_keeps_what_the_new_values_have(self):
        everything = objects(rendered(CHART / "examples" / "high-availability.yaml"))
        arguments = named(everything, "Job", "spillway-retire")["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertIn("--keep=spillway-simulated-0,spillway-simulated-1", arguments)
        arguments = named(everything, "Job", "spillway-retire-all")["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertFalse([a for a in arguments if a.startswith("--keep")])

    def test_the_last_hook_needs_nothing_of_the_release(self):
        """By then all of it is gone but the hooks' own objects: a PriorityClass, a ConfigMap or a Role would lack."""
        everything = objects(rendered())
        gone = {o["metadata"]["name"] for o in everything if "helm.sh/hook" not in o["metadata"].get("annotations", {})}
        spec = pod_specs(everything)["Job/spillway-forget-all"]
        needed = {spec["serviceAccountName"], spec.get("priorityClassName"), *(s["name"] for s in spec.get("imagePullSecrets", []))}
        self.assertEqual(needed & gone, set())

    def test_nothing_has_a_finalizer(self):
        for values in (None, *EXAMPLES):
            self.assertNotIn("finalizers", rendered(values))


# A pool in a cloud, as --set has it.
CLOUD = ("virtualNodePools[0].name=a,virtualNodePools[0].provider=alibabacloud,virtualNodePools[0].eci.region=cn-hangzhou,"
         "virtualNodePools[0].eci.vSwitches={vsw-a},virtualNodePools[0].eci.securityGroup=sg-1")


class BadInput(unittest.TestCase):
    def refused(self, *options, kubernetes: str = "1.36", values: pathlib.Path | None = None) -> str:
        done = render(*options, kubernetes=kubernetes, values=values)
        self.assertNotEqual(done.returncode, 0, f"{options} was taken")
        return done.stderr

    def test_wrong_values_are_refused_with_their_path(self):
        for setting, told in (
                ("controller.replicas=3", r"controller.*[Aa]dditional propert.*'?replicas'?"),
                ("controller.replicaCount=two", r"controller/replicaCount"),
                ("controller.trigger=always", r"controller/trigger"),
                ("controller.pendingGrace=2", r"controller/pendingGrace"),
                ("virtualNodePools[0].provider=aws,virtualNodePools[0].name=a", r"virtualNodePools/0/provider"),
                ("virtualNodePools[0].name=Not_A_Name,virtualNodePools[0].provider=simulated", r"virtualNodePools/0/name"),
                ("virtualNodePools[0].name=a,virtualNodePools[0].provider=alibabacloud", r"virtualNodePools/0'?: .*eci"),
                ("virtualNodePools[0].name=a,virtualNodePools[0].provider=tencentcloud", r"virtualNodePools/0'?: .*eksci"),
                (f"{CLOUD},virtualNodePools[0].eci.securityGroup=", r"virtualNodePools/0/eci/securityGroup"),
                (f"{CLOUD},virtualNodePools[0].eci.vSwitches={{{','.join(f'vsw-{n}' for n in range(11))}}}", r"virtualNodePools/0/eci/vSwitches"),
                (f"{CLOUD},virtualNodePools[0].eksci.region=x", r"virtualNodePools/0/eksci"),
                (f"{CLOUD},virtualNodePools[0].storage.size=1Gi", r"virtualNodePools/0/storage"),
                (f"{CLOUD},virtualNodePools[0].eci.region=", r"virtualNodePools/0/eci/region"),
                ("virtualNodePools[0].name=a,virtualNodePools[0].provider=simulated,virtualNodePools[0].credentials.existingSecret=s",
                 r"virtualNodePools/0/credentials"),
                ("image.digest=latest", r"image/digest"),
                ("cloud.subnets[0]=subnet-a", r"cloud/subnets/0"),
                ("cloud.subnets[0].id=a", r"cloud/subnets/0/id"),
                ("cloud.secretid=a", r"cloud.*[Aa]dditional propert.*'?secretid'?"),
                ("eklet.podusedapiserver=a", r"eklet.*[Aa]dditional propert.*'?podusedapiserver'?"),
                ("eklet.podUsedApiserver=http://a", r"eklet/podUsedApiserver"),
                ("webhook.replicas=3", r"webhook.*[Aa]dditional propert.*'?replicas'?"),
                ("webhook.adoptSchedulerNames={default-scheduler}", r"webhook/adoptSchedulerNames/0"),
                ("webhook.timeoutSeconds=60", r"webhook/timeoutSeconds")):
            with self.subTest(setting=setting):
                self.assertRegex(self.refused("--set", setting).replace("\n", " "), told)

    def test_a_pool_in_a_cloud_is_taken_as_the_form_says_it(self):
        """What questions.yaml asks for a provider is enough for its schema."""
        import yaml
        asked = yaml.safe_load((CHART / "questions.yaml").read_text(encoding="utf-8"))["questions"]
        answers = {"region": "r", "vSwitches[0]": "vsw-a", "securityGroup": "sg-1", "vpc": "vpc-1", "subnets[0]": "subnet-a", "securityGroups[0]": "sg-1",
                   "existingSecret": "key", "name": "a"}
        for provider in ("alibabacloud", "tencentcloud"):
            shown = [q["variable"] for q in asked if q["variable"].startswith("virtualNodePools") and provider in q.get("show_if", provider)]
            settings = {v: answers.get(v.rpartition(".")[2], "1") for v in shown} | {"virtualNodePools[0].provider": provider}
            done = render("--set", ",".join(f"{variable}={value}" for variable, value in settings.items()))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"--provider={provider}", done.stdout)

    def test_contradictions_are_refused_in_words(self):
        pool = "virtualNodePools[0].name=a,virtualNodePools[0].provider=simulated"
        self.assertIn("cannot have 2 replicas", self.refused("--set", f"{pool},virtualNodePools[0].nodeName=v,virtualNodePools[0].replicas=2"))
        self.assertIn("of the same name: v, v", self.refused(
            "--set", f"{pool},virtualNodePools[0].nodeName=v,virtualNodePools[1].name=b,virtualNodePools[1].provider=simulated,"
                     "virtualNodePools[1].nodeName=v"))
        self.assertIn("set virtualNodes.clusterID", self.refused("--set", f"{pool},virtualNodePools[0].identity.existingSecret=s"))

    def test_without_the_prometheus_operator_it_says_what_lacks(self):
        told = self.refused("--set", "metrics.serviceMonitor.enabled=true")
        self.assertIn("install the Prometheus Operator first", told)

    def test_an_old_kubernetes_is_refused(self):
        self.assertIn("kubeVersion: >=1.27.0-0", self.refused(kubernetes="1.26.9"))


class OtherPeoplesChecks(unittest.TestCase):
    # Why these do not hold, each for a reason.
    EXPLAINED = {
        "CKV_K8S_8": "probes: of the Pod of `helm test`, which runs once and ends",
        "CKV_K8S_9": "the same",
        "CKV_K8S_11": "no CPU limits: the kernel would throttle decisions in a burst, when they matter; requests are set",
        "CKV_K8S_155": "webhook configurations: the webhook tells its CA to the one that is its own, by name; without with cert-manager",
        "CKV_K8S_15": "pull policy Always: a tag of a release does not change, and nodes without the registry must still start Pods",
        "CKV_K8S_43": "a digest: image.digest is there for it; which it is depends on where one's image comes from",
    }

    def test_checkov_finds_nothing_that_is_not_explained(self):
        passed, failed = 0, []
        with tempfile.TemporaryDirectory() as directory:
            for values in (None, *EXAMPLES):
                path = pathlib.Path(directory) / ((values.stem if values else "default") + ".yaml")
                path.write_text(rendered(values), encoding="utf-8")
            done = run(tool("checkov"), "--directory", directory, "--framework", "kubernetes", "--skip-download", "--output", "json", "--compact")
            report = json.loads(done.stdout)
        passed = report["summary"]["passed"]
        failed = [c for c in report["results"]["failed_checks"] if c["check_id"] not in self.EXPLAINED]
        self.assertGreater(passed, 500)
        self.assertEqual([f"{c['check_id']} {c['check_name']}: {c['resource']} {c['file_path']}" for c in failed], [])
        idle = set(self.EXPLAINED) - {c["check_id"] for c in report["results"]["failed_checks"]}
        self.assertEqual(idle, set(), "explained, and passes: take it off the list")

    def test_unit_tests_of_the_chart_pass(self):
        done = run(tool("helm-unittest"), "--strict", CHART)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"Tests:\s+[1-9]\d* passed")

    def test_yamllint(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "rendered.yaml"
            path.write_text(rendered(), encoding="utf-8")
            files = [path, CHART / "Chart.yaml", CHART / "values.yaml", CHART / "questions.yaml", *EXAMPLES,
                     *(CHART / "alerts").glob("*.yaml"), *(MANIFESTS / "yaml").glob("*.yaml")]
            done = run(tool("yamllint"), "--strict", "--config-file", pathlib.Path(__file__).with_name("yamllint.yaml"), *files)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_shellcheck(self):
        listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.splitlines()
        scripts = [f for f in listed if (REPOSITORY / f).is_file() and re.match(rb"#!.*\b(ba)?sh\b", (REPOSITORY / f).read_bytes()[:40])]
        self.assertGreater(len(scripts), 5)
        done = run("shellcheck", "--severity=style", *scripts, cwd=REPOSITORY)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
