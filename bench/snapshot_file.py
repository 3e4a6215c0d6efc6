#!/usr/bin/env python3
"""Writes a snapshot as `kubectl get nodes,namespaces,pods -A -o json` prints it, of a given size, from a seed.

    bench/snapshot_file.py FILE [--bytes=1000000000] [--seed=1] [--pending=1000] [--no-managed-fields]

Pods carry what real ones do: managedFields, tolerations, volumes, probes, environment, conditions, container statuses. --pending of
them wait; half of those fit somewhere. Prints one JSON line about what was written."""

import argparse
import json
import random
import uuid

WORKLOADS = 300
PODS_PER_NODE = 30


def stamp(rng):
    return f"2026-10-{rng.randint(10, 28)}T{rng.randint(10, 23)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}Z"


def uid(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def fields(*names):
    return {f"f:{name}": {} for name in names}


def managed_fields(rng, spec):
    containers = {
        f'k:{{"name":"{container["name"]}"}}': {
            ".": {}, **fields("image", "imagePullPolicy", "name", "terminationMessagePath", "terminationMessagePolicy"),
            "f:env": {f'k:{{"name":"{variable["name"]}"}}': {".": {}, **fields("name", "value")} for variable in container["env"]},
            "f:livenessProbe": {".": {}, **fields("failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds"),
                                "f:httpGet": {".": {}, **fields("path", "port", "scheme")}},
            "f:ports": {".": {}, 'k:{"containerPort":8080,"protocol":"TCP"}': {".": {}, **fields("containerPort", "name", "protocol")}},
            "f:resources": {".": {}, "f:limits": {".": {}, **fields("cpu", "memory")}, "f:requests": {".": {}, **fields("cpu", "memory")}},
            "f:volumeMounts": {".": {}, 'k:{"mountPath":"/etc/config"}': {".": {}, **fields("mountPath", "name")}},
        } for container in spec["containers"]}
    of_controller = {
        "f:metadata": {"f:annotations": {".": {}, **fields("checksum/config", "prometheus.io/port", "prometheus.io/scrape")},
                       "f:generateName": {}, "f:labels": {".": {}, **fields("app.kubernetes.io/instance", "app.kubernetes.io/name",
                                                                             "app.kubernetes.io/version", "pod-template-hash")},
                       "f:ownerReferences": {".": {}, f'k:{{"uid":"{uid(rng)}"}}': {}}},
        "f:spec": {"f:containers": containers,
                   **fields("dnsPolicy", "enableServiceLinks", "restartPolicy", "schedulerName", "securityContext",
                            "serviceAccount", "serviceAccountName", "terminationGracePeriodSeconds"),
                   "f:volumes": {".": {}, 'k:{"name":"config"}': {".": {}, "f:configMap": {".": {}, **fields("defaultMode", "name")}, "f:name": {}}}}}
    of_kubelet = {"f:status": {
        "f:conditions": {f'k:{{"type":"{kind}"}}': {".": {}, **fields("lastProbeTime", "lastTransitionTime", "status", "type")}
                         for kind in ("ContainersReady", "Initialized", "PodReadyToStartContainers", "Ready")},
        **fields("containerStatuses", "hostIP", "hostIPs", "phase", "startTime"),
        "f:podIP": {}, "f:podIPs": {".": {}, 'k:{"ip":"10.4.17.22"}': {".": {}, "f:ip": {}}}}}
    return [{"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": of_controller, "manager": "kube-controller-manager",
             "operation": "Update", "time": stamp(rng)},
            {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": of_kubelet, "manager": "kubelet", "operation": "Update",
             "subresource": "status", "time": stamp(rng)}]


def container(rng, name, image, milli_cpu, mebibytes):
    return {"args": ["--listen=:8080", "--config=/etc/config/config.yaml", f"--workers={rng.randint(1, 32)}"],
            "env": [{"name": f"SETTING_{i}", "value": f"value-{rng.getrandbits(48):x}"} for i in range(rng.randint(3, 9))],
            "image": image, "imagePullPolicy": "IfNotPresent",
            "livenessProbe": {"failureThreshold": 3, "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
                              "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1},
            "name": name, "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "2", "memory": f"{mebibytes * 2}Mi"},
                          "requests": {"cpu": f"{milli_cpu}m", "memory": f"{mebibytes}Mi"}},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "volumeMounts": [{"mountPath": "/etc/config", "name": "config"},
                             {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access", "readOnly": True}]}


def pod_template(rng, workload, pending):
    """A Pod with @NAME@, @UID@, @NODE@, @IP@ in place of what differs between replicas."""
    app, version = f"service-{workload}", f"{rng.randint(1, 9)}.{rng.randint(0, 40)}.{rng.randint(0, 9)}"
    image = f"registry.example.com/shop/{app}:{version}"
    main_cpu = rng.choice([20, 50, 80, 100]) if not pending else rng.choice([100, 64000])
    created = stamp(rng)
    spec = {"containers": [container(rng, app, image, main_cpu, 128),
                           container(rng, "proxy", "registry.example.com/mesh/proxy:1.24.1", 10, 64)],
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": True, "nodeName": "@NODE@", "preemptionPolicy": "PreemptLowerPriority",
            "priority": 0, "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {"fsGroup": 65532, "runAsNonRoot": True},
            "serviceAccount": app, "serviceAccountName": app, "terminationGracePeriodSeconds": 30,
            "tolerations": [{"effect": "NoExecute", "key": f"node.kubernetes.io/{key}", "operator": "Exists", "tolerationSeconds": 300}
                            for key in ("not-ready", "unreachable")],
            "volumes": [{"configMap": {"defaultMode": 420, "name": f"{app}-config"}, "name": "config"},
                        {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
                            {"downwardAPI": {"items": [{"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                                                        "path": "namespace"}]}}]}}]}
    if workload % 10 == 0:
        spec["topologySpreadConstraints"] = [{"labelSelector": {"matchLabels": {"app.kubernetes.io/name": app}}, "maxSkew": 50,
                                              "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}]
    condition = {"lastProbeTime": None, "lastTransitionTime": created, "status": "True"}
    status = {"conditions": [{**condition, "type": kind} for kind in
                             ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")],
              "containerStatuses": [{"allocatedResources": each["resources"]["requests"], "containerID": f"containerd://{rng.getrandbits(256):064x}",
                                     "image": each["image"], "imageID": f"registry.example.com/x@sha256:{rng.getrandbits(256):064x}",
                                     "lastState": {}, "name": each["name"], "ready": True, "resources": each["resources"], "restartCount": 0,
                                     "started": True, "state": {"running": {"startedAt": created}}} for each in spec["containers"]],
              "hostIP": "10.0.3.17", "hostIPs": [{"ip": "10.0.3.17"}], "phase": "Running", "podIP": "@IP@", "podIPs": [{"ip": "@IP@"}],
              "qosClass": "Burstable", "startTime": created}
    managed = managed_fields(rng, spec)
    if pending:
        del spec["nodeName"]
        managed.pop()
        status = {"conditions": [{**condition, "message": "0/1 nodes are available: 1 Insufficient cpu.", "reason": "Unschedulable",
                                  "status": "False", "type": "PodScheduled"}], "phase": "Pending", "qosClass": "Burstable"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
        "annotations": {"checksum/config": f"{rng.getrandbits(256):064x}", "prometheus.io/port": "8080", "prometheus.io/scrape": "true"},
        "creationTimestamp": created, "generateName": f"{app}-6c9f7d5b4-",
        "labels": {"app.kubernetes.io/instance": app, "app.kubernetes.io/name": app, "app.kubernetes.io/version": version,
                   "pod-template-hash": "6c9f7d5b4"},
        "managedFields": managed, "name": "@NAME@", "namespace": f"team-{workload % 20}",
        "ownerReferences": [{"apiVersion": "apps/v1", "blockOwnerDeletion": True, "controller": True, "kind": "ReplicaSet",
                             "name": f"{app}-6c9f7d5b4", "uid": uid(rng)}],
        "resourceVersion": str(rng.randint(10**6, 10**9)), "uid": "@UID@"}, "spec": spec, "status": status}


def node(rng, number):
    name = f"ip-10-0-{number}.example.internal"
    resources = {"cpu": "8", "ephemeral-storage": "123456788Ki", "hugepages-2Mi": "0", "memory": "32Gi", "pods": "110"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {
        "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}, "creationTimestamp": stamp(rng),
        "labels": {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                   "node.kubernetes.io/instance-type": "m7.2xlarge", "topology.kubernetes.io/region": "region-1",
                   "topology.kubernetes.io/zone": f"region-1{'abc'[number % 3]}"},
        "name": name, "resourceVersion": str(rng.randint(10**6, 10**9)), "uid": uid(rng)},
        "spec": {"podCIDR": f"10.{number % 250}.0.0/24", "providerID": f"cloud:///region-1a/i-{rng.getrandbits(64):x}"},
        "status": {"addresses": [{"address": "10.0.0.1", "type": "InternalIP"}, {"address": name, "type": "Hostname"}],
                   "allocatable": resources, "capacity": resources,
                   "conditions": [{"lastHeartbeatTime": stamp(rng), "lastTransitionTime": stamp(rng), "message": f"kubelet has {kind}",
                                   "reason": kind, "status": "True" if kind == "Ready" else "False", "type": kind}
                                  for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")],
                   "images": [{"names": [f"registry.example.com/image@sha256:{rng.getrandbits(256):064x}", f"registry.example.com/image:{i}"],
                               "sizeBytes": rng.randint(10**6, 10**9)} for i in range(50)],
                   "nodeInfo": {"architecture": "amd64", "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": "v1.36.1",
                                "operatingSystem": "linux", "osImage": "Linux"}}}


def item(value, managed=True):
    """As kubectl indents the items of a List."""
    if not managed:
        del value["metadata"]["managedFields"]
    return "\n".join("        " + line for line in json.dumps(value, indent=4).split("\n"))


def write(path, size, seed, pending, managed):
    rng = random.Random(seed)
    running = [item(pod_template(rng, workload, False), managed) for workload in range(WORKLOADS)]
    waiting = [item(pod_template(rng, workload, True), managed) for workload in range(WORKLOADS)]
    pods = max(pending, int(size * 0.985) // (sum(map(len, running)) // WORKLOADS))
    nodes = max(1, pods // PODS_PER_NODE)

    def filled(text, number):
        return (text.replace("@NAME@", f"pod-{number}").replace("@UID@", f"{number:08x}-1111-4222-8333-{number * 2654435761 % 2**48:012x}")
                .replace("@NODE@", f"ip-10-0-{number % nodes}.example.internal").replace("@IP@", f"10.4.{number >> 8 & 255}.{number & 255}"))

    with open(path, "w", encoding="ascii", buffering=1 << 22) as out:
        out.write('{\n    "apiVersion": "v1",\n    "items": [\n')
        out.write(",\n".join(item(node(rng, number)) for number in range(nodes)))
        for number in range(pods):
            out.write(",\n")
            out.write(filled((waiting if number < pending else running)[number % WORKLOADS], number))
        out.write('\n    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')
        written = out.tell()
    huge = sum('"cpu": "64000m"' in waiting[number % WORKLOADS] for number in range(pending))
    return {"bytes": written, "nodes": nodes, "pods": pods, "pending": pending, "nowhere": huge}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pending", type=int, default=1000)
    parser.add_argument("--managed-fields", action=argparse.BooleanOptionalAction, default=True, help="as with kubectl --show-managed-fields")
    flags = parser.parse_args()
    print(json.dumps(write(flags.file, flags.bytes, flags.seed, flags.pending, flags.managed_fields)))


if __name__ == "__main__":
    main()
