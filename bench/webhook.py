#!/usr/bin/env python3
"""The webhook and the gates it sets, on a real control plane; prints a table.

    reviews    AdmissionReviews at a steady rate over kept connections, as kube-apiserver sends them: the time of each, by the
               client's clock and by the webhook's own
    gates      3,000 Pods that wait with the gate, all at once, when a controller begins to lead: how long the last gate waits from then on.
               Default flags, but for --gate-deadline: the Pods take longer to create than that, and would all be lifted plainly

    bench/webhook.py [reviews] [gates]       SPILLWAY_BIN or build/spillway

The client is Python on the same machine, and its own time is in what it measures. Exits 1 when a figure misses its target.
"""

import argparse
import concurrent.futures
import http.client
import json
import pathlib
import ssl
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "controlplane"))

from api import PersistentApi  # noqa: E402
from figures import Table, machine, percentile  # noqa: E402
from processes import wait_until  # noqa: E402
from webhook_cluster import WebhookCluster  # noqa: E402

GATE = "spillway.io/local-replicas"
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "controller": True}  # counts, and creates nothing itself


def pod(name: str, owner_uid: str, gated: bool) -> dict:
    spec = {"containers": [{"name": "main", "image": "pause", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]}
    if gated:
        spec["schedulingGates"] = [{"name": GATE}]
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec, "metadata": {
        "name": name, "annotations": {"LOCAL_REPLICAS": "100"}, "ownerReferences": [OWNER | {"uid": owner_uid}]}}


def measure_reviews(options, table: Table):
    with WebhookCluster() as cluster:
        cluster.start_controller()
        webhook = cluster.start_webhook()
        review = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "operation": "CREATE", "namespace": "shop", "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": pod("p", "u", gated=False)}})
        context = ssl.create_default_context(cadata=cluster.told_ca())
        port = cluster.webhook_ports["one"]
        with concurrent.futures.ThreadPoolExecutor(options.connections) as pool:
            started = time.monotonic() + 1
            runs = [pool.submit(ask_steadily, port, context, review, started + i / options.rate,
                                options.connections / options.rate, options.seconds) for i in range(options.connections)]
            took = sorted(each for run in runs for each in run.result())
        inside = webhook.metric("spillway_admission_review_duration_seconds_sum") / webhook.metric("spillway_admission_review_duration_seconds_count")
        patched = webhook.metric('spillway_admission_reviews_total{duty="adopt",result="patched"}')
    rate = len(took) / options.seconds
    p99 = percentile(took, 99) * 1000
    table.add("reviews a second, answered", f"{rate:.0f}", f">= {options.rate * 0.99:.0f}", rate >= options.rate * 0.99)
    table.add("of these with a patch", f"{patched / len(took):.0%}", "100%", patched == len(took))
    table.add("time by the client, p50", f"{percentile(took, 50) * 1000:.1f} ms")
    table.add("time by the client, p99", f"{p99:.1f} ms", "< 10 ms", p99 < 10)
    table.add("time within the webhook, mean", f"{inside * 1000:.2f} ms")


def ask_steadily(port: int, context: ssl.SSLContext, body: str, start: float, every: float, seconds: float) -> list[float]:
    """The time of each request; one that is late starts at once, and its time counts from when it was due."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    connection.connect()
    took = []
    for due in (start + i * every for i in range(int(seconds / every))):
        time.sleep(max(0.0, due - time.monotonic()))
        connection.request("POST", "/mutate/adopt", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"answered {answer.status}")
        took.append(time.monotonic() - due)
    return took


def measure_gates(options, table: Table):
    with WebhookCluster() as cluster:
        cluster.hollow_nodes("real", None, "--count=10", "--prefix=real-", "--shape=64,256Gi,500", expect=10)
        cluster.hollow_nodes("virtual", None, "--count=3", "--prefix=virtual-kubelet-", "--shape=1000000,6400Ti,3000",
                             "--label=type=virtual-kubelet", "--taint=virtual-kubelet.io/provider=alibabacloud:NoSchedule", expect=3)
        owner = cluster.api.create("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "owner"}})["metadata"]["uid"]
        clients = [cluster.api_as(f"creator-{i}", ["system:masters"]) for i in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: create(clients[i], owner, range(i, options.pods, 8)), range(8)))
        began = time.monotonic()
        controller = cluster.start_controller("--gate-deadline=1h")
        wait_until(lambda: not gated(cluster), "all gates lifted", 120, [controller.process], every=0.25)
        last = time.monotonic() - began
        text = controller.metric_text()
    lifted = {line.partition('result="')[2].partition('"')[0]: int(float(line.rpartition(" ")[2]))
              for line in text.splitlines() if line.startswith("spillway_gates_lifted_total{")}
    table.add(f"{options.pods} gates at once: the last is lifted after", f"{last:.1f} s", "< 30 s", last < 30)
    table.add("lifted", ", ".join(f"{n} {result}" for result, n in sorted(lifted.items()) if n))


def create(api: PersistentApi, owner: str, numbers: range):
    for number in numbers:
        api.create("/api/v1/namespaces/default/pods", pod(f"p-{number}", owner, gated=True))


def gated(cluster: WebhookCluster) -> bool:
    """Whether any Pod is; a Pod with a gate has no node."""
    waiting = cluster.api.items("/api/v1/namespaces/default/pods", fieldSelector="spec.nodeName=")
    return any(p["spec"].get("schedulingGates") for p in waiting)


def main() -> int:
    measurements = {"reviews": measure_reviews, "gates": measure_gates}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="of: " + ", ".join(measurements) + " (default: both)")
    parser.add_argument("--rate", type=float, default=500, help="reviews a second")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pods", type=int, default=3000, help="for gates")
    options = parser.parse_args()
    for what in options.what:
        if what not in measurements:
            parser.error(f"unknown measurement {what}; there are: {', '.join(measurements)}")
    table = Table()
    for what in options.what or measurements:
        measurements[what](options, table)
    print(f"{machine()}\n{table}")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
