#!/usr/bin/env python3
"""Names in anonymous namespaces are unique within a room (its tests, its testing/ each for themselves): the files of a room are compiled
as units, see cmake/room.cmake. Says which two files to look at, where the compiler would speak of a redefinition."""

import collections
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ["kube/api", "base", "net", "kube", "scheduler_sim", "metrics", "controller/policy", "controller/webhook", "controller", "cloud", "sandbox",
         "cmd", "tests/simulation"]
FUNCTION = re.compile(r"(?:^|\n)(?!\s*(?:return|else|using|TEST|RC_))[\w:<>,&*\[\] ]+?[ &*>](\w+)\(((?:[^()]|\([^()]*\))*)\)[^;{}=]*\{")


def group(path):
    room = next((room for room in ROOMS if path.startswith(room + "/")), None)
    kind = "tests" if path.endswith("_test.cc") else "testing" if "/testing/" in path else ""
    return room and (room, kind)


def top_level(text):
    """What stands in anonymous namespaces, without comments, literals and bodies."""
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'R"(\w*)\(.*?\)\1"', '""', text, flags=re.S)
    text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"'(\\.|[^'\\\n])'", "' '", text)
    flat, depth = "", 0
    for opening in re.finditer(r"^namespace \{", text, re.M):
        for char in text[opening.end() - 1:]:
            if char == "{":
                depth += 1
                flat += "{}" if depth == 2 else ""
            elif char == "}":
                depth -= 1
                if depth == 0:
                    break
            elif depth == 1:
                flat += char
        flat += "\n"
    return flat


def names(text):
    """(name, what makes it clash) of each: functions may be overloaded, but not be another kind of thing elsewhere."""
    flat = top_level(text)
    for found in re.finditer(r"\b(?:struct|class|enum class|enum) (\w+)[^;{(]*\{", flat):
        yield found[1], "a type"
    for found in re.finditer(r"\b(k[A-Z]\w*)\s*(?:=|\{|\[)", flat):
        yield found[1], "a constant"
    for found in FUNCTION.finditer(flat):
        arguments = re.split(r",(?![^<]*>)", re.sub(r"\s+", " ", found[2]).strip())
        types = [re.sub(r"\s*=.*", "", argument.strip()).rsplit(" ", 1)[0] for argument in arguments]
        yield found[1], f"a function ({', '.join(types)})"


def clashes(files):
    """{path: text} -> a line for each name that stands twice in one room."""
    places = collections.defaultdict(lambda: collections.defaultdict(set))
    for path, text in files.items():
        if group(path):
            for name, kind in names(text):
                places[group(path), name][kind].add(path)
    for (_, name), kinds in sorted(places.items()):
        everywhere = set().union(*kinds.values())
        for kind, paths in kinds.items():
            if len(paths) > 1 or (len(kinds) > 1 and len(everywhere) > 1 and not kind.startswith("a function")):
                yield f"{name} is {kind} in {' and in '.join(sorted(paths | (everywhere if len(paths) == 1 else set())))}"


class Names(unittest.TestCase):
    def test_names_stand_once_in_a_room(self):
        files = {str(path.relative_to(ROOT)): path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.cc")}
        files.pop("cmd/main.cc")
        self.assertEqual(list(clashes(files)), [])

    def test_a_clash_is_found(self):
        def room(first, second):
            return {"kube/a.cc": f"namespace {{\n{first}\n}}\n", "kube/b.cc": f"namespace {{\n{second}\n}}\n"}

        self.assertTrue(list(clashes(room("constexpr int kMost = 1;", "constexpr long kMost = 2;"))))
        self.assertTrue(list(clashes(room("struct Row {\n};", "class Row final : Base {\n};"))))
        self.assertTrue(list(clashes(room("int F(const A& a) {\n}", "int F(const A& b) {\n}"))))
        self.assertTrue(list(clashes(room("struct Row {\n};", "Line Row(int i) {\n}"))))
        self.assertFalse(list(clashes(room("int F(const A& a) {\n}", "int F(const B& b) {\n}"))))
        self.assertFalse(list(clashes({"kube/a.cc": "namespace {\nstruct Row {};\n}", "kube/a_test.cc": "namespace {\nstruct Row {};\n}"})))


if __name__ == "__main__":
    sys.exit(unittest.main())
