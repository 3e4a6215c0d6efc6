#!/usr/bin/env python3
"""`spillway completion`: bash is asked what it would offer, and every flag and command of the binary is among it."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BINARY = pathlib.Path(os.environ.get("SPILLWAY_BIN") or pathlib.Path(__file__).resolve().parents[2] / "build" / "spillway").resolve()
SECONDS = 60
# As readline calls it: the line is split at blanks and at COMP_WORDBREAKS' equals sign.
ASK = """
source "$SCRIPT"
mapfile -t COMP_WORDS <<< "$WORDS"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_spillway
printf '%s\\n' "${COMPREPLY[@]}"
"""


def spillway(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)


def script(shell: str) -> str:
    done = spillway("completion", shell)
    assert done.returncode == 0, done.stderr
    return done.stdout


class BashTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.script = cls.directory / "spillway.bash"
        cls.script.write_text(script("bash"), encoding="utf-8")

    def offered(self, line: str, cwd: pathlib.Path | None = None) -> list[str]:
        """What bash offers for the last word of `line`, which a blank at the end makes an empty one."""
        words = [word for part in line.split(" ") for word in ([""] if part == "" else re.split(r"(=)", part)) if word or part == ""]
        done = subprocess.run(["bash", "--norc", "-c", ASK], cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False,
                              env={"PATH": os.environ["PATH"], "SCRIPT": str(self.script), "WORDS": "\n".join(words)})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [word for word in done.stdout.splitlines() if word]

    def test_commands_come_first(self):
        offered = self.offered("spillway ")
        for command in ("controller", "agent", "config", "doctor", "completion", "help"):
            self.assertIn(command, offered)
        self.assertEqual(sorted(self.offered("spillway co")), ["completion", "config", "controller"])
        self.assertEqual(self.offered("spillway nonsense --"), [])

    def test_second_words(self):
        self.assertEqual(sorted(self.offered("spillway agent ")), ["audit", "forget", "retire"])
        self.assertEqual(self.offered("spillway config "), ["check"])
        self.assertEqual(self.offered("spillway completion f"), ["fish"])
        self.assertIn("capabilities", self.offered("spillway docs "))

    def test_every_command_offers_exactly_its_own_flags(self):
        commands = re.findall(r"^  ((?:[a-z]+ )?[a-z]+)  ", spillway("--help").stdout, re.MULTILINE)
        self.assertIn("agent audit", commands)
        self.assertGreaterEqual(len(commands), 12)
        for command in commands:
            with self.subTest(command=command):
                told = set(re.findall(r"^  --([\w-]+)", spillway(*command.split(), "--help").stdout, re.MULTILINE))
                self.assertEqual({flag.strip("-").rstrip("=") for flag in self.offered(f"spillway {command} -")}, told)

    def test_flags_and_their_values(self):
        self.assertEqual(self.offered("spillway controller --dry"), ["--dry-run"])
        self.assertEqual(self.offered("spillway controller --pending-g"), ["--pending-grace="])
        self.assertEqual(self.offered("spillway controller --dry-run="), ["true", "false"])
        self.assertEqual(self.offered("spillway controller --dry-run=f"), ["false"])
        self.assertEqual(self.offered("spillway doctor -o "), ["table", "json"])
        self.assertEqual(self.offered("spillway doctor --output=j"), ["json"])
        self.assertEqual(self.offered("spillway agent audit --output=j"), ["json"])
        (self.directory / "kube config").touch()
        self.assertEqual(self.offered("spillway controller --kubeconfig=kube", self.directory), ["kube config"])

    def test_it_is_clean_to_shellcheck(self):
        if not shutil.which("shellcheck"):
            self.skipTest("no shellcheck")
        done = subprocess.run(["shellcheck", "--shell=bash", self.script], capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


class OtherShellsTest(unittest.TestCase):
    def test_they_parse_where_they_are_installed(self):
        for shell in ("zsh", "fish"):
            text = script(shell)
            self.assertIn("doctor", text)
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, timeout=SECONDS, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""), shell)

    def test_others_are_refused(self):
        for arguments in ([], ["tcsh"], ["bash", "zsh"]):
            done = spillway("completion", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("want one shell: bash, zsh or fish", done.stderr)


if __name__ == "__main__":
    unittest.main()
