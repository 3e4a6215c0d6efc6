#!/usr/bin/env python3
"""The ECI emulator and the ECI provider, judged by the vendor's own SDK (alibabacloud-eci20180808, pinned in eci-sdk.txt): what the
emulator takes and gives is what the SDK knows, and what our provider sends is what the SDK would send, signed as it signs."""

import inspect
import json
import os
import re
import sys
import time
import typing
import unittest
import urllib.parse

from alibabacloud_eci20180808 import models
from alibabacloud_eci20180808.client import Client
from alibabacloud_openapi_util.client import Client as OpenApiUtil
from alibabacloud_tea_openapi import models as open_api
from alibabacloud_tea_openapi.utils import Utils
from alibabacloud_tea_util import models as util
from sdk_case import SdkCase, probe

REGION = "cn-emulated"
KEY, SECRET = "emulated-key", "emulated-secret"
UID = "0b7c5f0e-5a3e-4c59-9d0c-5b7a0b9f2f11"


# ---- the SDK's model classes


def type_of(cls, attribute):
    return typing.get_type_hints(cls.__init__).get(attribute)


def members(cls):
    """[(name on the wire, type, is a list)] of a model class, read from its to_map()."""
    source = inspect.getsource(cls.to_map)
    found = []
    for name, value in re.findall(r"result\['([^']+)'\] = ([^\n]+)", source):
        attribute = re.search(r"self\.(\w+)", value)
        attribute = attribute[1] if attribute else re.search(rf"result\['{name}'\] = \[\].*?for k in self\.(\w+)", source, re.S)[1]
        hint = type_of(cls, attribute)
        is_list = typing.get_origin(hint) is list
        found.append((name, typing.get_args(hint)[0] if is_list else hint, is_list))
    return found


def is_model(kind):
    return inspect.isclass(kind) and kind.__module__ == models.__name__


def patterns(cls, prefix=""):
    """Every parameter name that a request class can make, lists as N: "Container.N.Name"."""
    for name, kind, is_list in members(cls):
        full = prefix + name + (".N" if is_list else "")
        if is_model(kind):
            yield from patterns(kind, full + ".")
        else:
            yield full


def nested(parameters):
    """{"Tag.1.Key": "a"} -> {"Tag": [{"Key": "a"}]}"""
    tree = {}
    for name, value in parameters.items():
        at = tree
        parts = name.split(".")
        for part in parts[:-1]:
            at = at.setdefault(part, {})
        at[parts[-1]] = value
    return lists(tree)


def lists(tree):
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [lists(tree[key]) for key in sorted(tree, key=int)]
    return {key: lists(value) for key, value in tree.items()}


def plain(parameters):
    """Python's SDK writes booleans as True; all other languages' and the documents write true."""
    return {name: {"True": "true", "False": "false"}.get(value, value) for name, value in parameters.items()}


def unread(cls, answer, path=""):
    """Fields of an answer that the response class does not know, or gives back otherwise."""
    known = {name: (kind, is_list) for name, kind, is_list in members(cls)}
    for name, value in answer.items():
        where = f"{path}.{name}"
        if name not in known:
            yield where
            continue
        kind, is_list = known[name]
        if is_model(kind):
            for one in value if is_list else [value]:
                yield from unread(kind, one, where)
        elif kind in (int, float, str, bool) and value is not None and not is_list:
            if not isinstance(value, (int, float) if kind is float else kind):
                yield f"{where} is {value!r}, not {kind.__name__}"


# ---- Pods to compare

MAIN = {
    "name": "main", "image": "nginx:1.27", "imagePullPolicy": "IfNotPresent", "workingDir": "/srv", "command": ["sh", "-c"],
    "args": ["sleep infinity"], "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}], "stdin": True,
    "env": [{"name": "A", "value": "b c"}, {"name": "IP", "value": "\x1fstatus.podIP\x1f"}],
    "resources": {"requests": {"cpu": "1500m", "memory": "3Gi"}},
    "volumeMounts": [{"name": "conf", "mountPath": "/etc/conf", "readOnly": True, "subPath": "x"}, {"name": "tmp", "mountPath": "/tmp"},
                     {"name": "share", "mountPath": "/share"}, {"name": "disk", "mountPath": "/disk"}],
    "livenessProbe": {"exec": {"command": ["true", "x"]}, "initialDelaySeconds": 3, "periodSeconds": 7, "timeoutSeconds": 2,
                      "successThreshold": 1, "failureThreshold": 4},
    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 5},
    "lifecycle": {"postStart": {"exec": {"command": ["echo", "hi"]}},
                  "preStop": {"httpGet": {"path": "/stop", "port": 8080, "scheme": "HTTP",
                                          "httpHeaders": [{"name": "X-A", "value": "1"}]}}},
    "securityContext": {"runAsUser": 1000, "runAsGroup": 2000, "runAsNonRoot": True, "readOnlyRootFilesystem": True,
                        "capabilities": {"add": ["NET_ADMIN"]}},
}
RICH = {
    "token": "t" * 64,
    "pod": {
        "metadata": {"name": "web-1", "namespace": "shop", "uid": UID,
                     "annotations": {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo", "k8s.aliyun.com/eci-image-cache": "true",
                                     "k8s.aliyun.com/eci-ram-role-name": "reader"}},
        "spec": {
            "restartPolicy": "OnFailure", "terminationGracePeriodSeconds": 45, "shareProcessNamespace": True,
            "securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]},
            "initContainers": [{"name": "init", "image": "busybox", "command": ["true"], "securityContext": {"runAsUser": 7}}],
            "containers": [MAIN],
            "volumes": [{"name": "conf", "configMap": {}}, {"name": "tmp", "emptyDir": {}},
                        {"name": "share", "nfs": {"server": "nas", "path": "/p", "readOnly": True}},
                        {"name": "disk", "flexVolume": {"driver": "alicloud/disk", "fsType": "ext4", "options": {"volumeId": "d-1"}}}],
        },
    },
    "volumes": [{"name": "conf", "files": [{"path": "x", "content": "hello", "mode": 0o440}]},
                {"name": "tmp", "emptyDir": True, "memory": True, "sizeLimit": 64 << 20}],
    "registries": [{"server": "https://registry.example.com/v1/", "user": "u", "password": "p"}],
    "nameservers": ["10.0.0.10"], "searches": ["shop.svc.cluster.local"], "options": ["ndots:5", "rotate"],
    "hosts": [{"ip": "10.1.2.3", "name": "db"}],
}


def rich_request():
    """The same Pod, written by hand with the SDK's classes."""
    m = models
    prefix = "CreateContainerGroupRequest"

    def make(kind, /, **fields):
        return getattr(m, prefix + kind)(**fields)

    main = make(
        "Container", name="main", image="nginx:1.27", image_pull_policy="IfNotPresent", working_dir="/srv", command=["sh", "-c"],
        arg=["sleep infinity"], port=[make("ContainerPort", port=8080, protocol="TCP")], stdin=True, cpu=1.5, memory=3.0,
        environment_var=[make("ContainerEnvironmentVar", key="A", value="b c"),
                         make("ContainerEnvironmentVar", key="IP",
                              field_ref=make("ContainerEnvironmentVarFieldRef", field_path="status.podIP"))],
        environment_var_hide=True,
        volume_mount=[make("ContainerVolumeMount", name="conf", mount_path="/etc/conf", read_only=True, sub_path="x"),
                      make("ContainerVolumeMount", name="tmp", mount_path="/tmp"),
                      make("ContainerVolumeMount", name="share", mount_path="/share"),
                      make("ContainerVolumeMount", name="disk", mount_path="/disk")],
        liveness_probe=make("ContainerLivenessProbe", exec=make("ContainerLivenessProbeExec", command=["true", "x"]),
                            initial_delay_seconds=3, period_seconds=7, timeout_seconds=2, success_threshold=1, failure_threshold=4),
        readiness_probe=make("ContainerReadinessProbe", period_seconds=5,
                             http_get=make("ContainerReadinessProbeHttpGet", path="/ready", port=8080, scheme="HTTP")),
        lifecycle_post_start_handler_exec=["echo", "hi"], lifecycle_pre_stop_handler_http_get_path="/stop",
        lifecycle_pre_stop_handler_http_get_port=8080, lifecycle_pre_stop_handler_http_get_scheme="HTTP",
        lifecycle_pre_stop_handler_http_get_http_header=[make("ContainerLifecyclePreStopHandlerHttpGetHttpHeader", name="X-A", value="1")],
        security_context=make("ContainerSecurityContext", run_as_user=1000, read_only_root_filesystem=True,
                              capability=make("ContainerSecurityContextCapability", add=["NET_ADMIN"])),
        security_context_run_as_group=2000, security_context_run_as_non_root=True)
    init = make("InitContainer", name="init", image="busybox", command=["true"],
                security_context=make("InitContainerSecurityContext", run_as_user=7))
    files = make("VolumeConfigFileVolume",
                 config_file_to_path=[make("VolumeConfigFileVolumeConfigFileToPath", path="x", content="aGVsbG8=", mode=440)])
    volumes = [make("Volume", name="conf", type="ConfigFileVolume", config_file_volume=files),
               make("Volume", name="tmp", type="EmptyDirVolume",
                    empty_dir_volume=make("VolumeEmptyDirVolume", medium="Memory", size_limit="64Mi")),
               make("Volume", name="share", type="NFSVolume", nfsvolume=make("VolumeNFSVolume", server="nas", path="/p", read_only=True)),
               make("Volume", name="disk", type="DiskVolume", disk_volume=make("VolumeDiskVolume", disk_id="d-1", fs_type="ext4"))]
    tags = [("spillway-cluster", "cluster"), ("spillway-node", "vnode"), ("spillway-namespace", "shop"), ("spillway-pod", "web-1"),
            ("spillway-uid", UID)]
    return m.CreateContainerGroupRequest(
        region_id=REGION, v_switch_id="vsw-a,vsw-b", schedule_strategy="VSwitchOrdered", security_group_id="sg-1",
        container_group_name=f"web-1-{UID}", client_token="t" * 64, restart_policy="OnFailure", cpu=2.0, memory=4.0,
        spot_strategy="SpotAsPriceGo", auto_match_image_cache=True, ram_role_name="reader", termination_grace_period_seconds=45,
        share_process_namespace=True, host_name="web-1", dns_policy="None",
        security_context=make("SecurityContext", sysctl=[make("SecurityContextSysctl", name="net.core.somaxconn", value="1024")]),
        dns_config=make("DnsConfig", name_server=["10.0.0.10"], search=["shop.svc.cluster.local"],
                        option=[make("DnsConfigOption", name="ndots", value="5"), make("DnsConfigOption", name="rotate")]),
        host_aliase=[make("HostAliase", ip="10.1.2.3", hostname=["db"])],
        image_registry_credential=[make("ImageRegistryCredential", server="registry.example.com", user_name="u", password="p")],
        tag=[make("Tag", key=key, value=value) for key, value in tags], container=[main], init_container=[init], volume=volumes)


def simple_request(name, token, command="sleep infinity"):
    container = models.CreateContainerGroupRequestContainer(name="main", image="nginx", command=["sh", "-c", command])
    tag = models.CreateContainerGroupRequestTag(key="made-by", value="sdk")
    return models.CreateContainerGroupRequest(region_id=REGION, v_switch_id="vsw-a", security_group_id="sg-1", container_group_name=name,
                                              client_token=token, restart_policy="Never", container=[container], tag=[tag])


class EciSdk(SdkCase):
    def setUp(self):
        super().setUp()
        self.client = self.new_client()

    def new_client(self, key=KEY, secret=SECRET, token=None, algorithm=None):
        config = open_api.Config(access_key_id=key, access_key_secret=secret, security_token=token, region_id=REGION, protocol="http",
                                 endpoint=self.host, signature_algorithm=algorithm)
        return Client(config)

    def call(self, name, request, client=None):
        """Through the SDK's client and response class; every field of the answer must be one that the class knows."""
        method = getattr(client or self.client, name + "_with_options")
        return method(request, util.RuntimeOptions(read_timeout=10000, connect_timeout=5000, autoretry=False)).body

    def refused(self, name, request, client=None):
        with self.assertRaises(Exception) as caught:
            self.call(name, request, client)
        return getattr(caught.exception, "code", repr(caught.exception))

    def describe(self, group):
        request = models.DescribeContainerGroupsRequest(region_id=REGION, container_group_ids=json.dumps([group]), with_event=True)
        return self.call("describe_container_groups", request).container_groups

    # ---- the emulator is what the SDK thinks the service is

    def test_every_parameter_the_emulator_takes_is_one_of_the_sdk(self):
        for api, names in self.steer("parameters").items():
            known = set(patterns(getattr(models, api + "Request")))
            self.assertEqual(sorted(set(names) - known), [], api)

    def test_every_field_of_an_answer_is_one_of_the_sdk(self):
        made = self.call("create_container_group", simple_request("fields", "token-fields", "sleep 0.3; exit 3"))
        self.until(lambda: self.describe(made.container_group_id)[0].status, lambda status: status == "Failed")
        ids = json.dumps([made.container_group_id])
        one = {"RegionId": REGION, "ContainerGroupId": made.container_group_id, "ContainerName": "main"}
        asked = {
            "DescribeContainerGroups": {"RegionId": REGION, "ContainerGroupIds": ids, "WithEvent": "true"},
            "DescribeContainerGroupStatus": {"RegionId": REGION, "ContainerGroupIds": ids},
            "DescribeContainerLog": one,
            "DescribeMultiContainerGroupMetric": {"RegionId": REGION, "ContainerGroupIds": ids},
            "DescribeRegions": {"RegionId": REGION},
            "ListUsage": {"RegionId": REGION},
            "DescribeContainerGroupPrice": {"RegionId": REGION, "Cpu": "2.0", "Memory": "4.0"},
            "DescribeAvailableResource": {"RegionId": REGION, "DestinationResource.Category": "InstanceType",
                                          "DestinationResource.Value": "ecs.c7.large"},
            "DeleteContainerGroup": {"RegionId": REGION, "ContainerGroupId": made.container_group_id},
        }
        for api, parameters in asked.items():
            answer = self.raw(probe("sign", self.signable(api, parameters)))
            extra = {"ListUsage": {".RequestId"}}.get(api, set())  # in every answer of the service, not in this class
            self.assertEqual(set(unread(getattr(models, api + "ResponseBody"), answer)) - extra, set(), api)

    def signable(self, api, parameters, **more):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return {"api": api, "parameters": parameters, "host": self.host, "key": KEY, "secret": SECRET, "now": now,
                "nonce": os.urandom(16).hex(), **more}

    # ---- the SDK lives with it

    def test_life_of_a_group(self):
        made = self.call("create_container_group", simple_request("life", "token-life"))
        again = self.call("create_container_group", simple_request("life", "token-life"))
        self.assertEqual(made.container_group_id, again.container_group_id)
        self.assertEqual(self.refused("create_container_group", simple_request("other", "token-life")), "IdempotentParameterMismatch")
        self.until(lambda: self.describe(made.container_group_id)[0], lambda group: group.status == "Running")
        group = self.describe(made.container_group_id)[0]
        self.assertEqual((group.tags[0].key, group.containers[0].current_state.state), ("made-by", "Running"))
        status = self.call("describe_container_group_status", models.DescribeContainerGroupStatusRequest(
            region_id=REGION, container_group_ids=json.dumps([made.container_group_id])))
        running = status.data[0].pod_status.container_statuses[0].state.running
        self.assertRegex(running.started_atstarted_at, r"^\d{4}-\d\d-\d\dT")
        log = self.call("describe_container_log", models.DescribeContainerLogRequest(
            region_id=REGION, container_group_id=made.container_group_id, container_name="main", tail=5))
        self.assertIn("main line 0\n", log.content)
        ran = self.call("exec_container_command", models.ExecContainerCommandRequest(
            region_id=REGION, container_group_id=made.container_group_id, container_name="main", command='["ls","/"]', sync=True, tty=False))
        self.assertEqual(ran.sync_response, "ran ls /\n")
        socket = self.call("exec_container_command", models.ExecContainerCommandRequest(
            region_id=REGION, container_group_id=made.container_group_id, container_name="main", command='["sh"]', tty=True))
        self.assertTrue(socket.web_socket_uri.startswith("wss://"))
        metric = self.call("describe_multi_container_group_metric", models.DescribeMultiContainerGroupMetricRequest(
            region_id=REGION, container_group_ids=json.dumps([made.container_group_id])))
        self.assertGreater(metric.monitor_datas[0].records[0].containers[0].memory.working_set, 0)
        delete = models.DeleteContainerGroupRequest(region_id=REGION, container_group_id=made.container_group_id)
        self.assertTrue(self.call("delete_container_group", delete).request_id)
        self.until(lambda: self.describe(made.container_group_id), lambda groups: groups == [])

    def test_prices_and_stock(self):
        asked = models.DescribeContainerGroupPriceRequest(region_id=REGION, cpu=2.0, memory=4.0)
        price = self.call("describe_container_group_price", asked).price_info.price
        self.assertEqual((round(price.trade_price, 12), price.currency), (0.00012252, "CNY"))  # the documents' example, by the second
        parts = {part.resource: round(part.trade_price, 12) for part in price.detail_infos.detail_info}
        self.assertEqual(parts, {"CPU": 0.000098, "MEM": 0.00002452})
        wanted = models.DescribeAvailableResourceRequestDestinationResource(category="InstanceType", value="ecs.c7.large")
        zones = self.call("describe_available_resource", models.DescribeAvailableResourceRequest(
            region_id=REGION, destination_resource=wanted)).available_zones.available_zone
        told = {zone.zone_id: zone.available_resources.available_resource[0].supported_resources.supported_resource[0] for zone in zones}
        self.assertEqual(sorted(told), ["cn-emulated-a", "cn-emulated-b"])
        self.assertEqual((told["cn-emulated-a"].value, told["cn-emulated-a"].status_category), ("ecs.c7.large", "WithStock"))
        usage = self.call("list_usage", models.ListUsageRequest(region_id=REGION)).attributes
        self.assertGreaterEqual(usage["MaxCpu"], usage["UsedCpu"])
        self.assertEqual(self.refused("describe_container_group_price", models.DescribeContainerGroupPriceRequest(
            region_id=REGION, instance_type="ecs.none")), "InvalidParameter.InstanceType")
        self.steer("faults", {"permission_lost": True})
        self.assertEqual(self.refused("describe_container_group_price", asked), "Forbidden.RAM")

    def test_pages(self):
        for number in range(45):
            self.call("create_container_group", simple_request(f"page-{number}", f"token-page-{number}"))
        wanted = [models.DescribeContainerGroupsRequestTag(key="made-by", value="sdk")]
        names, token, pages = set(), None, 0
        while pages == 0 or token:
            answer = self.call("describe_container_groups", models.DescribeContainerGroupsRequest(
                region_id=REGION, tag=wanted, next_token=token, limit=20))
            self.assertLessEqual(len(answer.container_groups), 20)
            names |= {group.container_group_name for group in answer.container_groups}
            token, pages = answer.next_token, pages + 1
        self.assertGreaterEqual(pages, 3)
        self.assertLessEqual({f"page-{number}" for number in range(45)}, names)

    def test_errors_have_their_codes(self):
        request = simple_request("errors", "token-errors")
        self.assertEqual(self.refused("create_container_group", request, self.new_client(key="nobody")), "InvalidAccessKeyId.NotFound")
        self.assertEqual(self.refused("create_container_group", request, self.new_client(secret="wrong")), "SignatureDoesNotMatch")
        bad_name = simple_request("Not_A_Name", "token-name")
        self.assertEqual(self.refused("create_container_group", bad_name), "InvalidParameter.ContainerGroupName")
        gone = models.DeleteContainerGroupRequest(region_id=REGION, container_group_id="eci-unknown")
        self.assertEqual(self.refused("delete_container_group", gone), "InvalidParameter.ContainerGroup.NotFound")
        elsewhere = models.DescribeRegionsRequest(region_id="cn-nowhere")
        self.assertEqual(self.refused("describe_regions", elsewhere), "InvalidRegionId.NotFound")
        for fault, code in (({"no_stock": 1}, "NoStock"), ({"in_arrears": True}, "Account.Arrearage"),
                            ({"throttled": 1}, "Throttling.User"), ({"permission_lost": True}, "Forbidden.RAM"),
                            ({"clock_offset_seconds": 7200}, "InvalidTimeStamp.Expired")):
            self.steer("faults", fault)
            self.assertEqual(self.refused("create_container_group", simple_request("fault", f"token-{code}")), code)

    def test_lost_permission_is_an_empty_list(self):
        self.call("create_container_group", simple_request("unseen", "token-unseen"))
        self.steer("faults", {"permission_lost": True})
        answer = self.call("describe_container_groups", models.DescribeContainerGroupsRequest(region_id=REGION))
        self.assertEqual(answer.container_groups, [])

    def test_temporary_keys_and_the_older_signature(self):
        request = models.DescribeRegionsRequest(region_id=REGION)
        lent = self.new_client("emulated-sts", "emulated-sts-secret", "emulated-token")
        self.assertEqual(self.call("describe_regions", request, lent).regions[0].region_id, REGION)
        self.assertEqual(self.refused("describe_regions", request, self.new_client("emulated-sts", "emulated-sts-secret")),
                         "InvalidSecurityToken.Malformed")
        self.assertEqual(self.call("describe_regions", request, self.new_client(algorithm="v2")).regions[0].region_id, REGION)

    # ---- the provider sends what the SDK would send

    def test_the_same_pod_is_the_same_parameters(self):
        ours = probe("parameters", RICH)
        theirs = {name: str(value) for name, value in OpenApiUtil.query(rich_request().to_map()).items()}
        self.assertEqual(plain(ours), plain(theirs))

    def test_what_the_emulator_gets_from_the_sdk_is_what_we_send(self):
        self.call("create_container_group", rich_request())
        self.assertEqual(plain(self.steer("last_create")), plain(probe("parameters", RICH)))

    def test_questions_of_the_market_are_the_sdks(self):
        ours = probe("market", {})
        theirs = {
            "size": models.DescribeContainerGroupPriceRequest(cpu=2.0, memory=4.0),
            "type": models.DescribeContainerGroupPriceRequest(instance_type="ecs.c7.large"),
            "stock": models.DescribeAvailableResourceRequest(
                destination_resource=models.DescribeAvailableResourceRequestDestinationResource(
                    category="InstanceType", value="ecs.c7.large")),
        }
        self.assertEqual(sorted(ours), sorted(theirs))
        for name, request in theirs.items():
            self.assertEqual(ours[name], {key: str(value) for key, value in OpenApiUtil.query(request.to_map()).items()}, name)
            read = type(request)().from_map(nested(ours[name]))
            self.assertEqual(OpenApiUtil.query(read.to_map()), ours[name], name)

    def test_the_sdk_reads_our_request_and_gives_it_back(self):
        ours = probe("parameters", RICH)
        known = set(patterns(models.CreateContainerGroupRequest))
        self.assertEqual([name for name in ours if re.sub(r"\.\d+", ".N", name) not in known], [])
        read = models.CreateContainerGroupRequest().from_map(nested(ours))
        self.assertEqual(OpenApiUtil.query(read.to_map()), ours)

    def test_the_sdk_signs_our_requests_as_we_do(self):
        parameters = probe("parameters", RICH)
        for token in ("", "a-token"):
            for longest in (1 << 20, 100):  # in the query, and as a form
                signed = probe("sign", self.signable("CreateContainerGroup", parameters, token=token, longestQuery=longest))
                authorization = signed["headers"].pop("authorization")
                names = re.search(r"SignedHeaders=([^,]*)", authorization)[1].split(";")
                request = type("Request", (), {})()
                request.method, request.pathname = signed["method"], "/"
                request.query = dict(urllib.parse.parse_qsl(signed["path"].partition("?")[2], keep_blank_values=True))
                request.headers = {name: signed["headers"][name] for name in names}
                digest = Utils.hash(signed["body"].encode(), "ACS3-HMAC-SHA256").hex()
                self.assertEqual(digest, signed["headers"]["x-acs-content-sha256"])
                self.assertEqual(Utils.get_authorization(request, "ACS3-HMAC-SHA256", digest, KEY, SECRET), authorization)

    def test_the_sdk_signs_our_older_requests_as_we_do(self):
        signed = probe("sign", self.signable("CreateContainerGroup", probe("parameters", RICH), rpc=True, longestQuery=1 << 20))
        query = dict(urllib.parse.parse_qsl(signed["path"].partition("?")[2], keep_blank_values=True))
        signature = query.pop("Signature")
        self.assertEqual(Utils.get_rpcsignature(query, "POST", SECRET), signature)

    def test_the_provider_lives_with_it_over_http(self):
        for rpc in (False, True):
            request = json.loads(json.dumps(RICH))
            request["pod"]["metadata"]["uid"] = UID[:-1] + str(int(rpc))
            request["token"] = f"live-{rpc}"
            request["rpc"] = rpc
            told = probe("live", request, self.url)
            self.assertEqual((told["create"], told["same"], told["state"], told["ping"]), ("ok", True, "Running", "ok"), told)
            self.assertEqual(told["uid"], request["pod"]["metadata"]["uid"])
            self.assertIn("main line 0\n", told["log"])
            self.assertEqual((told["exec"], told["delete"]), ("ran ls\n", "ok"))
            self.assertIn("InvalidParameter.ContainerGroup.NotFound", told["deleteUnknown"])
            self.assertEqual((told["market"], told["price"]), ("ok", {"cpu": "0.1764", "gib": "0.022068", "currency": "CNY"}))


if __name__ == "__main__":
    sys.exit(unittest.main())
