"""What the tests of chart, image, dashboards and alerts have in common."""

import functools
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
MANIFESTS = REPOSITORY / "manifests"
CHART = MANIFESTS / "charts" / "spillway"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
NAMESPACE = "spillway-system"

sys.dont_write_bytecode = True
sys.path += [str(MANIFESTS), str(REPOSITORY / "tests" / "controlplane")]


@functools.cache
def tools() -> pathlib.Path:
    """The directory of the tools; makes them first where that has not happened yet."""
    done = subprocess.run([HERE / "build-tools"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("tests/packaging/build-tools failed; its own message is above")
    return pathlib.Path(done.stdout.splitlines()[-1])


def tool(name: str) -> pathlib.Path:
    return tools() / name


def binary() -> pathlib.Path:
    """The spillway binary to test: $SPILLWAY_BIN, or build/spillway of this work tree."""
    path = pathlib.Path(os.environ.get("SPILLWAY_BIN") or REPOSITORY / "build" / "spillway")
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"no binary at {path}: build it (make build), or set SPILLWAY_BIN")
    return path


def run(*command, stdin: str | None = None, **options) -> subprocess.CompletedProcess:
    """Runs it to its end, whatever that is; output as text."""
    return subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, check=False,
                          timeout=300, **options)


def render(*options, values: pathlib.Path | None = None, kubernetes: str = "1.36", release: str = "spillway",
           namespace: str = NAMESPACE) -> subprocess.CompletedProcess:
    """`helm template`; standard output has the objects, hooks included."""
    files = ["--values", values] if values else []
    return run(tool("helm"), "template", release, CHART, f"--namespace={namespace}", f"--kube-version={kubernetes}", *files, *options)


def objects(rendered: str) -> list[dict]:
    import yaml  # of the tools' environment
    return [document for document in yaml.safe_load_all(rendered) if document]


def named(all_objects: list[dict], kind: str, name: str) -> dict:
    found = [o for o in all_objects if o["kind"] == kind and o["metadata"]["name"] == name]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} objects {kind}/{name}, not one")
    return found[0]


def pod_specs(all_objects: list[dict]) -> dict[str, dict]:
    """Kind/name -> the Pod's spec, of whatever makes Pods."""
    specs = {}
    for each in all_objects:
        key = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            specs[key] = each["spec"]
        elif "template" in each.get("spec", {}):
            specs[key] = each["spec"]["template"]["spec"]
        elif "jobTemplate" in each.get("spec", {}):
            specs[key] = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return specs
