#!/usr/bin/env python3
"""Rejects an include that crosses a room's edges (CMakeLists.txt, the spillway_room lines), a third-party library that the room's
line does not name, a heavy third-party header that leaves its room, a folder testing/ in the program, real time or chance
outside base/, and threads outside base/ and net/. See docs/architecture.md."""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
# Third-party headers that cost seconds to compile, or whose types must not leak: never in a header that other rooms see.
HEAVY = re.compile(r"^(boost|cpprest|pplx|simdjson|prometheus|glog|gflags|yaml-cpp|openssl)(/|\.h)")
# What brings a third-party header, as the spillway_room lines name it.
LIBRARIES = {"fmt": {"fmt::fmt"}, "tl": {"tl::expected"}, "glog": {"glog::glog"}, "gflags": {"gflags"}, "simdjson": {"simdjson::simdjson"},
             "boost": {"Boost::system"}, "cpprest": {"cpprestsdk::cpprest"}, "pplx": {"cpprestsdk::cpprest"},
             "openssl": {"OpenSSL::SSL", "OpenSSL::Crypto"}, "prometheus": {"prometheus-cpp::core"}, "yaml-cpp": {"yaml-cpp"},
             "nlohmann": {"nlohmann_json::nlohmann_json"}, "gtest": set(), "gmock": set(), "rapidcheck": set(), "benchmark": set()}
# The sandbox's folders, as rooms within the room.
SANDBOX = {"store": {"store"}, "views": {"views", "store"}, "rest": {"rest", "views", "store"}}
PURE = {"kube_api", "scheduler_sim"}
IMPURE_INCLUDE = re.compile(r"^(thread|mutex|future|condition_variable|fstream|iostream|filesystem|sys/.*|unistd\.h|base/(log|runtime|real_runtime|sim_runtime|sync|scope|task)\.h)$")
REAL_TIME = re.compile(r"\b(steady_clock::now|system_clock::now|sleep_for|sleep_until|usleep|gettimeofday|clock_gettime|std::time|"
                       r"random_device|mt19937(?:_64)?|default_random_engine|std::rand|random_shuffle)\b")
THREADS = re.compile(r"\bstd::(j?thread|async|mutex|shared_mutex|recursive_mutex|condition_variable|promise|future)\b|\bpthread_create\b")
# An emulator of a cloud shares nothing with the provider that it judges.
EMULATOR_KNOWS = ("base/", "net/", "tests/emulators/common/")
# Reading a credential plugin's pipes blocks, and its process may hang.
THREADED = {"kube/exec_plugin.h", "kube/exec_plugin.cc"}


def rooms():
    """name -> (folder, rooms it may know, libraries it names, those of them that whoever knows it may use too)"""
    found = {}
    for line in (ROOT / "CMakeLists.txt").read_text().splitlines():
        match = re.match(r"spillway_room\((\w+)\s+DIR\s+(\S+)([^)]*)\)", line)
        if match:
            words = {key: set() for key in ("KNOWS", "EXTERNAL", "PRIVATE_EXTERNAL")}
            for word in match[3].split():
                key = word if word in words else key
                words[key] |= {word} - {key}
            found[match[1]] = (match[2], words["KNOWS"], words["EXTERNAL"] | words["PRIVATE_EXTERNAL"], words["EXTERNAL"])
    return found


ROOMS = rooms()
FOLDERS = sorted(((room[0], name) for name, room in ROOMS.items()), key=lambda pair: -len(pair[0]))


def room_of(path):
    return next((name for folder, name in FOLDERS if str(path).startswith(folder + "/")), None)


def sandbox_folder(path):
    parts = Path(path).parts
    return parts[1] if parts[0] == "sandbox" and len(parts) > 2 and parts[1] in SANDBOX else None


def sources():
    for folder in sorted({folder.split("/")[0] for folder, _ in FOLDERS}):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path.relative_to(ROOT), path.read_text()


def violations(path, text):
    """What is wrong with one file, one line each."""
    room = room_of(path)
    is_test = path.name.endswith("_test.cc") or "testing" in path.parts
    _, knows, named, _ = ROOMS[room]
    libraries = named.union(*(ROOMS[known][3] for known in knows))
    for bracket, target in INCLUDE.findall(text):
        other = room_of(target)
        if other and other != room and other not in knows:
            yield f"{path}: {room} may not include {target}: {other} is not in its KNOWS"
        if not is_test and "testing" in Path(target).parts:
            yield f"{path}: {target} is for tests only"
        bringing = LIBRARIES.get(re.split(r"[/.]", target)[0]) if bracket == "<" else None
        if bringing is not None and not is_test and not bringing & libraries:
            yield f"{path}: {room} may not include {target}: its spillway_room line names no library that brings it"
        folder = sandbox_folder(path)
        if not is_test and folder in SANDBOX and (sandbox_folder(target) or folder) not in SANDBOX[folder]:
            yield f"{path}: sandbox/{folder} may not include {target}"
        if room in PURE and not is_test and IMPURE_INCLUDE.match(target):
            yield f"{path}: {room} is pure and may not include {target}"
    if room != "base" and REAL_TIME.search(text):
        yield f"{path}: {REAL_TIME.search(text)[0]}: time and chance come from base::Runtime"
    if room not in ("base", "net") and not is_test and str(path) not in THREADED and THREADS.search(text):
        yield f"{path}: {THREADS.search(text)[0]}: threads live in base/ and net/; one loop owns everything else"


def emulator_violations(path, text):
    """What an emulator, tests/emulators/<cloud>/ or its server, may not include."""
    own = ("tests/emulators/" + (path.parts[2] if len(path.parts) > 3 else path.stem.removesuffix("_server")) + "/",)
    for bracket, target in INCLUDE.findall(text):
        if bracket == '"' and not target.startswith(EMULATOR_KNOWS + own):
            yield f"{path}: an emulator may not include {target}"


def emulator_sources():
    folder = ROOT / "tests/emulators"
    for path in sorted([*folder.glob("*/*.h"), *folder.glob("*/*.cc"), *folder.glob("*_server.cc")]):
        yield path.relative_to(ROOT), path.read_text()


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
        self.assertEqual(len(ROOMS), 12)

    def test_no_include_crosses_an_edge(self):
        self.assertEqual([line for path, text in sources() for line in violations(path, text)], [])

    def test_what_the_docstring_names_is_rejected(self):
        for path, text in (
            ("scheduler_sim/x.cc", '#include "net/http_client.h"\n'),
            ("kube/api/x.cc", '#include "kube/client.h"\n'),
            ("controller/x.cc", '#include "net/http_client.h"\n'),
            ("controller/x.cc", "#include <boost/asio.hpp>\n"),
            ("metrics/x.cc", "#include <nlohmann/json.hpp>\n"),
            ("cmd/x.cc", "#include <glog/logging.h>\n"),
            ("kube/x.cc", "#include <gtest/gtest.h>\n"),
            ("sandbox/rest/x.cc", '#include "sandbox/testing/api_fixture.h"\n'),
            ("controller/x.h", '#include "scheduler_sim/testing/naive.h"\n'),
            ("sandbox/store/x.cc", '#include "sandbox/rest/api_core.h"\n'),
            ("sandbox/views/x.cc", '#include "sandbox/rest/api_core.h"\n'),
            ("scheduler_sim/x.cc", "#include <thread>\n"),
            ("cloud/x.cc", "auto t = std::chrono::steady_clock::now();\n"),
            ("cloud/x_test.cc", "std::this_thread::sleep_for(1s);\n"),
            ("controller/x.cc", "std::mt19937 chance;\n"),
            ("controller/x.cc", "std::mutex mutex_;\n"),
            ("kube/x.cc", "std::thread thread_;\n"),
        ):
            self.assertEqual(len(list(violations(Path(path), text))), 1, f"{path}: {text}")

    def test_what_is_allowed_is_not(self):
        for path, text in (
            ("kube/x.cc", '#include "kube/api/pod.h"\n#include "net/http_client.h"\n#include <nlohmann/json.hpp>\n'),
            ("controller/x.cc", "#include <nlohmann/json.hpp>\n#include <fmt/core.h>\n"),
            ("kube/api/x_test.cc", "#include <gtest/gtest.h>\n#include <nlohmann/json.hpp>\n"),
            ("controller/x_test.cc", '#include "scheduler_sim/testing/naive.h"\n'),
            ("sandbox/rest/x.cc", '#include "sandbox/store/store.h"\n#include "sandbox/faults.h"\n'),
            ("kube/exec_plugin.h", "std::thread thread_;\n"),
            ("net/x.cc", "std::mutex mutex_;\n"),
        ):
            self.assertEqual(list(violations(Path(path), text)), [])

    def test_emulators_share_nothing_with_what_they_judge(self):
        found = dict(emulator_sources())
        for cloud in ("eci", "eksci"):
            self.assertIn(Path(f"tests/emulators/{cloud}/emulator.cc"), found)
        self.assertEqual([line for path, text in found.items() for line in emulator_violations(path, text)], [])
        for path in ("tests/emulators/eci/x.cc", "tests/emulators/eci_server.cc"):
            for target in ("cloud/providers/alibaba/signature.h", "tests/emulators/eci_world.h", "tests/emulators/eksci/instance.h"):
                self.assertTrue(list(emulator_violations(Path(path), f'#include "{target}"\n')), target)
            self.assertFalse(list(emulator_violations(Path(path), '#include "tests/emulators/common/life.h"\n#include "tests/emulators/eci/group.h"\n')))
        for target in ("cloud/providers/rest/digest.h", "tests/emulators/eci/group.h"):
            self.assertTrue(list(emulator_violations(Path("tests/emulators/common/x.cc"), f'#include "{target}"\n')), target)

    def test_third_party_headers_stay_in_their_room(self):
        self.assertEqual(list(leaks(dict(sources()))), [])

    def test_a_leaking_header_is_found_through_another(self):
        inside = {"net/a.h": "#include <boost/asio.hpp>\n", "net/b.h": '#include "net/a.h"\n', "net/c.cc": '#include "net/b.h"\n'}
        self.assertFalse(list(leaks(inside)))
        self.assertTrue(list(leaks(inside | {"kube/d.cc": '#include "net/b.h"\n'})))

    def test_edges_have_no_cycle(self):
        done = set()
        while len(done) < len(ROOMS):
            ready = [name for name, (_, knows, *_) in ROOMS.items() if name not in done and knows <= done]
            self.assertTrue(ready, f"cycle among {sorted(set(ROOMS) - done)}")
            done.update(ready)


if __name__ == "__main__":
    sys.exit(unittest.main())
