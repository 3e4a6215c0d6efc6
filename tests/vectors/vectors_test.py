#!/usr/bin/env python3
"""Asks `spillway simulate` about every cluster in this folder and compares with kube-scheduler's own answer.

vectors_test.py [NAME...]       SPILLWAY_BIN, default build/spillway, is asked; all vectors without a name
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SPILLWAY = os.environ.get("SPILLWAY_BIN", HERE.parent.parent / "build" / "spillway")


def vectors():
    """What stands in *.json, one a file, and in *.ndjson, one a line."""
    for path in sorted(HERE.glob("*.json")):
        yield path.name, json.loads(path.read_text())
    for path in sorted(HERE.glob("*.ndjson")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield f"{path.name}:{number}", json.loads(line)


def answers(version, snapshots):
    lines = "".join(json.dumps(snapshot) + "\n" for snapshot in snapshots)
    done = subprocess.run([SPILLWAY, "simulate", "-f", "-", "--batch", f"--kube-scheduler-version={version}"],
                          input=lines, capture_output=True, text=True)
    out = done.stdout.splitlines()
    if len(out) != len(snapshots):
        sys.exit(f"{SPILLWAY}: exit code {done.returncode} after {len(out)} of {len(snapshots)} answers: {done.stderr}")
    return [json.loads(line) for line in out]


def comparable(verdict):
    """Reasons of one node come in any order; of a Pod that cannot be judged nothing but that is compared."""
    if verdict["verdict"] == "Undecidable":
        return {key: verdict[key] for key in ("namespace", "name", "verdict")}
    return verdict | {"nodes": [node | {"reasons": sorted(node["reasons"])} for node in verdict["nodes"]]}


def differences(expected, answer):
    if "error" in answer:
        return [answer["error"]]
    theirs, ours = expected["verdicts"], answer["verdicts"]
    if len(theirs) != len(ours):
        return [f"kube-scheduler has {len(theirs)} pending Pods, spillway {len(ours)}"]
    found = []
    for their, our in zip(map(comparable, theirs), map(comparable, ours)):
        for key in their.keys() | our.keys():
            if their.get(key) != our.get(key):
                found.append(f"{their['namespace']}/{their['name']} {key}\n    kube-scheduler: {their.get(key)}\n"
                             f"    spillway:       {our.get(key)}")
    return found


def main(names):
    by_version = collections.defaultdict(list)
    for where, vector in vectors():
        if not names or vector["name"] in names or where.split(":")[0] in names:
            for version in vector["kubernetes"]:
                by_version[version].append((where, vector))
    compared = failed = 0
    for version, batch in sorted(by_version.items()):
        for (where, vector), answer in zip(batch, answers(version, [vector["snapshot"] for _, vector in batch])):
            compared += 1
            if found := differences(vector["expected"], answer):
                failed += 1
                print(f"{where} ({vector['name']}, kube-scheduler {version})\n  " + "\n  ".join(found))
    print(f"{compared} vectors compared, {failed} disagree")
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
