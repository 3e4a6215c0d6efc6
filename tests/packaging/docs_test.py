#!/usr/bin/env python3
"""What the pages for operators say can be followed: links lead somewhere, values and flags exist, commands of helm render."""

import re
import shlex
import unittest

from packaging_tools import CHART, REPOSITORY, binary, render, run

CHINESE = REPOSITORY / "README.zh-CN.md"
PAGES = sorted([REPOSITORY / "README.md", CHINESE, CHART / "README.md", *(REPOSITORY / "docs").glob("*.md"), *(REPOSITORY / "docs" / "runbooks").glob("*.md")])
ROOTS = "controller|virtualNodes|metrics|grafana|safeRemoval|networkPolicy|image|rbac|serviceAccount|priorityClass"


def commands(page) -> list[list[str]]:
    """The commands of a page's sh blocks, as words."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.strip().startswith("#"):
                found.append(shlex.split(line, comments=True))
    return found


def defined_values() -> set[str]:
    import yaml

    def walk(value, path):
        yield ".".join(path)
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, [*path, key])
    return set(walk(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")), []))


class Docs(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")

    def test_the_chinese_readme_says_the_same(self):
        """As far as can be told without knowing Chinese: the same commands, links, headings, bullets and names in code."""
        english = (REPOSITORY / "README.md").read_text(encoding="utf-8").replace("[中文](README.zh-CN.md)", "")
        chinese = CHINESE.read_text(encoding="utf-8").replace("[English](README.md)", "")
        for what, pattern in (("commands", r"(?ms)^```sh\n.*?^```"), ("links", r"\]\(([^)]+)\)"), ("names", r"`([^`\n]+)`(?!`)")):
            with self.subTest(what=what):
                self.assertEqual(sorted(re.findall(pattern, chinese)), sorted(re.findall(pattern, english)))
        for mark in ("## ", "- ", "| ["):
            count = [sum(line.startswith(mark) for line in text.splitlines()) for text in (chinese, english)]
            self.assertEqual(count[0], count[1], mark)

    def test_values_that_pages_name_exist(self):
        values, named = defined_values(), 0
        for page in PAGES:
            for name in re.findall(rf"`((?:{ROOTS})\.(?!kubernetes|k8s|md\b)[A-Za-z][\w.]*\w)", page.read_text(encoding="utf-8")):
                self.assertIn(name, values, page.name)
                named += 1
        self.assertGreater(named, 30)

    def test_what_helm_is_told_renders(self):
        rendered = 0
        for page in PAGES:
            for words in commands(page):
                if words[:2] in (["helm", "install"], ["helm", "upgrade"]):
                    self.assertEqual(words[3], "manifests/charts/spillway", page.name)
                    options = [str(REPOSITORY / w) if w.startswith("manifests/") else w for w in words[4:] if w != "--create-namespace"]
                    namespace = options.index("--namespace")
                    del options[namespace:namespace + 2]
                    done = render(*options, release=words[2])
                    self.assertEqual(done.returncode, 0, f"{page.name}: {' '.join(words)}\n{done.stderr}")
                    rendered += 1
        self.assertGreaterEqual(rendered, 4)

    def test_flags_of_spillway_exist(self):
        for page in PAGES:
            for words in commands(page):
                if words[0].endswith("spillway") or words[:2] == ["kubectl", "spillway"]:
                    arguments = words[2:] if words[0] == "kubectl" else words[1:]
                    command = arguments[:2] if arguments[:1] == ["agent"] and arguments[1] in ("audit", "retire", "forget") else arguments[:1]
                    known = run(binary(), *command, "--help").stdout
                    for flag in (a for a in arguments if a.startswith("--")):
                        self.assertIn(f"  {flag.partition('=')[0]}", known, f"{page.name}: {' '.join(words)}")

    def test_targets_of_make_exist(self):
        makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        for page in PAGES:
            for words in commands(page):
                if words[0] == "make":
                    for target in (w for w in words[1:] if "=" not in w):
                        self.assertRegex(makefile, rf"(?m)^{re.escape(target)}:", page.name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
