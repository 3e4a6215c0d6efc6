#!/usr/bin/env python3
"""The EKSCI emulator and the EKSCI provider, judged by the vendor's own SDK (tencentcloud-sdk-python-tke, pinned in eksci-sdk.txt): what
the emulator takes and gives is what the SDK knows, and what our provider sends is what the SDK would send, signed as it signs."""

import inspect
import json
import re
import sys
import time
import unittest
import warnings

from sdk_case import SdkCase, probe
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tke.v20180525 import models
from tencentcloud.tke.v20180525.tke_client import TkeClient

REGION = "ap-emulated"
KEY, SECRET = "emulated-id", "emulated-secret"
UID = "0b7c5f0e-5a3e-4c59-9d0c-5b7a0b9f2f11"
NOTE = "SPILLWAY_INSTANCE"

# ---- the SDK's model classes


def members(cls):
    """{name on the wire: (type, is a list)} of a model class, read from what it says of itself."""
    found = {}
    for name, kind in re.findall(r":type (\w+): (.+)", inspect.getdoc(cls.__init__) or ""):
        is_list = kind.startswith("list of ")
        word = re.search(r"(\w+)`?$", kind.strip())[1]
        found[name] = (getattr(models, word) if hasattr(models, word) else word, is_list)
    return found


def is_model(kind):
    return inspect.isclass(kind)


def patterns(cls, prefix=""):
    """{path: type} of everything that a request class can say, lists as N: {"Containers.N.Args.N": "str"}."""
    found = {}
    for name, (kind, is_list) in members(cls).items():
        full = prefix + name + (".N" if is_list else "")
        if is_model(kind):
            found |= patterns(kind, full + ".")
        else:
            found[full] = kind
    return found


TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool}


def unread(cls, answer, path=""):
    """Fields of an answer that the response class does not know, or says are of another type."""
    known = members(cls)
    for name, value in answer.items():
        where = f"{path}.{name}"
        if name not in known:
            yield where
            continue
        kind, is_list = known[name]
        if value is None:
            continue
        for one in value if is_list else [value]:
            if is_model(kind):
                yield from unread(kind, one, where)
            elif not isinstance(one, TYPES[kind]) or (kind != "bool" and isinstance(one, bool)):
                yield f"{where} is {one!r}, not {kind}"


def build(cls, what):
    """An object of the SDK's class; a field that it does not know is an error."""
    made = cls()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made._deserialize(what)
    return made


# ---- one Pod with all that maps, as our agent sees it and as the SDK's user would write it

RICH = {
    "token": "t" * 64,
    "pod": {
        "metadata": {"name": "web", "namespace": "shop", "uid": UID, "annotations": {
            "eks.tke.cloud.tencent.com/cpu-type": "amd,intel", "eks.tke.cloud.tencent.com/role-name": "reader",
            "eks.tke.cloud.tencent.com/security-group-id": "sg-7,sg-8"}},
        "spec": {
            "restartPolicy": "OnFailure",
            "volumes": [
                {"name": "share", "nfs": {"server": "10.0.0.9", "path": "/", "readOnly": True}},
                {"name": "disk", "flexVolume": {"driver": "tencentcloud/cbs", "options": {"diskId": "disk-1"}}},
                # A claim's volume, as the agent puts it in the claim's place.
                {"name": "claimed", "csi": {"driver": "com.tencent.cloud.csi.cbs", "volumeHandle": "disk-2", "fsType": "ext4"}},
            ],
            "initContainers": [{"name": "init", "image": "busybox:1", "command": ["sh"], "args": ["-c", "true"],
                                "volumeMounts": [{"name": "share", "mountPath": "/s"}]}],
            "containers": [{
                "name": "main", "image": "registry.example.com/web:1", "command": ["run"], "args": ["--all", "\u4e2d"], "workingDir": "/srv",
                "resources": {"requests": {"cpu": "1500m", "memory": "3Gi"}, "limits": {"cpu": "2", "memory": "3584Mi"}},
                "ports": [{"name": "http", "containerPort": 8080}],
                "env": [{"name": "A", "value": "b"}, {"name": "EMPTY", "value": ""}],
                "volumeMounts": [{"name": "share", "mountPath": "/share", "subPath": "a", "readOnly": True}, {"name": "disk", "mountPath": "/d"}],
                "securityContext": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}},
                "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "initialDelaySeconds": 3, "periodSeconds": 5,
                                  "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 4},
                "readinessProbe": {"exec": {"command": ["cat", "/ready"]}, "periodSeconds": 7},
            }, {"name": "side", "image": "side:2", "livenessProbe": {"tcpSocket": {"port": 81}}}],
        },
    },
    "registries": [{"server": "https://registry.example.com/v1/", "user": "u", "password": "p"}],
    "nameservers": ["10.0.0.10"], "searches": ["shop.svc.cluster.local"], "options": ["ndots:5", "rotate"],
}

BY_HAND = {
    "EksCiName": None,  # ours to choose
    "VpcId": "vpc-1", "SubnetId": "subnet-a", "SecurityGroupIds": ["sg-7", "sg-8"], "Cpu": 2.0, "Memory": 4.0, "CpuType": "amd,intel",
    "CamRoleName": "reader", "RestartPolicy": "OnFailure",
    "ImageRegistryCredentials": [{"Server": "registry.example.com", "Username": "u", "Password": "p", "Name": "registry-1"}],
    "DnsConfig": {"Nameservers": ["10.0.0.10"], "Searches": ["shop.svc.cluster.local"],
                  "Options": [{"Name": "ndots", "Value": "5"}, {"Name": "rotate"}]},
    "EksCiVolume": {"NfsVolumes": [{"Name": "share", "Server": "10.0.0.9", "Path": "/", "ReadOnly": True}],
                    "CbsVolumes": [{"Name": "disk", "CbsDiskId": "disk-1"}, {"Name": "claimed", "CbsDiskId": "disk-2"}]},
    "InitContainers": [{"Name": "init", "Image": "busybox:1", "Commands": ["sh"], "Args": ["-c", "true"],
                        "VolumeMounts": [{"Name": "share", "MountPath": "/s"}]}],
    "Containers": [{
        "Name": "main", "Image": "registry.example.com/web:1", "Commands": ["run"], "Args": ["--all", "\u4e2d"], "WorkingDir": "/srv",
        "Cpu": 2.0, "Memory": 3.5, "EnvironmentVars": [{"Name": "A", "Value": "b"}, {"Name": "EMPTY", "Value": ""}],
        "VolumeMounts": [{"Name": "share", "MountPath": "/share", "SubPath": "a", "ReadOnly": True}, {"Name": "disk", "MountPath": "/d"}],
        "SecurityContext": {"Capabilities": {"Add": ["NET_ADMIN"], "Drop": ["ALL"]}},
        "LivenessProbe": {"HttpGet": {"Path": "/live", "Port": 8080, "Scheme": "HTTP"},
                          "Probe": {"InitialDelaySeconds": 3, "PeriodSeconds": 5, "TimeoutSeconds": 2, "SuccessThreshold": 1,
                                    "FailureThreshold": 4}},
        "ReadinessProbe": {"Exec": {"Commands": ["cat", "/ready"]}, "Probe": {"PeriodSeconds": 7}},
    }, {"Name": "side", "Image": "side:2", "LivenessProbe": {"TcpSocket": {"Port": 81}, "Probe": {}}}],
}


def simple_request(name, command="sleep infinity", **more):
    container = {"Name": "main", "Image": "nginx", "Commands": ["sh", "-c", command]}
    return build(models.CreateEKSContainerInstancesRequest, {
        "EksCiName": name, "VpcId": "vpc-1", "SubnetId": "subnet-a", "SecurityGroupIds": ["sg-1"], "Cpu": 0.25, "Memory": 0.5,
        "RestartPolicy": "Never", "Containers": [container], **more})


class EksciSdk(SdkCase):
    def setUp(self):
        super().setUp()
        self.client = self.new_client()

    def new_client(self, key=KEY, secret=SECRET, token=None, region=REGION):
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=self.host, reqTimeout=10))
        return TkeClient(Credential(key, secret, token), region, profile)

    def call(self, api, what, client=None):
        """Through the SDK's client, request and response classes; a field that one of them does not know is an error."""
        request = what if not isinstance(what, dict) else build(getattr(models, api + "Request"), what)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return getattr(client or self.client, api)(request)

    def refused(self, api, what, client=None):
        with self.assertRaises(TencentCloudSDKException) as caught:
            self.call(api, what, client)
        self.assertTrue(caught.exception.requestId)
        return caught.exception.code

    def create(self, request):
        return self.call("CreateEKSContainerInstances", request).EksCiIds[0]

    def describe(self, instance):
        return self.call("DescribeEKSContainerInstances", {"EksCiIds": [instance]}).EksCis

    def sign(self, api, body, **more):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return probe("sign", {"api": api, "body": json.dumps(body, ensure_ascii=False), "host": self.host, "key": KEY, "secret": SECRET,
                              "now": now, **more})

    # ---- the emulator is what the SDK thinks the service is

    def test_every_field_the_emulator_takes_is_one_of_the_sdk(self):
        for api, fields in self.steer("fields").items():
            known = patterns(getattr(models, api + "Request"))
            for path, kind in fields.items():
                self.assertEqual(known.get(path), kind, f"{api}: {path}")

    def test_every_field_of_an_answer_is_one_of_the_sdk(self):
        made = self.create(simple_request("fields", "sleep 0.3; exit 3", InitContainers=[{"Name": "i", "Image": "b", "Commands": ["true"]}]))
        self.until(lambda: self.describe(made)[0].Status, lambda status: status == "Failed")
        one = {"EksCiId": made, "ContainerName": "main"}
        for api, body in {"DescribeEKSContainerInstances": {"EksCiIds": [made]}, "DescribeEksContainerInstanceLog": one,
                          "DescribeEKSContainerInstanceEvent": {"EksCiId": made}, "DescribeEKSContainerInstanceRegions": {},
                          "DeleteEKSContainerInstances": {"EksCiIds": [made]}}.items():
            answer = self.raw(self.sign(api, body))["Response"]
            self.assertNotIn("Error", answer, api)
            self.assertEqual(set(unread(getattr(models, api + "Response"), answer)), set(), api)

    # ---- the SDK lives with it

    def test_life_of_an_instance(self):
        made = self.create(simple_request("life"))
        self.until(lambda: self.describe(made)[0], lambda seen: seen.Status == "Running")
        seen = self.describe(made)[0]
        self.assertEqual((seen.EksCiName, seen.Containers[0].CurrentState.State, seen.VpcId), ("life", "running", "vpc-1"))
        self.assertTrue(seen.PrivateIp.startswith("10.78."))
        log = self.call("DescribeEksContainerInstanceLog", {"EksCiId": made, "Tail": 5})
        self.assertIn("main line 0\n", log.LogContent)
        events = self.call("DescribeEKSContainerInstanceEvent", {"EksCiId": made}).Events
        self.assertEqual([event.Reason for event in events], ["Scheduled", "Started"])
        self.assertEqual(self.call("DescribeEKSContainerInstanceRegions", {}).Regions[0].RegionName, REGION)
        self.assertTrue(self.call("DeleteEKSContainerInstances", {"EksCiIds": [made]}).RequestId)
        self.until(lambda: self.describe(made), lambda seen: seen == [])

    def test_how_it_ended_is_told(self):
        made = self.create(simple_request("ends", "sleep 0.2; exit 3"))
        ended = self.until(lambda: self.describe(made)[0], lambda seen: seen.Status == "Failed").Containers[0].CurrentState
        self.assertEqual((ended.State, ended.ExitCode, ended.Reason), ("exited", 3, "Error"))
        self.assertRegex(ended.FinishTime, r"^\d{4}-\d\d-\d\dT")

    def test_pages_and_filters(self):
        for number in range(45):
            self.create(simple_request(f"page-{number}"))
        vpc = [{"Name": "vpc-id", "Values": ["vpc-1"]}]
        names, offset, pages = [], 0, 0
        while True:
            answer = self.call("DescribeEKSContainerInstances", {"Limit": 20, "Offset": offset, "Filters": vpc})
            names += [seen.EksCiName for seen in answer.EksCis]
            offset, pages = offset + len(answer.EksCis), pages + 1
            if offset >= answer.TotalCount:
                break
        self.assertGreaterEqual(pages, 3)
        self.assertEqual(sorted(name for name in names if name.startswith("page-")), sorted(f"page-{number}" for number in range(45)))
        named = [{"Name": "eks-ci-name", "Values": ["page-7"]}]
        self.assertEqual([seen.EksCiName for seen in self.call("DescribeEKSContainerInstances", {"Filters": named}).EksCis], ["page-7"])
        absent = [{"Name": "vpc-id", "Values": ["vpc-9"]}]
        self.assertEqual(self.call("DescribeEKSContainerInstances", {"Filters": absent}).TotalCount, 0)

    def test_errors_have_their_codes(self):
        create = "CreateEKSContainerInstances"
        request = simple_request("errors")
        for client, code in ((self.new_client(key="nobody"), "AuthFailure.SecretIdNotFound"),
                             (self.new_client(secret="wrong"), "AuthFailure.SignatureFailure"),
                             (self.new_client(token="none of ours"), "AuthFailure.TokenFailure"),
                             (self.new_client(region="ap-nowhere"), "UnsupportedRegion")):
            self.assertEqual(self.refused(create, request, client), code)
        for odd, code in (({"EksCiName": "9" * 70}, "InvalidParameterValue.EksCiName"), ({"VpcId": "vpc-9"}, "InvalidParameterValue.VpcId"),
                          ({"SubnetId": "subnet-9"}, "InvalidParameterValue.SubnetId"), ({"RestartPolicy": "Perhaps"}, "InvalidParameter")):
            self.assertEqual(self.refused(create, simple_request("errors", **odd) if "EksCiName" not in odd else simple_request("9" * 70)), code)
        self.assertEqual(self.refused("DeleteEKSContainerInstances", {"EksCiIds": ["eksci-unknown"]}), "ResourceNotFound")
        self.assertEqual(self.refused("DescribeEksContainerInstanceLog", {"EksCiId": "eksci-unknown"}), "ResourceNotFound")
        for fault, code in (({"no_stock": 1}, "ResourcesSoldOut"), ({"in_arrears": True}, "FailedOperation.TradeInsufficientBalance"),
                            ({"throttled": 1}, "RequestLimitExceeded"), ({"permission_lost": True}, "UnauthorizedOperation.CamNoAuth"),
                            ({"server_error": 1}, "InternalError.UnexceptedInternal"),
                            ({"clock_offset_seconds": 7200}, "AuthFailure.SignatureExpire")):
            self.steer("faults", fault)
            self.assertEqual(self.refused(create, simple_request("fault")), code)

    def test_temporary_keys(self):
        lent = self.new_client("emulated-sts", "emulated-sts-secret", "emulated-token")
        self.assertEqual(self.call("DescribeEKSContainerInstanceRegions", {}, lent).TotalCount, 1)

    # ---- the provider sends what the SDK would send

    def body(self):
        """Ours, and the note that it has in the first container."""
        ours = probe("body", RICH)
        variables = ours["Containers"][0]["EnvironmentVars"]
        self.assertEqual(variables[-1]["Name"], NOTE)
        return ours, json.loads(variables.pop()["Value"])

    def test_the_same_pod_is_the_same_request(self):
        ours, note = self.body()
        theirs = build(models.CreateEKSContainerInstancesRequest, {**BY_HAND, "EksCiName": ours["EksCiName"]})
        self.assertEqual(ours, json.loads(json.dumps(theirs._serialize())))
        self.assertRegex(ours["EksCiName"], rf"^sw[0-9a-f]{{20}}-{UID}$")
        self.assertLessEqual(len(ours["EksCiName"]), 60)
        self.assertEqual({key: note[key] for key in ("cluster", "node", "namespace", "pod", "uid")},
                         {"cluster": "cluster", "node": "vnode", "namespace": "shop", "pod": "web", "uid": UID})

    def test_the_sdk_reads_our_request_and_gives_it_back(self):
        ours = probe("body", RICH)
        self.assertEqual(json.loads(json.dumps(build(models.CreateEKSContainerInstancesRequest, ours)._serialize())), ours)

    def test_what_the_emulator_gets_from_the_sdk_is_what_we_send(self):
        ours = probe("body", RICH)
        self.create(build(models.CreateEKSContainerInstancesRequest, ours))
        self.assertEqual(self.steer("last_create"), ours)

    def test_the_sdk_signs_our_requests_as_we_do(self):
        for token in ("", "a-token"):
            signed = self.sign("CreateEKSContainerInstances", probe("body", RICH), token=token)
            headers = signed["headers"]
            self.assertEqual(headers.get("x-tc-token", ""), token)
            request = RequestInternal(self.host, signed["method"], "/", {
                "Content-Type": headers["content-type"], "Host": headers["host"], "X-TC-Timestamp": headers["x-tc-timestamp"]}, signed["body"])
            date = time.strftime("%Y-%m-%d", time.gmtime(int(headers["x-tc-timestamp"])))
            theirs = self.client._get_tc3_signature(None, request, date, "tke", SECRET)
            self.assertEqual(headers["authorization"], f"TC3-HMAC-SHA256 Credential={KEY}/{date}/tke/tc3_request, "
                             f"SignedHeaders=content-type;host, Signature={theirs}")

    def test_the_provider_lives_with_it_over_http(self):
        request = json.loads(json.dumps(RICH))
        told = probe("live", request, self.url)
        self.assertEqual((told["create"], told["same"], told["state"], told["ping"]), ("ok", True, "Running", "ok"), told)
        self.assertEqual(told["uid"], UID)
        self.assertIn("main line 0\n", told["log"])
        self.assertIn("cannot", told["exec"])
        self.assertEqual(told["delete"], "ok")
        self.assertIn("ResourceNotFound", told["deleteUnknown"])


if __name__ == "__main__":
    sys.exit(unittest.main())
