"""Building the image, and taking it apart again."""

import json
import pathlib
import tarfile

from packaging_tools import MANIFESTS, binary, run


def build(output: pathlib.Path, **environment) -> str:
    """The digest of what `manifests/image/build` made in `output`."""
    done = run("python3", "-B", MANIFESTS / "image" / "build", f"--binary={binary()}", f"--output={output}", **environment)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.splitlines()[-1]


def blob(layout: pathlib.Path, digest: str) -> pathlib.Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def manifest(layout: pathlib.Path) -> dict:
    (entry,) = json.loads((layout / "index.json").read_text(encoding="utf-8"))["manifests"]
    return json.loads(blob(layout, entry["digest"]).read_text(encoding="utf-8"))


def unpack(layout: pathlib.Path, root: pathlib.Path):
    """The layers one over the other, as an engine would lay them out; owners are ours."""
    root.mkdir()
    for layer in manifest(layout)["layers"]:
        with tarfile.open(blob(layout, layer["digest"])) as archive:
            archive.extractall(root)
