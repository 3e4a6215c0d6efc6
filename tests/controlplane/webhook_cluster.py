"""A cluster whose administrator has installed the webhook too, as manifests/yaml/spillway-webhook.yaml has it."""

import base64
import dataclasses
import json
import urllib.request

from processes import Process, free_ports, wait_until
from spillway_cluster import MANIFESTS, NAMESPACE, UP_SECONDS, SpillwayCluster, binary, process_environment

RENDERED = MANIFESTS / "yaml" / "spillway-webhook.yaml"
CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/spillway-webhook"
ROLES = {f"spillway-{name}" for name in ("webhook", "webhook-schedulers", "gates", "controller-gates")}


@dataclasses.dataclass
class Webhook:
    process: Process
    health: str   # base URLs
    metrics: str

    def metric(self, name: str) -> float:
        """The sum of all series of that name, or the value of `name{labels}`."""
        lines = [line for line in _get(self.metrics + "/metrics").splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


class WebhookCluster(SpillwayCluster):
    """The roles and the MutatingWebhookConfiguration of the chart, the Service replaced by an address: nothing routes to
    Services here. Whether the controller could patch Pods before is in `could_patch_pods`."""

    def _install(self):
        super()._install()
        self.webhook_ports = dict(zip(("one", "other"), free_ports(2)))
        objects = json.loads(self.kubectl("apply", "--dry-run=client", "--output=json", f"--filename={RENDERED}"))["items"]
        configuration = next(o for o in objects if o["kind"] == "MutatingWebhookConfiguration")
        for each in configuration["webhooks"]:
            path = each["clientConfig"].pop("service")["path"]
            each["clientConfig"]["url"] = f"https://127.0.0.1:{self.webhook_ports['one']}{path}"
        roles = [o for o in objects if o["metadata"]["name"] in ROLES
                 and o["kind"] in ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")]
        self.could_patch_pods = self.may("spillway-controller", "patch", "pods")
        for each in (*roles, configuration):
            self.kubectl("apply", "--filename=-", stdin=json.dumps(each))
        self.webhook_kubeconfig = self.kubeconfig_for_service_account(NAMESPACE, "spillway-webhook")

    def may(self, account: str, verb: str, resource: str, name: str = "", namespace: str = "default") -> bool:
        """Whether a ServiceAccount of Spillway's may; `resource` as group/resource, or the core group's."""
        group, _, plural = resource.rpartition("/")
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": f"system:serviceaccount:{NAMESPACE}:{account}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"],
            "resourceAttributes": {"verb": verb, "group": group, "resource": plural, "name": name, "namespace": namespace}}}
        return self.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]

    def start_webhook(self, replica: str = "one", *flags: str) -> Webhook:
        """Returns when it is ready and kube-apiserver has been told its CA; kube-apiserver asks `one`."""
        health, metrics = (f"127.0.0.1:{port}" for port in free_ports(2))
        process = self.run(f"webhook-{replica}", [
            binary(), "webhook", f"--kubeconfig={self.webhook_kubeconfig}", f"--leader-elect-resource-namespace={NAMESPACE}",
            f"--webhook-bind-address=127.0.0.1:{self.webhook_ports[replica]}",
            f"--certificate-names=spillway-webhook.{NAMESPACE}.svc,127.0.0.1",
            f"--health-probe-bind-address={health}", f"--metrics-bind-address={metrics}", *flags], process_environment())
        webhook = Webhook(process, f"http://{health}", f"http://{metrics}")
        wait_until(lambda: _get(webhook.health + "/readyz"), f"webhook {replica} ready", UP_SECONDS, [process])
        wait_until(lambda: webhook.metric("spillway_webhook_ca_published") == 1, "its CA published", UP_SECONDS, [process])
        return webhook

    def told_ca(self) -> str:
        """What kube-apiserver trusts the webhook by, PEM."""
        (bundle,) = {w["clientConfig"].get("caBundle", "") for w in self.api.get(CONFIGURATION)["webhooks"]}
        return base64.b64decode(bundle).decode()


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()
