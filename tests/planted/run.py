#!/usr/bin/env python3
"""Plants known bugs, one at a time, in a copy of the tree, and shows which tests notice.

    run.py                  every bug in bugs/; first the tree as it is, which must be clean
    run.py --only=NAME      that one (again and again for several)
    run.py --from=swarm     looks for every bug with the swarm first, whatever its header says
    run.py --tests          the unit tests that a bug names too, where the swarm or a story was faster
    run.py --check          builds nothing: does every patch still apply, and are there enough of them

A bug is searched for first where its header says that it is caught: only what is said to be caught by the swarm costs the
time of a swarm, and all of that is really shown to it. If that does not notice, the other tiers are asked: the seeds of the
swarm, the stories, the unit test that the header names. The first that fails ends it. Exit code: 0 all is caught as it is
said to be, 1 not, 2 something else went wrong (a patch that does not apply or compile, a harness that breaks)."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spillway"
LEAST_BUGS = 25
LEAST_CAUGHT_BY_SWARM = 20
LEFT_OUT = shutil.ignore_patterns(".git", ".cache", "build", "build-*", "__pycache__")
TIERS = ("swarm", "story", "unit")


class Broken(Exception):
    """The harness itself cannot go on."""


@dataclass
class Bug:
    name: str
    patch: Path
    bug: str  # what is wrong, in one sentence
    row: str  # of the table of known defects, or a name for where it was seen
    caught_by: str  # the tier that finds it first
    tests: list  # of (binary, gtest filter)


@dataclass
class Finding:
    tier: str = ""  # empty: nothing noticed
    by: str = ""
    seconds: float = 0


def read_bug(patch):
    header = patch.read_text().split("\ndiff --git ")[0]
    fields = dict(re.findall(r"^(\w[\w-]*): (.+(?:\n  .+)*)$", header, re.M))
    missing = {"Bug", "Row", "Caught-by"} - fields.keys()
    if missing:
        raise Broken(f"{patch.name}: its header lacks {', '.join(sorted(missing))}")
    if fields["Caught-by"] not in TIERS:
        raise Broken(f"{patch.name}: Caught-by is one of {', '.join(TIERS)}")
    tests = [tuple(line.split()) for line in fields.get("Test", "").splitlines() if line.strip()]
    return Bug(patch.stem, patch, " ".join(fields["Bug"].split()), fields["Row"], fields["Caught-by"], tests)


def git_apply(tree, patch, *how):
    """Works in a checkout and in a tree that is none, wherever it stands."""
    env = dict(os.environ, GIT_CEILING_DIRECTORIES=str(tree.parent))
    done = subprocess.run(["git", "apply", *how, str(patch)], cwd=tree, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise Broken(f"{patch.name} does not apply any more:\n{done.stderr.strip()}")


def check(bugs):
    failed = []
    for bug in bugs:
        try:
            git_apply(ROOT, bug.patch, "--check")
        except Broken as broken:
            failed.append(str(broken))
    if len(bugs) < LEAST_BUGS:
        failed.append(f"{len(bugs)} bugs, at least {LEAST_BUGS} are wanted")
    rows = {row for bug in bugs for row in re.findall(r"^\d+", bug.row)}
    failed += [f"no bug of row {row}" for row in range(1, 17) if str(row) not in rows]
    print("\n".join(failed) or f"{len(bugs)} patches apply")
    return 1 if failed else 0


class Tree:
    """A copy of the sources with a build folder of its own; kept from run to run, since most of it stays built."""

    def __init__(self, path, options):
        self.path = path
        self.options = options
        self.env = dict(os.environ, CCACHE_BASEDIR=str(path), CCACHE_NOHASHDIR="1", CCACHE_SLOPPINESS="pch_defines,time_macros")
        self.env.setdefault("CCACHE_DIR", str(CACHE / "ccache"))

    def refresh(self):
        """As ROOT; what is equal keeps its time, so that it is not built again."""
        fresh = self.path.with_name(self.path.name + ".fresh")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(ROOT, fresh, ignore=LEFT_OUT, symlinks=True)
        self.path.mkdir(parents=True, exist_ok=True)
        for old in sorted(self.path.rglob("*")):
            relative = old.relative_to(self.path)
            if relative.parts[0] != "build" and old.is_file() and not (fresh / relative).exists():
                old.unlink()
        for new in fresh.rglob("*"):
            old = self.path / new.relative_to(fresh)
            if new.is_dir():
                old.mkdir(exist_ok=True)
            elif not old.exists() or old.read_bytes() != new.read_bytes():
                shutil.copy(new, old)
        shutil.rmtree(fresh)

    def call(self, what, *command):
        done = subprocess.run(command, cwd=self.path, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Broken(f"{what}:\n{done.stdout[-4000:]}")

    def configure(self):
        self.call("cmake failed", "cmake", "--preset", "product", "-DSPILLWAY_TESTS=ON")

    def build(self, *targets):
        self.call("it does not compile", "cmake", "--build", "build", "-j", str(self.options.jobs), "--target", *targets)

    def run(self, *command, seconds=3600):
        """Exit code and output; a test that hangs has failed."""
        try:
            done = subprocess.run(command, cwd=self.path, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=seconds)
            return done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            return "timeout", ""

    def simulate(self, *arguments):
        """The seed or story that failed and why; "" when everything held."""
        code, output = self.run("build/tests/simulate", *arguments, f"--jobs={self.options.jobs}", "--stop-after=1")
        replays = re.findall(r"^FAILED  replay with: tests/simulate (\S+) --seed=(\d+)", output, re.M)
        if code == 0 and not replays:
            return ""
        if code != 1:
            raise Broken(f"simulate ended with {code}:\n{output[-2000:]}")
        if not replays:
            return ""  # so few Pods move, or faults strike, that a share is missed: no invariant has failed
        story, seed = replays[0]
        why = re.search(r"^  ([\w-]+(?: [\w-]+)*):", output, re.M)
        place = f"seed {seed}" if story.endswith("swarm.sim") else f"{Path(story).name} --seed={seed}"
        return f"{place}: {why[1] if why else 'unknown'}"

    def swarm(self):
        self.build("simulate")
        return self.simulate("tests/simulation/swarm.sim", "--first=1", f"--seeds={self.options.seeds}")

    def stories(self):
        self.build("simulate")
        files = sorted((self.path / "tests/simulation").glob("*.sim"))
        return self.simulate(*[str(file.relative_to(self.path)) for file in files if file.stem != "swarm"])

    def unit(self, tests):
        """The first that fails."""
        for binary, wanted in tests:
            self.build(binary)
            code, output = self.run(f"build/{binary}", f"--gtest_filter={wanted}", seconds=300)
            if "Running 0 tests" in output:
                raise Broken(f"{binary} has no test {wanted}")
            if code != 0:
                return wanted
        return ""


def hunt(tree, bug):
    """Where a bug that is planted is noticed first, and what the unit tests say of it (None: not asked)."""
    began = time.monotonic()
    finding = Finding()
    searches = {"swarm": tree.swarm, "story": tree.stories, "unit": lambda: tree.unit(bug.tests)}
    first = tree.options.first or bug.caught_by
    for tier in sorted(TIERS, key=lambda tier: tier != first):
        by = searches[tier]()
        if by:
            finding = Finding(tier, by)
            break
    finding.seconds = time.monotonic() - began
    if finding.tier == "unit" or not tree.options.tests or not bug.tests:
        return finding, None
    return finding, tree.unit(bug.tests)


def try_bug(tree, bug):
    git_apply(tree.path, bug.patch)
    try:
        return hunt(tree, bug)
    finally:
        git_apply(tree.path, bug.patch, "--reverse")


def control(tree, bugs):
    """Without a bug, nothing may fail."""
    print("building the tree as it is", flush=True)
    for search in (tree.swarm, tree.stories, lambda: tree.unit(sorted({test for bug in bugs for test in bug.tests}))):
        by = search()
        if by:
            raise Broken(f"without any bug, this fails: {by}")
    print("control: nothing fails without a bug", flush=True)


def run_all(bugs, options):
    tree = Tree(CACHE / "planted" / "tree", options)
    tree.refresh()
    tree.configure()
    if not options.no_control:
        control(tree, bugs)
    wrong, broken, swarm = [], [], 0
    print(f"{'bug':<38} {'row':<4} {'caught by':<7} {'s':>5}  how", flush=True)
    for bug in bugs:
        try:
            finding, tests = try_bug(tree, bug)
        except Broken as why:
            print(f"{bug.name:<38} {why}", flush=True)
            broken.append(bug.name)
            continue
        note = "" if tests is None else f"; {tests} fails too" if tests else "; its unit test does not notice"
        print(f"{bug.name:<38} {bug.row.split()[0]:<4} {finding.tier or 'NOBODY':<7} {finding.seconds:>5.0f}  {finding.by}{note}",
              flush=True)
        swarm += finding.tier == "swarm"
        if finding.tier == "" or TIERS.index(finding.tier) > TIERS.index(bug.caught_by):
            wrong.append(f"{bug.name} is expected to be caught by: {bug.caught_by}")
        if tests == "":
            wrong.append(f"{bug.name}: the unit test it names does not notice")
    if not options.only and swarm < LEAST_CAUGHT_BY_SWARM:
        wrong.append(f"the swarm catches {swarm}, at least {LEAST_CAUGHT_BY_SWARM} are wanted")
    wrong += [f"{name} could not be tried" for name in broken]
    print(f"{len(bugs)} bugs, {swarm} caught by the swarm alone" + "".join(f"\n  {line}" for line in wrong))
    return 2 if broken else 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description="plants known bugs and shows which tests notice")
    parser.add_argument("--check", action="store_true", help="only: does every patch still apply")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this bug alone")
    parser.add_argument("--from", dest="first", choices=TIERS, help="the tier that is asked first; as the header says")
    parser.add_argument("--tests", action="store_true", help="the unit tests that a bug names, in any case")
    parser.add_argument("--seeds", type=int, default=2000, help="of the swarm")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--no-control", action="store_true", help="do not try the tree without a bug first")
    options = parser.parse_args()
    bugs = [read_bug(patch) for patch in sorted((HERE / "bugs").glob("*.patch"))]
    unknown = set(options.only) - {bug.name for bug in bugs}
    if unknown:
        raise Broken(f"no such bug: {', '.join(sorted(unknown))}")
    if options.check:
        return check(bugs)
    return run_all([bug for bug in bugs if not options.only or bug.name in options.only], options)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(broken, file=sys.stderr)
        sys.exit(2)
