#!/usr/bin/env python3
"""`spillway agent --provider=tencentcloud` as it runs in production, but for the cloud: an API server, and the EKSCI emulator behind
HTTP."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

from cloud_case import NODE, PODS, CloudCase, pod
from processes import DEADLINE

# What admission adds; the sandbox has no controllers that would.
TOKEN = {"name": "kube-api-access-x7", "projected": {"sources": [
    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]}}


class Eksci(CloudCase):
    SERVER, PROVIDER, ENDPOINT = "EKSCI_SERVER", "tencentcloud", "eksci-endpoint"
    FLAGS = ["--eksci-vpc=vpc-1", "--eksci-subnets=subnet-a:ap-emulated-1,subnet-b", "--eksci-security-groups=sg-1"]
    ENVIRONMENT = {"TENCENTCLOUD_REGION": "ap-emulated", "TENCENTCLOUD_SECRET_ID": "emulated-id",
                   "TENCENTCLOUD_SECRET_KEY": "emulated-secret"}

    def test_prices_by_flags_are_told(self):
        self.FLAGS = [*self.FLAGS, "--price-per-cpu-hour=0.12", "--price-per-gib-hour=0.02"]
        self.start_agent()
        self.ask("POST", PODS, pod("web"))
        told = self.wait_for_phase("web", "Running")["metadata"]["annotations"]
        self.assertEqual((told["spillway.io/billed-size"], told["spillway.io/price-per-hour"]), ("cpu=1,memory=1Gi", "0.14"))
        annotations = self.ask("GET", f"/api/v1/nodes/{NODE}")["metadata"]["annotations"]
        self.assertEqual((annotations["spillway.io/price-per-cpu-hour"], annotations["spillway.io/price-source"]), ("0.12", '{"source":"flags"}'))
        self.assertEqual(self.until(lambda: self.metric('spillway_instance_cost_per_hour{provider="tencentcloud"}'), bool), 0.14)

    def test_a_pod_comes_runs_and_goes(self):
        self.start_agent()
        self.ask("POST", PODS, pod("web"))
        running = self.wait_for_phase("web", "Running")
        self.assertTrue(running["status"]["podIP"].startswith("10.78."))
        node = self.ask("GET", f"/api/v1/nodes/{NODE}")
        self.assertEqual(node["spec"]["taints"][0]["value"], "tencentcloud")
        features = node["metadata"]["annotations"]["spillway.io/capabilities"].split(",")
        self.assertIn("livenessProbe", features)
        for absent in ("configMap", "emptyDir", "envAddresses", "readinessProbe", "projected/kubeApiAccess"):
            self.assertNotIn(absent, features)
        audit = self.audit()
        self.assertEqual(audit.returncode, 0, audit.stderr)
        self.assertEqual(json.loads(audit.stdout)["instances"], 1)
        self.ask("DELETE", f"{PODS}/web")
        self.until(lambda: self.sandbox.get(f"{PODS}/web")[0], lambda status: status == 404)
        self.until(lambda: json.loads(self.audit().stdout)["instances"], lambda count: count == 0)

    def test_a_job_ends_as_its_command_does(self):
        self.start_agent()
        job = pod("job", restartPolicy="Never")
        job["spec"]["containers"][0]["command"] = ["sh", "-c", "sleep 0.3; exit 3"]
        self.ask("POST", PODS, job)
        failed = self.wait_for_phase("job", "Failed")
        self.assertEqual(failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3)

    def with_token(self, name):
        made = pod(name, volumes=[TOKEN])
        made["spec"]["containers"][0]["volumeMounts"] = [
            {"name": TOKEN["name"], "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}]
        return made

    def test_the_token_that_admission_adds_is_left_out_where_that_is_said(self):
        self.FLAGS = [*self.FLAGS, "--omit-api-token"]
        self.start_agent()
        self.ask("POST", PODS, self.with_token("web"))
        self.wait_for_phase("web", "Running")
        self.assertEqual(len(self.until(lambda: self.events("ApiTokenOmitted"), bool)), 1)

    def test_without_the_flag_such_a_pod_waits_with_a_reason(self):
        self.start_agent()
        self.ask("POST", PODS, self.with_token("web"))
        note = self.until(lambda: self.events("UnsupportedFeature"), bool)[0]
        self.assertIn("projected/kubeApiAccess", note)

    def test_what_the_cloud_refuses_is_told_with_its_code_its_request_and_the_next_step(self):
        self.steer({"in_arrears": True})
        self.start_agent()
        self.ask("POST", PODS, pod("web"))
        note = self.until(lambda: self.events("InstanceCreateFailed"), bool)[0]
        self.assertRegex(note, r"\[quota\] CreateEKSContainerInstances: FailedOperation.TradeInsufficientBalance: .*; pay the account's bill "
                               r"\(request REQ-\d+\)")
        self.steer({})
        self.wait_for_phase("web", "Running")

    def test_keys_from_files_are_read_again_and_never_shown(self):
        folder = Path(self.folder.name)
        (folder / "id").write_text("emulated-id\n")
        (folder / "key").write_text("not-the-secret\n")
        self.FLAGS = [*self.FLAGS, f"--eksci-secret-id-file={folder}/id", f"--eksci-secret-key-file={folder}/key"]
        self.start_agent()
        self.until(self.log, lambda log: "AuthFailure.SignatureFailure" in log)
        self.assertIn("check the SecretId and the SecretKey", self.log())
        self.assertNotIn("not-the-secret", self.log())
        (folder / "key").write_text("emulated-secret\n")
        self.ask("POST", PODS, pod("web"))
        self.wait_for_phase("web", "Running")

    def test_what_is_missing_is_said(self):
        for words, told in (([], "--eksci-vpc is required"), (["--eksci-limit-share=2"], "--eksci-limit-share=2: want more than 0, at most 1"),
                            (["--eksci-subnet-strategy=best"], "--eksci-subnet-strategy=best: want ordered or random"),
                            (["--eksci-endpoint=nowhere"], "--eksci-endpoint")):
            command = self.command("agent", f"--nodename={NODE}")
            if not words:
                command["args"] = [word for word in command["args"] if not word.startswith("--eksci-vpc")]
            command["args"] += words
            ran = subprocess.run(**command, capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual(ran.returncode, 2, ran.stderr)
            self.assertIn(told, ran.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
