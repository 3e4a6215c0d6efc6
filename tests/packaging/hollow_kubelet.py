"""A kubelet as far as Spillway's own Pods need one: it runs their containers on this machine, with exactly the arguments, environment,
ServiceAccount tokens and files that their Pods say, inside the image and in a network namespace each, as its user where we are root.
All other Pods of its node are reported as Running, and run nothing.

Single-threaded: nothing happens but in sync(), which whoever waits calls again and again.
"""

import base64
import datetime
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.request

from api import ApiError
from processes import Process, wait_until

GATEWAY = "198.18.0.1"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

# Run in the Pod's new namespaces: waits for its end of the wire, lays out the mounts, and becomes the container's command.
_START = r"""
address=$1 root=$2 user=$3; shift 3
until ip link set eth0 up 2>/dev/null; do sleep 0.01; done
ip link set lo up && ip addr add "$address" peer 198.18.0.1 dev eth0 && ip route add default via 198.18.0.1
mount --bind "$root" "$root"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; [ "$3" = ro ] && mount -o remount,bind,ro "$root$2"; shift 3; done
mount -o remount,bind,ro "$root"
shift
exec "$(PATH=/usr/sbin:/sbin:$PATH command -v chroot)" $user "$root" "$@"
"""


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class HollowPod:
    """A Pod whose container is a process of this machine."""

    def __init__(self, pod: dict, address: str, process: Process, started: str):
        self.uid, self.namespace, self.name = (pod["metadata"][key] for key in ("uid", "namespace", "name"))
        self.address, self.started, self.process = address, started, process
        (self.container,) = pod["spec"]["containers"]
        self.stopping = False

    def is_ready(self) -> bool:
        probe = self.container.get("readinessProbe")
        if not probe:
            return True
        port = next(p["containerPort"] for p in self.container["ports"] if p["name"] == probe["httpGet"]["port"])
        try:
            with urllib.request.urlopen(f"http://{self.address}:{port}{probe['httpGet']['path']}", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False


class HollowKubelet:
    def __init__(self, cluster, node: str, image: pathlib.Path, as_user: bool):
        """`image` is the unpacked image; `as_user`: containers run as the user their Pod says, which takes root."""
        self._cluster, self._api, self._node, self._image, self._as_user = cluster, cluster.api, node, image, as_user
        self._directory = cluster.directory / "kubelet"
        self._directory.mkdir()
        self._pods: dict[str, list[HollowPod]] = {}
        self._count = 0
        self._told: dict[str, tuple] = {}
        self._renewed = 0.0

    def register(self, cpu: str = "4", memory: str = "8Gi"):
        labels = {"kubernetes.io/hostname": self._node, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        self._api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._node, "labels": labels}})
        room = {"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "100Gi"}
        self._api.merge_patch(f"/api/v1/nodes/{self._node}/status", {"status": {
            "capacity": room, "allocatable": room, "conditions": [
                {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now(), "lastTransitionTime": now()}]}})
        self._api.create(_LEASES, {"metadata": {"name": self._node}, "spec": self._lease()})

    def sync(self):
        self._renew()
        pods = {p["metadata"]["uid"]: p for p in self._api.items("/api/v1/pods", fieldSelector=f"spec.nodeName={self._node}")}
        for uid, pod in pods.items():
            if pod["metadata"].get("deletionTimestamp"):
                self._terminate(pod)
            elif pod["status"]["phase"] in ("Pending", "Running"):
                self._tell(pod, self._run(pod))
        for uid in set(self._pods) - set(pods):
            self._kill(uid)

    def logs(self, name: str) -> str:
        """What the container of the newest Pod whose name begins so has printed."""
        newest = max(self._directory.parent.glob(f"logs/{name}*.log"), key=lambda path: path.stat().st_mtime)
        return newest.read_text(encoding="utf-8")

    def running(self, prefix: str) -> list[HollowPod]:
        return [each for pods in self._pods.values() for each in pods if each.name.startswith(prefix)]

    # ------------------------------------------------------------------------------------------------------ one Pod

    def _run(self, pod: dict) -> list[HollowPod]:
        uid = pod["metadata"]["uid"]
        if "spillway" not in pod["spec"]["containers"][0]["image"]:
            return []
        if uid not in self._pods:
            self._pods[uid] = [self._start(pod, container) for container in pod["spec"]["containers"]]
        return self._pods[uid]

    def _start(self, pod: dict, container: dict) -> HollowPod:
        self._count += 1
        address, wire = f"198.18.1.{self._count}", f"pod{self._count}"
        home = self._directory / wire
        root = home / "root"
        home.mkdir()
        shutil.copytree(self._image, root, symlinks=True)
        mounts = self._mounts(pod, container, home, root)
        environment = self._environment(pod, container, address)
        arguments = [_expanded(argument, environment) for argument in container["args"]]
        user = f"--userspec={_user(pod)}" if self._as_user else ""
        name = f"{pod['metadata']['name']}-{container['name']}"
        process = self._cluster.run(name, ["unshare", "--net", "--mount", "sh", "-e", "-c", _START, "sh", address, root, user, *mounts, "--",
                                           "/usr/bin/spillway", *arguments], environment)
        self._wire(process, wire, address)
        return HollowPod(pod | {"spec": pod["spec"] | {"containers": [container]}}, address, process, now())

    def _wire(self, process: Process, wire: str, address: str):
        """The Pod's end of it becomes its eth0, as soon as the process has a network of its own."""
        here = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != here, "a network namespace", 10, [process], every=0.005)
        for command in (f"link add {wire} type veth peer name eth0 netns {process.pid}", f"addr add {GATEWAY} peer {address} dev {wire}", f"link set {wire} up"):
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)

    def _mounts(self, pod: dict, container: dict, home: pathlib.Path, root: pathlib.Path) -> list:
        mounts = []
        for mount in container.get("volumeMounts", []):
            volume = next(v for v in pod["spec"]["volumes"] if v["name"] == mount["name"])
            content = home.parent / pod["metadata"]["uid"] / mount["name"]
            if not content.exists():
                content.mkdir(parents=True)
                self._fill(pod, volume, content)
            content.chmod(0o777)
            (root / mount["mountPath"].lstrip("/")).mkdir(parents=True, exist_ok=True)
            mounts += [content, mount["mountPath"], "ro" if mount.get("readOnly") else "rw"]
        return mounts

    def _fill(self, pod: dict, volume: dict, content: pathlib.Path):
        namespace = pod["metadata"]["namespace"]
        if "configMap" in volume:
            self._write(content, self._config_map(namespace, volume["configMap"]["name"]))
        elif "secret" in volume:
            data = self._api.get(f"/api/v1/namespaces/{namespace}/secrets/{volume['secret']['secretName']}")["data"]
            self._write(content, {key: base64.b64decode(value).decode() for key, value in data.items()})
        for source in volume.get("projected", {}).get("sources", []):
            if "serviceAccountToken" in source:
                self._write(content, {source["serviceAccountToken"]["path"]: self._token(pod, source["serviceAccountToken"])})
            elif "configMap" in source:
                data = self._config_map(namespace, source["configMap"]["name"])
                self._write(content, {item["path"]: data[item["key"]] for item in source["configMap"]["items"]})
            elif "downwardAPI" in source:
                self._write(content, {item["path"]: _field(pod, item["fieldRef"]["fieldPath"], "") for item in source["downwardAPI"]["items"]})

    def _write(self, directory: pathlib.Path, files: dict[str, str]):
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")

    def _config_map(self, namespace: str, name: str) -> dict:
        return self._api.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")["data"]

    def _token(self, pod: dict, source: dict) -> str:
        account = pod["spec"]["serviceAccountName"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        answer = self._api.create(f"/api/v1/namespaces/{pod['metadata']['namespace']}/serviceaccounts/{account}/token", {
            "spec": {"expirationSeconds": source["expirationSeconds"], "boundObjectRef": bound}})
        return answer["status"]["token"]

    def _environment(self, pod: dict, container: dict, address: str) -> dict[str, str]:
        host, port = self._cluster.service_address
        environment = {"PATH": "/usr/bin", "HOME": "/var/lib/spillway", "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)}
        for each in container.get("env", []):
            environment[each["name"]] = each["value"] if "value" in each else _field(pod, each["valueFrom"]["fieldRef"]["fieldPath"], address)
        return environment

    # ------------------------------------------------------------------------------------------- what the API is told

    def _tell(self, pod: dict, containers: list[HollowPod]):
        ended = [c for c in containers if c.process.exit_code is not None]
        running_on = pod["spec"].get("restartPolicy") != "Never"
        if ended and running_on:
            ended[0].process.check_alive()  # raises with the end of its log
        if containers and len(ended) == len(containers):
            phase = "Failed" if any(c.process.exit_code for c in ended) else "Succeeded"
        else:
            phase = "Running"
        ready = phase == "Running" and all(c.is_ready() for c in containers)
        if self._told.get(pod["metadata"]["uid"]) == (phase, ready):
            return
        statuses = [_status(spec, container, ready) for spec, container in zip(pod["spec"]["containers"], containers or [None] * 9)]
        conditions = [{"type": kind, "status": "True" if value else "False", "lastTransitionTime": now()} for kind, value in (
            ("Initialized", True), ("ContainersReady", ready), ("Ready", ready), ("PodScheduled", True))]
        address = containers[0].address if containers else "198.18.2.1"
        try:
            self._api.merge_patch(_path(pod) + "/status", {"status": {
                "phase": phase, "conditions": conditions, "containerStatuses": statuses, "podIP": address, "podIPs": [{"ip": address}],
                "hostIP": GATEWAY, "startTime": now()}})
            self._told[pod["metadata"]["uid"]] = (phase, ready)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def _terminate(self, pod: dict):
        uid = pod["metadata"]["uid"]
        for each in self._pods.get(uid, []):
            if not each.stopping and each.process.exit_code is None:
                each.process.terminate()
                each.stopping = True
        if all(each.process.exit_code is not None for each in self._pods.get(uid, [])):
            self._pods.pop(uid, None)
            try:
                self._api.delete(_path(pod), gracePeriodSeconds=0, preconditions={"uid": uid}, kind="DeleteOptions", apiVersion="v1")
            except ApiError as error:
                if error.status not in (404, 409):
                    raise

    def _kill(self, uid: str):
        for each in self._pods.pop(uid):
            each.process.kill()

    def _lease(self) -> dict:
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"holderIdentity": self._node, "leaseDurationSeconds": 40, "renewTime": stamp}

    def _renew(self):
        if time.monotonic() - self._renewed > 5:
            self._api.merge_patch(f"{_LEASES}/{self._node}", {"spec": self._lease()})
            self._renewed = time.monotonic()


def _path(pod: dict) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _user(pod: dict) -> str:
    context = pod["spec"]["securityContext"]
    return f"{context['runAsUser']}:{context['runAsGroup']}"


def _field(pod: dict, path: str, address: str) -> str:
    return {"metadata.name": pod["metadata"]["name"], "metadata.namespace": pod["metadata"]["namespace"], "status.podIP": address}[path]


def _expanded(argument: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda match: environment[match[1]], argument)


def _status(spec: dict, container: HollowPod | None, ready: bool) -> dict:
    code = container and container.process.exit_code
    state = {"running": {"startedAt": container.started if container else now()}}
    if code is not None:
        state = {"terminated": {"exitCode": code if code >= 0 else 128 - code, "reason": "Completed" if code == 0 else "Error",
                                "startedAt": container.started, "finishedAt": now()}}
    return {"name": spec["name"], "image": spec["image"], "imageID": "", "containerID": "hollow://" + spec["name"], "restartCount": 0,
            "ready": ready, "started": code is None, "state": state}
