#!/usr/bin/env python3
"""Rejects an include that crosses a room's edges (CMakeLists.txt, the spillway_room lines), a third-party header where it
does not belong, and real time, chance or threads outside base/ and net/. See docs/architecture.md."""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
# Third-party headers that cost seconds to compile, or whose types must not leak: never in a header that other rooms see.
HEAVY = re.compile(r"^(boost|cpprest|pplx|simdjson|prometheus|glog|gflags|yaml-cpp|openssl)(/|\.h)")
PURE = {"kube_api", "scheduler_sim"}
IMPURE_INCLUDE = re.compile(r"^(thread|mutex|future|condition_variable|fstream|iostream|filesystem|sys/.*|unistd\.h|base/(log|runtime|real_runtime|sim_runtime|sync|scope|task)\.h)$")
REAL_TIME = re.compile(r"\b(steady_clock::now|system_clock::now|random_device|sleep_for|sleep_until|usleep|std::rand|gettimeofday|clock_gettime)\b")


def rooms():
    """name -> (folder, rooms it may know)"""
    found = {}
    for line in (ROOT / "CMakeLists.txt").read_text().splitlines():
        match = re.match(r"spillway_room\((\w+)\s+DIR\s+(\S+)([^)]*)\)", line)
        if match:
            knows = re.search(r"KNOWS\s+((?:[a-z_]+\s*)*)", match[3])
            found[match[1]] = (match[2], set(knows[1].split()) if knows else set())
    return found


ROOMS = rooms()
FOLDERS = sorted(((folder, name) for name, (folder, _) in ROOMS.items()), key=lambda pair: -len(pair[0]))


def room_of(path):
    return next((name for folder, name in FOLDERS if str(path).startswith(folder + "/")), None)


def sources():
    for folder in sorted({folder.split("/")[0] for folder, _ in FOLDERS}):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path.relative_to(ROOT), path.read_text()


def violations(path, text):
    """What is wrong with one file, one line each."""
    room = room_of(path)
    is_test = path.name.endswith("_test.cc") or "testing" in path.parts
    for bracket, target in INCLUDE.findall(text):
        other = room_of(target)
        if other and other != room and other not in ROOMS[room][1]:
            yield f"{path}: {room} may not include {target}: {other} is not in its KNOWS"
        if room in PURE and not is_test and IMPURE_INCLUDE.match(target):
            yield f"{path}: {room} is pure and may not include {target}"
    if room != "base" and REAL_TIME.search(text):
        yield f"{path}: {REAL_TIME.search(text)[0]}: time and chance come from base::Runtime"


def leaks(files):
    """Includes through which a third-party header reaches another room: files is {path: text}."""
    targets = {str(path): [target for _, target in INCLUDE.findall(text)] for path, text in files.items()}
    heavy = {path: next(t for t in includes if HEAVY.match(t))
             for path, includes in targets.items() if path.endswith(".h") and any(map(HEAVY.match, includes))}
    grew = True
    while grew:
        grew = False
        for path, includes in targets.items():
            through = next((t for t in includes if t in heavy), None)
            if through and path.endswith(".h") and path not in heavy:
                heavy[path] = heavy[through]
                grew = True
    for path, includes in targets.items():
        for target in includes:
            if target in heavy and room_of(target) != room_of(path):
                yield f"{path}: {target} brings {heavy[target]} out of its room; it belongs in a .cc file"


class Edges(unittest.TestCase):
    def test_every_room_is_declared(self):
        self.assertEqual(len(ROOMS), 10)

    def test_no_include_crosses_an_edge(self):
        self.assertEqual([line for path, text in sources() for line in violations(path, text)], [])

    def test_a_crossing_include_is_rejected(self):
        self.assertTrue(list(violations(Path("scheduler_sim/x.cc"), '#include "net/http_client.h"\n')))
        self.assertTrue(list(violations(Path("kube/api/x.cc"), '#include "kube/client.h"\n')))
        self.assertTrue(list(violations(Path("controller/x.cc"), '#include "net/http_client.h"\n')))
        self.assertTrue(list(violations(Path("scheduler_sim/x.cc"), "#include <thread>\n")))
        self.assertTrue(list(violations(Path("cloud/x.cc"), "auto t = std::chrono::steady_clock::now();\n")))
        self.assertFalse(list(violations(Path("kube/x.cc"), '#include "kube/api/pod.h"\n#include "net/http_client.h"\n')))

    def test_third_party_headers_stay_in_their_room(self):
        self.assertEqual(list(leaks(dict(sources()))), [])

    def test_a_leaking_header_is_found_through_another(self):
        inside = {"net/a.h": "#include <boost/asio.hpp>\n", "net/b.h": '#include "net/a.h"\n', "net/c.cc": '#include "net/b.h"\n'}
        self.assertFalse(list(leaks(inside)))
        self.assertTrue(list(leaks(inside | {"kube/d.cc": '#include "net/b.h"\n'})))

    def test_edges_have_no_cycle(self):
        done = set()
        while len(done) < len(ROOMS):
            ready = [name for name, (_, knows) in ROOMS.items() if name not in done and knows <= done]
            self.assertTrue(ready, f"cycle among {sorted(set(ROOMS) - done)}")
            done.update(ready)


if __name__ == "__main__":
    sys.exit(unittest.main())
