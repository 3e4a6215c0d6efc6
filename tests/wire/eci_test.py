#!/usr/bin/env python3
"""`spillway agent --provider=alibabacloud` as it runs in production, but for the cloud: an API server, the ECI emulator behind HTTP, and
the environment of virtual-kubelet's deployments."""

import json
import sys
import unittest

from cloud_case import NODE, PODS, CloudCase, pod


class Eci(CloudCase):
    SERVER, PROVIDER, ENDPOINT, FLAGS = "ECI_SERVER", "alibabacloud", "eci-endpoint", []
    ENVIRONMENT = {"ECI_REGION": "cn-emulated", "ECI_VSWITCH": "vsw-a,vsw-b", "ECI_SECURITY_GROUP": "sg-1", "ECI_QUOTA_POD": "2501",
                   "ECI_ACCESS_KEY": "emulated-key", "ECI_SECRET_KEY": "emulated-secret"}

    def test_a_pod_comes_runs_and_goes(self):
        self.start_agent()
        self.ask("POST", PODS, pod("web"))
        running = self.wait_for_phase("web", "Running")
        self.assertTrue(running["status"]["podIP"].startswith("10.77."))
        node = self.ask("GET", f"/api/v1/nodes/{NODE}")
        self.assertEqual((node["spec"]["taints"][0]["value"], node["status"]["capacity"]["pods"]), ("alibabacloud", "2501"))
        self.assertNotIn("startupProbe", node["metadata"]["annotations"]["spillway.io/capabilities"].split(","))
        audit = self.audit()
        self.assertEqual(audit.returncode, 0, audit.stderr)
        self.assertEqual(json.loads(audit.stdout)["instances"], 1)
        self.ask("DELETE", f"{PODS}/web")
        self.until(lambda: self.sandbox.get(f"{PODS}/web")[0], lambda status: status == 404)
        self.until(lambda: json.loads(self.audit().stdout)["instances"], lambda count: count == 0)

    def test_the_node_says_prices_and_the_pod_what_it_costs(self):
        self.start_agent()
        annotations = self.until(lambda: self.sandbox.get(f"/api/v1/nodes/{NODE}")[1].get("metadata", {}).get("annotations", {}),
                                 lambda seen: "spillway.io/price-per-cpu-hour" in seen and "spillway.io/quota" in seen)
        self.assertEqual((annotations["spillway.io/price-per-cpu-hour"], annotations["spillway.io/price-per-gib-hour"]), ("0.1764", "0.022068"))
        source = json.loads(annotations["spillway.io/price-source"])
        self.assertEqual((source["source"], source["currency"]), ("DescribeContainerGroupPrice", "CNY"))
        self.assertEqual(json.loads(annotations["spillway.io/stock"]), [])
        self.assertEqual(json.loads(annotations["spillway.io/quota"])["cpu"]["limit"], 100000)
        self.ask("POST", PODS, pod("web"))
        told = self.wait_for_phase("web", "Running")["metadata"]["annotations"]
        self.assertEqual((told["spillway.io/billed-size"], told["spillway.io/price-per-hour"]), ("cpu=1,memory=2Gi", "0.220536"))
        cost = 'spillway_instance_cost_per_hour{provider="alibabacloud"}'
        self.assertEqual(self.until(lambda: self.metric(cost), bool), 0.220536)
        self.ask("DELETE", f"{PODS}/web")
        self.until(lambda: self.metric(cost), lambda seen: seen == 0)
        self.assertGreater(self.metric('spillway_instance_cost_total{provider="alibabacloud"}'), 0)

    def test_a_job_ends_as_its_command_does(self):
        self.start_agent()
        job = pod("job", restartPolicy="Never")
        job["spec"]["containers"][0]["command"] = ["sh", "-c", "sleep 0.3; exit 3"]
        self.ask("POST", PODS, job)
        failed = self.wait_for_phase("job", "Failed")
        self.assertEqual(failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3)

    def test_what_the_cloud_refuses_is_told_with_its_code_its_request_and_the_next_step(self):
        self.steer({"in_arrears": True})
        self.start_agent()
        self.ask("POST", PODS, pod("web"))
        note = self.until(lambda: self.events("InstanceCreateFailed"), bool)[0]
        self.assertRegex(note, r"\[quota\] CreateContainerGroup: Account.Arrearage: .*; pay the account's bill \(request REQ-\d+\)")
        self.steer({})
        self.wait_for_phase("web", "Running")

    def test_wrong_keys_are_told_and_never_shown(self):
        self.start_agent(ECI_SECRET_KEY="not-the-secret")
        self.until(self.log, lambda log: "SignatureDoesNotMatch" in log)
        self.assertIn("check the AccessKey secret", self.log())
        self.assertNotIn("not-the-secret", self.log())


if __name__ == "__main__":
    sys.exit(unittest.main())
