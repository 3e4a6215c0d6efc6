"""Writes whose outcome the sandbox must share with a real API server, each a Case: what agents send when all is well comes from
simulations (replay_test.py), this is the rest."""

import dataclasses

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
KUBELET = "system:node:vnode"
NO_UID = "00000000-0000-4000-8000-000000000000"

PODS = "/api/v1/namespaces/default/pods"
NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
TOKENS = "/api/v1/namespaces/default/serviceaccounts/default/token"


@dataclasses.dataclass
class Case:
    """Strings "$uid PATH" and "$version PATH" in a body stand for what each server has there. Where `says` is false the text may
    differ: it quotes how Go prints a patch."""

    name: str
    method: str
    path: str
    body: object
    content_type: str = "application/json"
    user: str = ""  # the administrator
    says: bool = True


def pod(name: str, node: str = "vnode", policy: str = "Always", inits: int = 0) -> dict:
    spec = {"nodeName": node, "restartPolicy": policy, "terminationGracePeriodSeconds": 30, "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "none:1"}]}
    if inits:
        spec["initContainers"] = [{"name": f"init-{i}", "image": "none:1"} for i in range(inits)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}}, "spec": spec}


def node(name: str) -> dict:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}


def lease(name: str, **spec) -> dict:
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": "x", "leaseDurationSeconds": 40, "renewTime": "2026-01-01T00:00:00.000000Z"} | spec}


def event(name: str, **fields) -> dict:
    return {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name, "namespace": "default"},
            "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "spillway.io/agent", "reportingInstance": "agent-1",
            "type": "Normal", "reason": "Started", "action": "Starting", "note": "started",
            "regarding": {"kind": "Pod", "namespace": "default", "name": "p"}} | fields


def status(fields: dict, path: str = f"{PODS}/p", **more) -> dict:
    return {"method": "PATCH", "path": f"{path}/status", "body": {"status": fields}, "content_type": STRATEGIC} | more


def ended(name: str, code: int = 0) -> dict:
    return {"name": name, "image": "none:1", "imageID": "", "ready": False, "restartCount": 0, "lastState": {},
            "state": {"terminated": {"exitCode": code, "reason": "Completed", "startedAt": "2026-01-01T00:00:00Z",
                                     "finishedAt": "2026-01-01T00:00:01Z"}}}


def running(name: str) -> dict:
    return ended(name) | {"ready": True, "started": True, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}


SETUP = [Case(f"create {body['metadata']['name']}", "POST", path, body) for path, body in (
    (NODES, node("vnode")), (NODES, node("other")), (PODS, pod("p")), (PODS, pod("never", policy="Never", inits=1)),
    (PODS, pod("retried", policy="OnFailure")), (PODS, pod("elsewhere", node="other")), (LEASES, lease("other")),
    (EVENTS, event("seen")))]

SHAPES = [
    Case("a phase that is no text", **status({"phase": 1}), says=False),
    Case("a restart count that is text", **status({"containerStatuses": [running("main") | {"restartCount": "1"}]}), says=False),
    Case("readiness that is text", **status({"containerStatuses": [running("main") | {"ready": "yes"}]}), says=False),
    Case("conditions that are no list", **status({"conditions": {"type": "Ready"}}), says=False),
    Case("container statuses that are no list", **status({"containerStatuses": {"name": "main"}}), says=False),
    Case("a container status that is no object", **status({"containerStatuses": ["main"]}), says=False),
    Case("a status that is no object", "PATCH", f"{PODS}/p/status", {"status": "Running"}, STRATEGIC, says=False),
    Case("a state that is text", **status({"containerStatuses": [running("main") | {"state": "running"}]}), says=False),
    Case("an unreadable time", **status({"startTime": "yesterday"}), says=False),
    Case("a time that is a number", **status({"startTime": 5}), says=False),
    Case("an unreadable time in a condition", **status({"conditions": [{"type": "Ready", "status": "True",
         "lastTransitionTime": "noon"}]}), says=False),
    Case("an unreadable time in a container's state", **status({"containerStatuses": [running("main") | {"state": {"running": {"startedAt": "noon"}}}]}), says=False),
    Case("fractions of seconds", **status({"startTime": "2026-01-01T00:00:00.987654321Z"})),
    Case("a time with an offset", **status({"startTime": "2026-01-01T02:00:00+02:00"})),
    Case("fractions of seconds in a condition", **status({"conditions": [{"type": "Ready", "status": "True",
         "lastTransitionTime": "2026-01-01T00:00:00.5Z"}]})),
    Case("the same with a merge patch", "PATCH", f"{PODS}/p/status", {"status": {"phase": 1}}, MERGE, says=False),
    Case("an unreadable time in a merge patch", "PATCH", f"{PODS}/p/status", {"status": {"startTime": "noon"}}, MERGE, says=False),
    Case("the same with a JSON patch", "PATCH", f"{PODS}/p/status", [{"op": "replace", "path": "/status/phase", "value": 1}],
         JSON_PATCH, says=False),
    Case("a JSON patch that is none", "PATCH", f"{PODS}/p/status", {"op": "replace"}, JSON_PATCH, says=False),
    Case("a JSON patch of what is not there", "PATCH", f"{PODS}/p/status", [{"op": "remove", "path": "/status/nothing"}], JSON_PATCH,
         says=False),
    Case("a strategic patch that is a list", "PATCH", f"{PODS}/p/status", [], STRATEGIC, says=False),
    Case("a merge patch that is a text", "PATCH", f"{PODS}/p/status", "x", MERGE, says=False),
    Case("labels that are numbers", "PATCH", f"{PODS}/p/status", {"metadata": {"labels": {"a": 1}}}, STRATEGIC, says=False),
    Case("annotations that are numbers", "PATCH", f"{PODS}/p/status", {"metadata": {"annotations": {"a": 1}}}, STRATEGIC, says=False),
    Case("a PUT with a phase that is no text", "PUT", f"{PODS}/p/status", pod("p") | {"status": {"phase": 1}}, says=False),
    Case("a PUT with an unreadable time", "PUT", f"{PODS}/p/status", pod("p") | {"status": {"startTime": "noon"}}, says=False),
    Case("an unknown field", **status({"mood": "good"})),
    Case("an unknown directive", "PATCH", f"{PODS}/p/status", {"status": {"$patch": "shuffle"}}, STRATEGIC, says=False),
]

IDENTITY = [
    Case("another Pod's uid in a patch", "PATCH", f"{PODS}/p/status", {"metadata": {"uid": NO_UID}, "status": {"phase": "Running"}},
         STRATEGIC),
    Case("another Pod's uid in a merge patch", "PATCH", f"{PODS}/p/status", {"metadata": {"uid": NO_UID},
         "status": {"phase": "Running"}}, MERGE),
    Case("its own uid in a patch", "PATCH", f"{PODS}/p/status", {"metadata": {"uid": f"$uid {PODS}/p"},
         "status": {"phase": "Running"}}, STRATEGIC),
    Case("an old version in a patch", "PATCH", f"{PODS}/p/status", {"metadata": {"resourceVersion": "1"},
         "status": {"phase": "Running"}}, STRATEGIC),
    Case("another Pod's uid and an old version in a patch", "PATCH", f"{PODS}/p/status", {"metadata": {"uid": NO_UID,
         "resourceVersion": "1"}}, STRATEGIC),
    Case("another name in a patch", "PATCH", f"{PODS}/p/status", {"metadata": {"name": "q"}}, STRATEGIC),
    Case("another namespace in a patch", "PATCH", f"{PODS}/p/status", {"metadata": {"namespace": "kube-system"}}, STRATEGIC),
    Case("a patch of a Pod that is not there", **status({"phase": "Running"}, f"{PODS}/gone")),
    Case("a patch of a Pod that is not there, by uid", "PATCH", f"{PODS}/gone/status", {"metadata": {"uid": NO_UID},
         "status": {"phase": "Running"}}, STRATEGIC),
    Case("another Pod's uid in a PUT", "PUT", f"{PODS}/p/status", pod("p") | {"metadata": {"name": "p", "uid": NO_UID}}),
    Case("an old version in a PUT", "PUT", f"{PODS}/p/status", pod("p") | {"metadata": {"name": "p", "resourceVersion": "1"}}),
    Case("another Node's uid in a patch", "PATCH", f"{NODES}/vnode/status", {"metadata": {"uid": NO_UID},
         "status": {"phase": "Running"}}, STRATEGIC),
    Case("another uid in a patch of a Node itself", "PATCH", f"{NODES}/vnode", {"metadata": {"uid": NO_UID}}, STRATEGIC),
    Case("another uid in the precondition of a delete", "DELETE", f"{PODS}/p", {"preconditions": {"uid": NO_UID},
         "gracePeriodSeconds": 0}),
    Case("an old version in the precondition of a delete", "DELETE", f"{PODS}/p", {"preconditions": {"resourceVersion": "1"},
         "gracePeriodSeconds": 0}),
    Case("a delete of what is not there", "DELETE", f"{PODS}/gone", {"gracePeriodSeconds": 0}),
    Case("a delete with a negative grace", "DELETE", f"{PODS}/p", {"gracePeriodSeconds": -5}),
]

POD_STATUS = [
    Case("a condition without a type", **status({"conditions": [{"status": "True"}]}), says=False),
    Case("a condition without a status", **status({"conditions": [{"type": "example.com/odd"}]})),
    Case("a condition of an ill-formed type", **status({"conditions": [{"type": "not good", "status": "True"}]})),
    Case("new conditions come first", **status({"conditions": [{"type": "example.com/new", "status": "True"}, {"type": "Ready",
         "status": "False"}]})),
    Case("a condition's negative generation", **status({"conditions": [{"type": "Ready", "status": "False",
         "observedGeneration": -1}]})),
    Case("a negative generation", **status({"observedGeneration": -1})),
    Case("a generation", **status({"observedGeneration": 1})),
    Case("a generation that is taken back", **status({"observedGeneration": None})),
    Case("the status of a container that the Pod has not", **status({"containerStatuses": [running("ghost")]})),
    Case("one container twice", **status({"containerStatuses": [running("main"), running("main")]})),
    Case("a container status with a name alone", **status({"containerStatuses": [{"name": "main"}]})),
    Case("a container status without a name", **status({"containerStatuses": [{"image": "none:1"}]})),
    Case("an unknown phase", **status({"phase": "Dreaming"})),
    Case("another class of service", **status({"qosClass": "Guaranteed"})),
    Case("no class of service", **status({"qosClass": None})),
    Case("a nomination of a bound Pod", **status({"nominatedNodeName": "vnode"})),
    Case("an address alone", **status({"podIP": "10.0.0.1"})),
    Case("another address beside the old list", **status({"podIP": "10.0.0.2"})),
    Case("an address that is not the list's first", **status({"podIP": "10.0.0.3", "podIPs": [{"ip": "10.0.0.4"},
         {"$patch": "replace"}]})),
    Case("the list alone, in place of the old", **status({"podIP": None, "podIPs": [{"ip": "10.0.0.5"}, {"$patch": "replace"}]})),
    Case("the list alone, which merges", **status({"podIPs": [{"ip": "10.0.0.6"}]})),
    Case("two families", **status({"podIP": "10.0.0.6", "podIPs": [{"ip": "10.0.0.6"}, {"ip": "fd00::1"}, {"$patch": "replace"}]})),
    Case("two of one family", **status({"podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}, {"ip": "10.0.0.8"},
         {"$patch": "replace"}]})),
    Case("an address that is none", **status({"podIP": "here", "podIPs": [{"ip": "here"}, {"$patch": "replace"}]})),
    Case("an address with leading zeros", **status({"podIP": "10.00.0.1", "podIPs": [{"ip": "10.00.0.1"}, {"$patch": "replace"}]})),
    Case("no address", **status({"podIP": None, "podIPs": None})),
    Case("a host's address alone", **status({"hostIP": "10.1.0.1"})),
    Case("a host's address and list", **status({"hostIP": "10.1.0.1", "hostIPs": [{"ip": "10.1.0.1"}]})),
    Case("a host's address that is not the list's first", **status({"hostIP": "10.1.0.2", "hostIPs": [{"ip": "10.1.0.3"},
         {"$patch": "replace"}]})),
    Case("a host's second address, which merges", **status({"hostIP": "10.1.0.4", "hostIPs": [{"ip": "10.1.0.4"}]})),
    Case("a host's address that is none", **status({"hostIP": "x", "hostIPs": [{"ip": "x"}, {"$patch": "replace"}]})),
    Case("labels through the status", "PATCH", f"{PODS}/p/status", {"metadata": {"labels": {"app": "api"}}}, STRATEGIC),
    Case("annotations through the status", "PATCH", f"{PODS}/p/status", {"metadata": {"annotations": {"a": "b"}}}, STRATEGIC),
    Case("an ill-formed annotation", "PATCH", f"{PODS}/p/status", {"metadata": {"annotations": {"a b": "b"}}}, STRATEGIC),
    Case("an ill-formed label", "PATCH", f"{PODS}/p/status", {"metadata": {"labels": {"app": "a b"}}}, STRATEGIC),
    Case("owners through the status", "PATCH", f"{PODS}/p/status", {"metadata": {"ownerReferences": [
        {"apiVersion": "v1", "kind": "Node", "name": "vnode", "uid": NO_UID}]}}, STRATEGIC),
    Case("spec through the status", "PATCH", f"{PODS}/p/status", {"spec": {"nodeName": "other"}}, STRATEGIC),
    Case("the container runs", **status({"phase": "Running", "containerStatuses": [running("main"), {"$patch": "replace"}]})),
    Case("the phase goes back", **status({"phase": "Pending"})),
    Case("the phase is over", **status({"phase": "Failed", "reason": "Evicted"})),
    Case("the phase comes back from its end", **status({"phase": "Running", "reason": None})),
    Case("a container has ended", **status({"containerStatuses": [ended("main")]}, f"{PODS}/never")),
    Case("it runs again, and never may", **status({"containerStatuses": [running("main")]}, f"{PODS}/never")),
    Case("it is forgotten", **status({"containerStatuses": [{"$patch": "replace"}]}, f"{PODS}/never")),
    Case("an init container has ended", **status({"initContainerStatuses": [ended("init-0")]}, f"{PODS}/never")),
    Case("it runs again, and never may, too", **status({"initContainerStatuses": [running("init-0")]}, f"{PODS}/never")),
    Case("a container has failed", **status({"containerStatuses": [ended("main", 1)]}, f"{PODS}/retried")),
    Case("it runs again, and may", **status({"containerStatuses": [running("main")]}, f"{PODS}/retried")),
    Case("it has succeeded", **status({"containerStatuses": [ended("main", 0)]}, f"{PODS}/retried")),
    Case("it runs again, and may not", **status({"containerStatuses": [running("main")]}, f"{PODS}/retried")),
]


def node_status(fields: dict, **more) -> dict:
    return status(fields, f"{NODES}/vnode", **more)


def of_node(metadata=None, spec=None) -> dict:
    return {"method": "PATCH", "path": f"{NODES}/vnode", "content_type": STRATEGIC,
            "body": ({"metadata": metadata} if metadata else {}) | ({"spec": spec} if spec else {})}


NODE = [
    Case("a Node that is there", "POST", NODES, node("vnode")),
    Case("a Node of an ill-formed name", "POST", NODES, node("Not_Good")),
    Case("a Node with an ill-formed label", "POST", NODES, node("third") | {"metadata": {"name": "third", "labels": {"a": "b c"}}}),
    Case("a Node with an unknown taint effect", "POST", NODES, node("third") | {"spec": {"taints": [{"key": "a",
         "effect": "Never"}]}}),
    Case("a Node with a taint twice", "POST", NODES, node("third") | {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}] * 2}}),
    Case("a Node with a taint without a key", "POST", NODES, node("third") | {"spec": {"taints": [{"effect": "NoSchedule"}]}}),
    Case("conditions", **node_status({"conditions": [{"type": "Ready", "status": "True", "reason": "a", "message": "b",
                                                      "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}]})),
    Case("a new condition comes first", **node_status({"conditions": [{"type": "CloudReachable", "status": "True",
                                                                       "lastHeartbeatTime": "2026-01-01T00:00:00.5Z", "lastTransitionTime": None}]})),
    Case("a node condition without a type", **node_status({"conditions": [{"status": "True"}]}), says=False),
    Case("a node condition without a status", **node_status({"conditions": [{"type": "Odd"}]})),
    Case("an unreadable heartbeat", **node_status({"conditions": [{"type": "Ready", "lastHeartbeatTime": "noon"}]}), says=False),
    Case("amounts", **node_status({"capacity": {"cpu": "4", "memory": "8Gi", "pods": 110}, "allocatable": {"cpu": "4000m",
         "memory": "8192Mi", "pods": "110"}})),
    Case("an unreadable amount", **node_status({"capacity": {"cpu": "many"}}), says=False),
    Case("an amount of an ill-formed resource", **node_status({"capacity": {"a b": "1"}})),
    Case("a fraction of a Pod", **node_status({"capacity": {"pods": "1.5"}})),
    Case("a negative amount", **node_status({"capacity": {"cpu": "-1"}})),
    Case("amounts that are no object", **node_status({"capacity": ["cpu"]}), says=False),
    Case("addresses", **node_status({"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]})),
    Case("another address of the type", **node_status({"addresses": [{"type": "InternalIP", "address": "10.0.0.2"}]})),
    Case("an address twice", **node_status({"addresses": [{"type": "InternalIP",
         "address": "10.0.0.2"}] * 2 + [{"$patch": "replace"}]})),
    Case("an address without a type", **node_status({"addresses": [{"address": "10.0.0.2"}]}), says=False),
    Case("a port that is text", **node_status({"daemonEndpoints": {"kubeletEndpoint": {"Port": "10250"}}}), says=False),
    Case("a port", **node_status({"daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}})),
    Case("what the kubelet says of itself", **node_status({"nodeInfo": {"kubeletVersion": "v1.36.0", "architecture": "amd64"}})),
    Case("declared features", **node_status({"declaredFeatures": ["ExtendWebSocketsToKubelet"]})),
    Case("declared features out of order", **node_status({"declaredFeatures": ["B", "A"]})),
    Case("declared features that are text", **node_status({"declaredFeatures": "A"}), says=False),
    Case("a Node's annotations through the status", "PATCH", f"{NODES}/vnode/status", {"metadata": {"annotations": {"a": "b"}}},
         STRATEGIC),
    Case("a Node's labels through the status", "PATCH", f"{NODES}/vnode/status", {"metadata": {"labels": {"c": "d"}}}, STRATEGIC),
    Case("taints", **of_node(spec={"taints": [{"key": "a", "effect": "NoSchedule"}]})),
    Case("another taint", **of_node(spec={"taints": [{"key": "b", "value": "c", "effect": "NoExecute"}]})),
    Case("an unknown effect", **of_node(spec={"taints": [{"key": "a", "effect": "Never"}]})),
    Case("an unreadable effect", **of_node(spec={"taints": [{"key": "a", "effect": 1}]}), says=False),
    Case("an old version beside taints", **of_node({"resourceVersion": "1"}, {"taints": []})),
    Case("a cordon that is text", **of_node(spec={"unschedulable": "yes"}), says=False),
    Case("a label", **of_node({"labels": {"a": "b"}})),
    Case("a label that is taken away", **of_node({"labels": {"a": None}})),
    Case("an ill-formed label of a Node", **of_node({"labels": {"a": "b c"}})),
]

LEASE = [
    Case("a Lease", "POST", LEASES, lease("vnode")),
    Case("a Lease that is there", "POST", LEASES, lease("vnode")),
    Case("a duration of 0", "POST", LEASES, lease("third", leaseDurationSeconds=0)),
    Case("a duration that is text", "POST", LEASES, lease("third", leaseDurationSeconds="40"), says=False),
    Case("a renewal without fractions", "POST", LEASES, lease("third", renewTime="2026-01-01T00:00:00Z"), says=False),
    Case("a renewal in milliseconds", "POST", LEASES, lease("third", renewTime="2026-01-01T00:00:00.123Z"), says=False),
    Case("a renewal in nanoseconds", "POST", LEASES, lease("fourth", renewTime="2026-01-01T00:00:00.123456789Z"), says=False),
    Case("an unreadable renewal", "POST", LEASES, lease("fifth", renewTime="noon"), says=False),
    Case("a Lease of an ill-formed name", "POST", LEASES, lease("Not_Good")),
    Case("a PUT without a version", "PUT", f"{LEASES}/vnode", lease("vnode")),
    Case("a PUT with an old version", "PUT", f"{LEASES}/vnode", lease("vnode") | {"metadata": {"name": "vnode",
         "resourceVersion": "1"}}),
    Case("a PUT with the version", "PUT", f"{LEASES}/vnode", lease("vnode", holderIdentity="y") | {"metadata": {"name": "vnode",
         "resourceVersion": f"$version {LEASES}/vnode"}}),
    Case("a PUT with another uid", "PUT", f"{LEASES}/vnode", lease("vnode") | {"metadata": {"name": "vnode", "uid": NO_UID,
         "resourceVersion": f"$version {LEASES}/vnode"}}),
    Case("a PUT of none", "PUT", f"{LEASES}/sixth", lease("sixth")),
    Case("a PUT of none with a version", "PUT", f"{LEASES}/seventh", lease("seventh") | {"metadata": {"name": "seventh",
         "resourceVersion": "1"}}),
    Case("a PUT of none with a uid", "PUT", f"{LEASES}/eighth", lease("eighth") | {"metadata": {"name": "eighth", "uid": NO_UID}}),
    Case("a PUT of none with both", "PUT", f"{LEASES}/eighth", lease("eighth") | {"metadata": {"name": "eighth", "uid": NO_UID,
         "resourceVersion": "1"}}),
    Case("a PUT without a holder", "PUT", f"{LEASES}/vnode", lease("vnode", holderIdentity=None) | {"metadata": {"name": "vnode",
         "resourceVersion": f"$version {LEASES}/vnode"}}),
    Case("a PUT with an unreadable renewal", "PUT", f"{LEASES}/vnode", lease("vnode",
         renewTime="noon") | {"metadata": {"name": "vnode", "resourceVersion": f"$version {LEASES}/vnode"}}, says=False),
]

EVENT = [
    Case("an event", "POST", EVENTS, event("e-1")),
    Case("an event that is there", "POST", EVENTS, event("e-1")),
    Case("no controller", "POST", EVENTS, event("e-2", reportingController="")),
    Case("an ill-formed controller", "POST", EVENTS, event("e-2", reportingController="not good")),
    Case("a controller with two slashes", "POST", EVENTS, event("e-2", reportingController="spillway.io/agent/vnode")),
    Case("a long controller", "POST", EVENTS, event("e-2", reportingController="x" * 129)),
    Case("no instance", "POST", EVENTS, event("e-2", reportingInstance="")),
    Case("no action", "POST", EVENTS, event("e-2", action="")),
    Case("no reason", "POST", EVENTS, event("e-2", reason="")),
    Case("a long action", "POST", EVENTS, event("e-2", action="x" * 129)),
    Case("a long note", "POST", EVENTS, event("e-2", note="x" * 1025)),
    Case("no note", "POST", EVENTS, event("e-3", note="")),
    Case("an unknown type", "POST", EVENTS, event("e-4", type="Odd")),
    Case("no time", "POST", EVENTS, event("e-4", eventTime=None)),
    Case("a time without fractions", "POST", EVENTS, event("e-5", eventTime="2026-01-01T00:00:00Z"), says=False),
    Case("an unreadable time of an event", "POST", EVENTS, event("e-6", eventTime="noon"), says=False),
    Case("about nothing in particular", "POST", EVENTS, event("e-7", regarding={})),
    Case("about another namespace's Pod", "POST", EVENTS, event("e-8", regarding={"kind": "Pod", "namespace": "kube-system",
         "name": "p"})),
    Case("a series of one", "POST", EVENTS, event("e-9", series={"count": 1, "lastObservedTime": "2026-01-01T00:00:00.000000Z"})),
    Case("an old count", "POST", EVENTS, event("e-9", deprecatedCount=3)),
    Case("an old source", "POST", EVENTS, event("e-9", deprecatedSource={"component": "kubelet"})),
    Case("an ill-formed name", "POST", EVENTS, event("Not_Good")),
    Case("a series begins", "PATCH", f"{EVENTS}/seen", {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}},
         MERGE),
    Case("a series without a time", "PATCH", f"{EVENTS}/seen", {"series": {"count": 3, "lastObservedTime": None}}, MERGE),
    Case("a series that counts 1", "PATCH", f"{EVENTS}/seen", {"series": {"count": 1}}, MERGE),
    Case("a count that is text", "PATCH", f"{EVENTS}/seen", {"series": {"count": "2"}}, MERGE, says=False),
    Case("another note", "PATCH", f"{EVENTS}/seen", {"note": "other"}, MERGE),
    Case("another reason", "PATCH", f"{EVENTS}/seen", {"reason": "Other"}, MERGE),
    Case("another controller", "PATCH", f"{EVENTS}/seen", {"reportingController": "other.io/agent"}, MERGE),
    Case("a series of what is not there", "PATCH", f"{EVENTS}/gone", {"series": {"count": 2}}, MERGE),
]


def eviction(name: str = "p", **options) -> dict:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    return {"method": "POST", "path": f"{PODS}/{name}/eviction", "body": body | ({"deleteOptions": options} if options else {})}


def preconditions(uid: str = f"$uid {PODS}/p", version: str = f"$version {PODS}/p") -> dict:
    return {"preconditions": {"uid": uid, "resourceVersion": version}}


BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"


def budget(name: str) -> dict:
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}}


def allows(disruptions: int) -> Case:
    return Case(f"a budget that allows {disruptions}", "PATCH", f"{BUDGETS}/web/status", {"status": {
        "observedGeneration": 1, "disruptionsAllowed": disruptions, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}}, MERGE)


EVICTION = [
    Case("an eviction of what is not there", **eviction("gone")),
    Case("an eviction of another's name", "POST", f"{PODS}/p/eviction", {"apiVersion": "policy/v1", "kind": "Eviction",
         "metadata": {"name": "q"}}),
    Case("an eviction of another's uid", **eviction(**preconditions(uid=NO_UID)), says=False),
    Case("an eviction of an old version", **eviction(**preconditions(version="1")), says=False),
    Case("the Pod runs", **status({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})),
    Case("a budget", "POST", BUDGETS, budget("web")),
    Case("an eviction before the budget was looked at", **eviction(**preconditions())),
    allows(0),
    Case("an eviction against a budget", **eviction(**preconditions())),
    Case("an eviction against a budget, of another's uid", **eviction(**preconditions(uid=NO_UID))),
    Case("another budget", "POST", BUDGETS, budget("more")),
    Case("an eviction with two budgets", **eviction(**preconditions())),
    Case("one budget less", "DELETE", f"{BUDGETS}/more", {}, says=False),
    allows(1),
    Case("an eviction that is tried", **eviction(dryRun=["All"])),
    Case("an eviction that a budget allows, of an old version", **eviction(**preconditions(version="1")), says=False),
    allows(1),
    Case("an eviction that a budget allows", **eviction(**preconditions())),
    allows(0),
    Case("an eviction of a Pod that is being deleted", **eviction(), says=False),
    Case("no budget", "DELETE", f"{BUDGETS}/web", {}, says=False),
]

PENDING_EVICTION = [
    Case("a budget", "POST", BUDGETS, budget("web")),
    allows(0),
    Case("an eviction of a Pod that is Pending, past its budget", **eviction(**preconditions())),
    Case("no budget", "DELETE", f"{BUDGETS}/web", {}, says=False),
]


def token(**spec) -> dict:
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["vault"]} | spec}


def bound(uid: str = f"$uid {PODS}/p", **fields) -> dict:
    return {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid} | fields}


TOKEN = [
    Case("a token", "POST", TOKENS, token()),
    Case("a token for a Pod", "POST", TOKENS, token(**bound())),
    Case("a token of too short a life", "POST", TOKENS, token(expirationSeconds=60)),
    Case("a token of too long a life", "POST", TOKENS, token(expirationSeconds=2 ** 33)),
    Case("a token for another Pod's uid", "POST", TOKENS, token(**bound(NO_UID))),
    Case("a token for a Pod that is not there", "POST", TOKENS, token(**bound(name="gone"))),
    Case("a token for a Node that is not there", "POST", TOKENS, token(**bound(kind="Node", name="gone"))),
    Case("a token for another kind", "POST", TOKENS, token(**bound(kind="Job", apiVersion="batch/v1"))),
    Case("a token of nobody", "POST", TOKENS.replace("/default/token", "/nobody/token"), token()),
]


def by_kubelet(name: str, method: str, path: str, body, content_type="application/json", says=True) -> Case:
    return Case(name, method, path, body, content_type, KUBELET, says)


RESTRICTED = [
    by_kubelet("its own Pod's status", **status({"phase": "Running"})),
    by_kubelet("another node's Pod", **status({"phase": "Running"}, f"{PODS}/elsewhere")),
    by_kubelet("a Pod that is not there", **status({"phase": "Running"}, f"{PODS}/gone")),
    by_kubelet("its own Pod's labels", "PATCH", f"{PODS}/p/status", {"metadata": {"labels": {"x": "y"}}}, STRATEGIC),
    by_kubelet("its own Pod's annotations", "PATCH", f"{PODS}/p/status", {"metadata": {"annotations": {"x": "y"}}}, STRATEGIC),
    by_kubelet("another Pod's uid by a kubelet", "PATCH", f"{PODS}/p/status", {"metadata": {"uid": NO_UID}}, STRATEGIC),
    by_kubelet("its own Pod's spec", "PATCH", f"{PODS}/p", {"spec": {"activeDeadlineSeconds": 5}}, STRATEGIC),
    by_kubelet("a Pod of its own", "POST", PODS, pod("mirror")),
    by_kubelet("a delete of another node's Pod", "DELETE", f"{PODS}/elsewhere", {"gracePeriodSeconds": 0}),
    by_kubelet("a delete with another Pod's uid", "DELETE", f"{PODS}/p", {"preconditions": {"uid": NO_UID}, "gracePeriodSeconds": 0}),
    by_kubelet("a binding", "POST", f"{PODS}/p/binding", {"target": {"kind": "Node", "name": "vnode"}}),
    by_kubelet("its own Node's status", **node_status({"conditions": [{"type": "Ready", "status": "True",
         "reason": "KubeletReady"}]})),
    by_kubelet("another Node's status", **status({"phase": "Running"}, f"{NODES}/other")),
    by_kubelet("its own taints", **of_node(spec={"taints": [{"key": "a", "effect": "NoSchedule"}]})),
    by_kubelet("its own taints again", **of_node(spec={"taints": [{"key": "x", "effect": "NoSchedule"}]})),
    by_kubelet("its own cordon", **of_node(spec={"unschedulable": True})),
    by_kubelet("its own role", **of_node({"labels": {"kubernetes.io/role": "agent"}})),
    by_kubelet("two labels it may not set", **of_node({"labels": {"kubernetes.io/role": "agent", "a.k8s.io/b": "c", "type": "x"}})),
    by_kubelet("a label of node-restriction", **of_node({"labels": {"node-restriction.kubernetes.io/a": "b"}})),
    by_kubelet("a label of its own", **of_node({"labels": {"type": "virtual-kubelet",
         "node.kubernetes.io/exclude-from-external-load-balancers": "true"}})),
    by_kubelet("its own annotations", **of_node({"annotations": {"spillway.io/x": "y"}})),
    by_kubelet("its own Node's owners", **of_node({"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "x",
         "uid": NO_UID}]})),
    by_kubelet("another's Node", "POST", NODES, node("third")),
    by_kubelet("its own Node with a role", "POST", NODES, node("vnode") | {"metadata": {"name": "vnode",
         "labels": {"kubernetes.io/role": "agent"}}}),
    by_kubelet("its own Node that is there", "POST", NODES, node("vnode")),
    by_kubelet("a delete of its Node", "DELETE", f"{NODES}/vnode", {}),
    by_kubelet("its own new Lease", "POST", LEASES, lease("vnode")),
    by_kubelet("its own Lease", "PUT", f"{LEASES}/vnode", lease("vnode") | {"metadata": {"name": "vnode",
         "resourceVersion": f"$version {LEASES}/vnode"}}),
    by_kubelet("another's Lease", "PUT", f"{LEASES}/other", lease("other")),
    by_kubelet("a new Lease of another", "POST", LEASES, lease("third")),
    by_kubelet("a Lease elsewhere", "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases",
               lease("vnode") | {"metadata": {"name": "vnode", "namespace": "default"}}),
    by_kubelet("an event of a kubelet", "POST", EVENTS, event("k-1")),
    by_kubelet("a series of a kubelet", "PATCH", f"{EVENTS}/seen", {"series": {"count": 9,
         "lastObservedTime": "2026-01-01T00:00:09.000000Z"}}, MERGE),
    by_kubelet("a delete of an event", "DELETE", f"{EVENTS}/seen", {}),
    by_kubelet("a ConfigMap of a kubelet", "POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "x"}}),
    by_kubelet("a token for no Pod", "POST", TOKENS, token(audiences=[])),
    by_kubelet("a token for a Pod elsewhere", "POST", TOKENS, token(**bound(f"$uid {PODS}/elsewhere", name="elsewhere"))),
    by_kubelet("a token for another uid", "POST", TOKENS, token(**bound(NO_UID))),
    by_kubelet("a token for an audience that no volume names", "POST", TOKENS, token(**bound())),
    by_kubelet("its Pods of another node", "GET", f"{PODS}?fieldSelector=spec.nodeName%3Dother", None),
    by_kubelet("all Pods", "GET", PODS, None),
    by_kubelet("all Nodes", "GET", NODES, None),
    by_kubelet("another Node", "GET", f"{NODES}/other", None),
    by_kubelet("another's Lease, to read", "GET", f"{LEASES}/other", None),
    by_kubelet("a delete of its own Pod", "DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0}),
]

GROUPS = {"shapes": SHAPES, "identity": IDENTITY, "pod_status": POD_STATUS, "nodes": NODE, "leases": LEASE, "events": EVENT,
          "tokens": TOKEN, "node_restriction": RESTRICTED, "eviction": EVICTION, "pending_eviction": PENDING_EVICTION}
