#!/usr/bin/env python3
"""What krew would install: the manifest by krew's own rules, the archive by what the manifest says of it, and that it runs by itself."""

import hashlib
import os
import pathlib
import re
import subprocess
import tarfile
import tempfile
import unittest

from packaging_tools import MANIFESTS, binary, run


class Krew(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.output = cls.work / "krew"
        done = run("python3", "-B", MANIFESTS / "krew" / "build", f"--binary={binary()}", f"--output={cls.output}",
                   "--download=https://example.com/v0/")
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        import yaml
        cls.manifest = yaml.safe_load((cls.output / "spillway.yaml").read_text(encoding="utf-8"))
        cls.installed = cls.work / "installed"
        for platform in cls.manifest["spec"]["platforms"]:
            with tarfile.open(cls.output / pathlib.Path(platform["uri"]).name) as archive:
                cls.names = archive.getnames()
                archive.extractall(cls.installed)

    def test_the_manifest_keeps_krews_rules(self):
        """pkg/index/validation and the naming guide: what `validate-krew-manifest` looks at."""
        self.assertEqual((self.manifest["apiVersion"], self.manifest["kind"]), ("krew.googlecontainertools.github.com/v1alpha2", "Plugin"))
        name, spec = self.manifest["metadata"]["name"], self.manifest["spec"]
        self.assertRegex(name, r"^[a-z][a-z0-9-]*$")
        self.assertFalse(name.startswith("kube"))
        self.assertRegex(spec["version"], r"^v\d+\.\d+\.\d+$")
        self.assertEqual(set(spec) - {"version", "homepage", "shortDescription", "description", "caveats", "platforms"}, set())
        self.assertLessEqual(len(spec["shortDescription"]), 50)
        self.assertFalse(spec["shortDescription"].endswith("."))
        self.assertTrue(all(len(line) <= 80 for line in spec["description"].splitlines()))
        selectors = [tuple(sorted(p["selector"]["matchLabels"].items())) for p in spec["platforms"]]
        self.assertEqual(len(selectors), len(set(selectors)))
        for platform in spec["platforms"]:
            self.assertEqual(set(platform), {"selector", "uri", "sha256", "bin"})
            self.assertRegex(platform["uri"], r"^https://example\.com/v0/kubectl-spillway_v[\d.]+_linux_amd64\.tar\.gz$")

    def test_the_archive_is_what_the_manifest_says(self):
        for platform in self.manifest["spec"]["platforms"]:
            content = (self.output / pathlib.Path(platform["uri"]).name).read_bytes()
            self.assertEqual(hashlib.sha256(content).hexdigest(), platform["sha256"])
            self.assertIn(platform["bin"], self.names)
            self.assertTrue(os.access(self.installed / platform["bin"], os.X_OK))
        self.assertIn("LICENSE", self.names)
        self.assertFalse([name for name in self.names if name.startswith(("/", "..")) or "/../" in name])

    def test_it_runs_as_krew_links_it_with_its_own_libraries(self):
        """krew puts a link to `bin` into its bin folder."""
        link = self.work / "bin" / "kubectl-spillway"
        link.parent.mkdir()
        link.symlink_to(self.installed / "kubectl-spillway")
        environment = {"PATH": "/usr/bin:/bin"}
        done = subprocess.run([link, "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(f"v{done.stdout.split()[1]}", self.manifest["spec"]["version"])
        library = self.installed.resolve() / "lib"
        (loader,) = library.glob("ld-linux*")
        loaded = run(loader, "--library-path", library, "--list", library / "spillway").stdout
        paths = [path for path in re.findall(r"=> (\S+)", loaded)]
        self.assertGreater(len(paths), 10)
        self.assertEqual([path for path in paths if not path.startswith(str(library))], [])

    def test_two_builds_are_the_same_bytes(self):
        again = self.work / "again"
        done = run("python3", "-B", MANIFESTS / "krew" / "build", f"--binary={binary()}", f"--output={again}", "--download=https://example.com/v0/")
        self.assertEqual(done.returncode, 0, done.stderr)
        for path in self.output.iterdir():
            self.assertEqual(path.read_bytes(), (again / path.name).read_bytes(), path.name)


if __name__ == "__main__":
    unittest.main()
