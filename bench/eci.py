#!/usr/bin/env python3
"""One virtual node on ECI under a burst: Pods that are bound to it all at once, until all run, then a rest, without and with metrics.

    bench/eci.py                       3,000 Pods, at 500 requests a second to the API server
    bench/eci.py --pods=300 --qps=50

The API server is `spillway sandbox`, and the cloud is the emulator of ECI with the rate limits that ECI documents; both are processes
of their own on this machine, and the agent speaks HTTP to both. Calls are counted by the emulator. What the cloud takes itself is not
counted as the agent's: a create may come when its rate limit lets it, takes a call, and its instance runs when the emulator has
started it. Needs SPILLWAY_BIN or build/spillway, ECI_SERVER or build/tests/emulators/eci_server. Exits 1 when a target is missed.
"""

import argparse
import base64
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from agents import ROOT, Agent, Client, Watched, median, pod, wait_until, wait_until_quiet

sys.path.insert(0, str(ROOT / "tests" / "wire"))

from processes import SPILLWAY, Sandbox  # noqa: E402

SERVER = os.environ.get("ECI_SERVER", str(ROOT / "build/tests/emulators/eci_server"))
NODE = "vnode-0"
# Calls a minute that an account may make of each API, as ECI documents them; of those not named 500.
PER_MINUTE = {"CreateContainerGroup": 1200, "DeleteContainerGroup": 1200, "DescribeContainerGroups": 2000,
              "DescribeContainerGroupStatus": 10000, "DescribeMultiContainerGroupMetric": 2000}
CREATES_AT_ONCE, CREATES_A_SECOND = 100, 20
CALL, START = 0.001, 0.3  # seconds: the emulator's server's
COLLECTION = ("DescribeContainerGroupStatus", "DescribeContainerGroups")  # by which changes and ends are seen
METRICS = "DescribeMultiContainerGroupMetric"
AT_MOST = 0.10  # of a rate limit, at rest
BEYOND_THE_CLOUD = 10.0  # seconds
QUIET = 65  # seconds after which nothing is new to the agent
SCRAPE = 15  # seconds between two questions for metrics, as metrics-server asks


def new_agent(sandbox, folder, options, url):
    config = sandbox.kubeconfig.read_text()
    for name in ("certificate-authority", "client-certificate", "client-key"):
        (folder / name).write_bytes(base64.b64decode(re.search(rf"{name}-data: (\S+)", config)[1]))
    os.environ.update(ECI_ACCESS_KEY="emulated-key", ECI_SECRET_KEY="emulated-secret")
    return Agent(NODE, sandbox, folder, options, options.qps, [
        "--provider=alibabacloud", f"--eci-endpoint={url}", "--eci-region=cn-emulated", "--eci-vswitch=vsw-a,vsw-b",
        "--eci-security-group=sg-1", f"--client-ca-file={folder / 'certificate-authority'}", "--kubelet-bind-address=127.0.0.1"])


def kubelet(client, folder, path):
    """What the node's kubelet API answers an administrator."""
    node = client.call("GET", f"/api/v1/nodes/{NODE}")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its certificate is its own
    context.load_cert_chain(folder / "client-certificate", folder / "client-key")
    url = f"https://127.0.0.1:{node['status']['daemonEndpoints']['kubeletEndpoint']['Port']}{path}"
    with urllib.request.urlopen(url, context=context, timeout=60) as answer:
        return json.loads(answer.read())


class Cloud:
    def __init__(self):
        self.process = subprocess.Popen([SERVER], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def counts(self):
        with urllib.request.urlopen(f"{self.url}/_emulator/counts", timeout=30) as answer:
            return json.loads(answer.read())

    def stop(self):
        self.process.kill()
        self.process.wait()


def as_the_cloud_allows(bound):
    """When each of them could run at the earliest, in order: by the rate limit of creates, the call, and the start."""
    could, tokens, then = [], float(CREATES_AT_ONCE), min(bound)
    for moment in sorted(bound):
        at = max(moment, then)
        tokens = min(CREATES_AT_ONCE, tokens + (at - then) * CREATES_A_SECOND)
        if tokens < 1:
            at += (1 - tokens) / CREATES_A_SECOND
            tokens = 1.0
        tokens, then = tokens - 1, at
        could.append(at + CALL + START)
    return could


def shares(before, after, seconds):
    """api -> (calls a minute, share of its limit)"""
    made = {api: (after.get(api, 0) - before.get(api, 0)) * 60 / seconds for api in after}
    return {api: (rate, rate / PER_MINUTE.get(api, 500)) for api, rate in sorted(made.items()) if rate > 0}


def rest(cloud, seconds, ask=None):
    before, end = cloud.counts()["calls"], time.monotonic() + seconds
    while time.monotonic() < end:
        if ask:
            ask()
        time.sleep(min(SCRAPE, max(0.0, end - time.monotonic())))
    return shares(before, cloud.counts()["calls"], seconds)


def burst(client, watched, options):
    """(rows of the burst, when it ended)"""
    bound = []
    for i in range(options.pods):
        client.call("POST", "/api/v1/namespaces/default/pods", pod(i, NODE))
        bound.append(time.monotonic())
    ran = wait_until(lambda: len(watched.running) == options.pods, "all Pods run")
    beyond = [took - could for took, could in zip(sorted(watched.running.values()), as_the_cloud_allows(bound))]
    return [("creating the Pods", bound[-1] - bound[0], "s", None),
            ("last Running after the first bind", ran - bound[0], "s", None),
            ("of that, by the cloud's rate limit at least", as_the_cloud_allows(bound)[-1] - bound[0], "s", None),
            ("beyond the cloud's own latency, median", median(beyond), "s", BEYOND_THE_CLOUD),
            ("beyond the cloud's own latency, longest", max(beyond), "s", None)]


def rows_of(title, told, limited):
    return [(f"{title}: {api}, a minute", rate, "", None) for api, (rate, _) in told.items()] + [
        (f"{title}: {api}, of its rate limit", 100 * share, "%", 100 * AT_MOST if api in limited else None)
        for api, (_, share) in told.items()]


def measure(options):
    """(what, value, unit, target or None)"""
    folder_handle = tempfile.TemporaryDirectory()
    folder, sandbox, cloud, agent = Path(folder_handle.name), Sandbox(), Cloud(), None
    try:
        client = Client(sandbox)
        agent = new_agent(sandbox, folder, options, cloud.url)
        wait_until(lambda: any("spillway.io/price-per-cpu-hour" in node["metadata"]["annotations"]
                               for node in client.call("GET", "/api/v1/nodes")["items"]), "the node is there, with its prices")
        watched, before = Watched(sandbox), cloud.counts()["calls"]
        rows = burst(client, watched, options)
        after = cloud.counts()["calls"]
        rows += [(f"calls a Pod until all run: {api}", (count - before.get(api, 0)) / options.pods, "", None)
                 for api, count in sorted(after.items()) if count > before.get(api, 0)]
        rows.append(("cost an hour, as the metric says", agent.metric("spillway_instance_cost_per_hour"), "CNY", None))
        wait_until_quiet([agent])
        time.sleep(min(QUIET, options.rest))
        rows += rows_of("at rest", rest(cloud, options.rest), COLLECTION)
        rows += rows_of("asked for metrics", rest(cloud, options.rest, lambda: kubelet(client, folder, "/stats/summary")), (*COLLECTION, METRICS))
        rows.append(("Pods with statistics", len(kubelet(client, folder, "/stats/summary")["pods"]), "", None))
        rows.append(("throttled", cloud.counts()["throttled"], "", 0))
        return rows
    finally:
        if agent:
            agent.kill()
        cloud.stop()
        sandbox.process.kill()
        sandbox.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--qps", type=int, default=500)
    parser.add_argument("--rest", type=int, default=120, help="seconds that the agent is watched at rest, and again while asked for metrics")
    options = parser.parse_args()
    missed = False
    print(f"{options.pods} Pods on one ECI node, {options.qps} requests a second to the API server; {SPILLWAY}", flush=True)
    for what, value, unit, target in measure(options):
        verdict = "" if target is None else f"(at most {target:g}: {'met' if value <= target else 'MISSED'})"
        missed |= target is not None and value > target
        print(f"  {what:72} {value:10.4g} {unit:4}{verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
