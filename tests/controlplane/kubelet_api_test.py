#!/usr/bin/env python3
"""The kubelet API of an agent, asked by stock kubectl through a real kube-apiserver: logs, exec, attach, cp, port-forward, statistics,
and who may ask.

The commands of its Pods run as processes (provider process).
"""

import fcntl
import functools
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import urllib.error
import urllib.request

import network_namespace

if __name__ == "__main__":
    network_namespace.enter()

from kubelet_case import ADDRESS, SECONDS, KubeletTestCase  # noqa: E402
from processes import free_ports, wait_until  # noqa: E402

# What kubectl speaks to kube-apiserver; that passes SPDY on, and translates WebSockets for nodes that do not say they know them.
WAYS = {way: {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": value, "KUBECTL_PORT_FORWARD_WEBSOCKETS": value}
        for way, value in (("spdy", "false"), ("websocket", "true"))}


def both_ways(test):
    """Runs `test` once with the environment of each way."""
    @functools.wraps(test)
    def run(self):
        for way, env in WAYS.items():
            with self.subTest(client=way):
                test(self, way, env)
    return run


class KubeletApiTest(KubeletTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent("vnode", "process")
        cls.agent("sim", "simulated")
        cls.create_pod("idle", "sleep 100000")

    def kubectl_command(self, *args):
        return [str(self.cluster.tool("kubectl")), "--kubeconfig", str(self.cluster.admin_kubeconfig), *args]

    def kubectl(self, *args, stdin=b"", env=WAYS["websocket"]):
        return subprocess.run(self.kubectl_command(*args), input=stdin, env={**os.environ, **env}, capture_output=True,
                              check=False, timeout=SECONDS)

    # ------------------------------------------------------------------------------------------------------ logs

    def test_logs_are_followed_from_the_first_line_to_the_last(self):
        self.create_pod("talker", "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.01; done")
        followed = self.kubectl("logs", "-f", "talker")
        self.assertEqual(followed.stdout.decode(), "".join(f"line {i}\n" for i in range(400)), followed.stderr)
        tail = self.kubectl("logs", "--tail=2", "talker").stdout.decode()
        self.assertEqual(tail, "line 398\nline 399\n")

    def test_logs_since_a_time(self):
        self.create_pod("twice", "echo early; sleep 2; echo late; sleep 1000")
        wait_until(lambda: b"late" in self.kubectl("logs", "twice").stdout, "both lines", SECONDS)
        stamped = self.kubectl("logs", "--timestamps", "twice").stdout.decode().splitlines()
        late = stamped[1].split()[0]
        self.assertEqual(self.kubectl("logs", f"--since-time={late}", "twice").stdout, b"late\n")

    # ------------------------------------------------------------------------------------------------- exec, attach

    @both_ways
    def test_exec_passes_input_output_and_the_exit_code(self, way, env):
        done = self.kubectl("exec", "-i", "idle", "--", "sh", "-c", "wc -c; echo oops >&2; exit 7",
                            stdin=b"x" * 300_000, env=env)
        self.assertEqual((done.stdout.strip(), done.returncode), (b"300000", 7), done.stderr)
        self.assertIn(b"oops\n", done.stderr)
        big = self.kubectl("exec", "idle", "--", "sh", "-c", "head -c 20000000 /dev/zero", env=env)
        self.assertEqual((len(big.stdout), big.returncode), (20_000_000, 0))

    def test_websockets_are_passed_through(self):
        self.kubectl("exec", "idle", "--", "true")
        metrics = self.kubectl("get", "--raw", "/metrics").stdout.decode()
        self.assertRegex(metrics, r'websocket_streaming_requests_total\{[^}]*"proxied_to_kubelet"[^}]*\} [1-9]')

    @both_ways
    def test_exec_in_a_terminal_follows_its_size(self, way, env):
        terminal, child = self.in_terminal("exec", "-it", "idle", "--", "sh", env=env)
        self.read_until(terminal, b"[$#] ")
        self.say(terminal, "stty size\n")
        self.read_until(terminal, b"33 111")
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 122, 0, 0))
        os.kill(child, signal.SIGWINCH)

        def resized():
            self.say(terminal, "stty size\n")
            return self.read_until(terminal, b"44 122", seconds=2)

        wait_until(resized, "the new size", SECONDS)
        self.say(terminal, "exit 5\n")
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 5)
        os.close(terminal)

    def in_terminal(self, *args, env):
        command = self.kubectl_command(*args)
        child, terminal = pty.fork()
        if child == 0:
            os.execve(command[0], command, {**os.environ, **env, "TERM": "dumb"})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        return terminal, child

    def say(self, terminal, text):
        os.write(terminal, text.encode())

    def read_until(self, terminal, pattern, seconds=SECONDS):
        heard = b""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, heard):
            ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no {pattern!r} in {heard!r}")
            heard += os.read(terminal, 65536)
        return heard

    @both_ways
    def test_attach_hears_and_speaks(self, way, env):
        name = f"parrot-{way}"
        self.create_pod(name, "while read line; do echo heard $line; done; echo bye", stdin=True, stdinOnce=True)
        done = self.kubectl("attach", "-i", name, stdin=b"one\ntwo\n", env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"heard one\nheard two\nbye\n", done.stdout)

    @both_ways
    def test_cp_carries_files_there_and_back(self, way, env):
        data = os.urandom(5_000_000)
        with tempfile.TemporaryDirectory() as directory:
            sent, back = pathlib.Path(directory, "sent"), pathlib.Path(directory, "back")
            sent.write_bytes(data)
            done = self.kubectl("cp", str(sent), f"idle:copied-{way}", env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            done = self.kubectl("cp", f"idle:copied-{way}", str(back), env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(hashlib.sha256(back.read_bytes()).digest(), hashlib.sha256(data).digest())

    @both_ways
    def test_a_command_ends_when_its_client_goes(self, way, env):
        client = subprocess.Popen(self.kubectl_command("exec", "idle", "--", "sh", "-c", "echo $$; exec sleep 100000"),
                                  stdout=subprocess.PIPE, env={**os.environ, **env})
        pid = int(client.stdout.readline())
        client.kill()
        client.wait()
        client.stdout.close()
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the command's end", SECONDS)

    # -------------------------------------------------------------------------------------------------- port-forward

    @both_ways
    def test_ports_are_forwarded(self, way, env):
        port, local = free_ports(2)
        self.create_pod(f"web-{way}", "echo 'hello from the web' > page; "
                                      f"exec {sys.executable} -m http.server {port} --bind 127.0.0.1")
        # One refused connection ends kubectl's port-forward.
        wait_until(lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None, "the server", SECONDS)
        forward = subprocess.Popen(self.kubectl_command("port-forward", f"web-{way}", f"{local}:{port}"),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **env})

        def page():
            with urllib.request.urlopen(f"http://127.0.0.1:{local}/page", timeout=10) as response:
                return response.read()

        try:
            for _ in range(20):
                self.assertEqual(wait_until(page, "the page", SECONDS), b"hello from the web\n")
        except TimeoutError as late:
            forward.kill()
            self.fail(f"{late}; kubectl says {forward.stderr.read()}")
        finally:
            forward.kill()
            forward.wait()
            forward.stderr.close()

    # ------------------------------------------------------------------------------------------- figures and refusals

    def test_statistics_come_through_the_node_proxy(self):
        self.create_pod("busy", "while :; do :; done")
        node = "/api/v1/nodes/vnode/proxy"

        def used():
            summary = self.cluster.api.get(f"{node}/stats/summary")
            pod = next(p for p in summary["pods"] if p["podRef"]["name"] == "busy")
            return pod["cpu"]["usageCoreNanoSeconds"] > 500_000_000 and summary

        summary = wait_until(used, "half a second of CPU", SECONDS)
        self.assertEqual(summary["node"]["nodeName"], "vnode")
        text = self.kubectl("get", "--raw", f"{node}/metrics/resource").stdout.decode()
        self.assertRegex(text, r'container_cpu_usage_seconds_total\{namespace="default",pod="busy",container="main"\} [0-9.]+ \d+\n')
        names = {p["metadata"]["name"] for p in self.cluster.api.get(f"{node}/runningpods/")["items"]}
        self.assertLessEqual({"busy", "idle"}, names)
        self.assertEqual(self.kubectl("get", "--raw", f"{node}/healthz").stdout, b"ok")
        self.kubectl("delete", "pod", "busy", "--wait=false")

    def test_what_the_provider_cannot_do_says_so(self):
        self.create_pod("unreal", "true", node="sim")
        done = self.kubectl("exec", "unreal", "--", "ls")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"the provider simulated cannot run commands in containers", done.stderr)

    # kube-apiserver lets it be asked for, since the status says what containers have.
    def test_a_resize_that_does_not_happen_is_a_condition_of_the_pod(self):
        command, requests = ["sh", "-c", "exec sleep 100000"], {"requests": {"cpu": "100m"}}
        path = "/api/v1/namespaces/default/pods"
        self.cluster.api.create(path, {"metadata": {"name": "sized"}, "spec": {
            "nodeName": "vnode", "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": "none", "command": command, "resources": requests}]}})

        def status():
            return self.cluster.api.get(path + "/sized")["status"]

        def pending():
            return [c for c in status()["conditions"] if c["type"] == "PodResizePending"]

        def has():
            main = status()["containerStatuses"][0]
            return main["resources"], main["allocatedResources"]

        wait_until(lambda: status().get("phase") == "Running", "the container", SECONDS)
        self.assertEqual(has(), (requests, requests["requests"]))
        asked = self.resize("sized", "200m")
        self.assertEqual(asked.returncode, 0, asked.stderr)
        (condition,) = wait_until(pending, "PodResizePending", SECONDS)
        self.assertEqual((condition["status"], condition["reason"]), ("True", "Infeasible"))
        self.assertIn("requests.cpu 100m, not 200m", condition["message"])
        self.assertEqual(has(), (requests, requests["requests"]))
        self.assertEqual(self.resize("sized", "100m").returncode, 0)
        wait_until(lambda: not pending(), "nothing pending", SECONDS)

    def resize(self, pod, cpu):
        patch = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}]}}
        return self.kubectl("patch", "pod", pod, "--subresource=resize", "--patch", json.dumps(patch))

    def test_who_may_not_is_refused(self):
        address = f"https://{ADDRESS}:{self.kubelet_port('vnode')}"
        self.assertEqual(self.ask(address + "/metrics/resource"), 401)
        self.assertEqual(self.ask(address + "/metrics/resource", token="made-up"), 401)
        self.cluster.kubectl("create", "serviceaccount", "scraper")
        token = self.cluster.kubectl("create", "token", "scraper").strip()
        self.assertEqual(self.ask(address + "/metrics/resource", token=token), 403)
        self.cluster.kubectl("create", "clusterrole", "scraper", "--verb=get", "--resource=nodes/metrics")
        self.cluster.kubectl("create", "clusterrolebinding", "scraper", "--clusterrole=scraper", "--serviceaccount=default:scraper")
        wait_until(lambda: self.ask(address + "/metrics/resource", token=token) == 200, "the new permission", 45)
        self.assertEqual(self.ask(address + "/pods", token=token), 403)
        nobody = self.cluster.authority.client("nobody", "nobody")
        self.assertEqual(self.ask(address + "/containerLogs/default/idle/main", certificate=nobody), 403)

    def ask(self, url, token=None, certificate=None):
        """The HTTP status."""
        tls = ssl.create_default_context(cafile=str(self.cluster.authority.cert))
        if certificate:
            tls.load_cert_chain(certificate.cert, certificate.key)
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
        try:
            with urllib.request.urlopen(request, context=tls, timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code


if __name__ == "__main__":
    unittest.main(verbosity=2)
