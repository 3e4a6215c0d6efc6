"""A network namespace of the test's own.

kube-apiserver proxies to no loopback address: agents whose kubelet API it is to reach get one of 198.18.0.0/15, which nobody
routes. In a namespace of its own a test also has all ports, 10250 too.
"""

import os
import sys

ADDRESS = "198.18.0.1"
_INSIDE = "SPILLWAY_TEST_NAMESPACE"


def enter():
    """Runs this script anew inside; returns there. Call it first: nothing outside can be reached afterwards, so what has to be
    fetched has to be there."""
    if _INSIDE in os.environ:
        return
    setup = f"ip link set lo up && ip addr add {ADDRESS}/32 dev lo && exec \"$@\""
    os.execvpe("unshare", ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", setup, "sh", sys.executable, *sys.argv],
               {**os.environ, _INSIDE: "1"})
