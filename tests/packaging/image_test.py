#!/usr/bin/env python3
"""The image: what is in it, that it is the same each time, and that the program runs in there with nothing else around."""

import json
import os
import pathlib
import stat
import subprocess
import tarfile
import tempfile
import time
import unittest

import image_tools
from packaging_tools import binary, run

# A network of its own without a way out, the image's files read-only, an empty /tmp; as the image's user where we are root.
ISOLATED = r"""
ip link set lo up
mount --bind "$1" "$1" && mount -t tmpfs -o mode=1777 tmpfs "$1/tmp" && mount -o remount,bind,ro "$1"
root=$1 user=$2; shift 2
exec chroot $user "$root" "$@"
"""


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.digest = image_tools.build(cls.work / "image")
        cls.layout, cls.root = cls.work / "image" / "oci", cls.work / "root"
        image_tools.unpack(cls.layout, cls.root)

    def inside(self, *command) -> list[str]:
        """The command line that runs `command` in the image, isolated."""
        as_root = os.geteuid() == 0
        user = "--userspec=65532:65532" if as_root else ""
        return ["unshare", *([] if as_root else ["--user", "--map-root-user"]), "--net", "--mount", "--pid", "--fork", "--kill-child",
                "sh", "-e", "-c", ISOLATED, "sh", self.root, user, *command]

    def members(self) -> list[tarfile.TarInfo]:
        found = []
        for layer in image_tools.manifest(self.layout)["layers"]:
            with tarfile.open(image_tools.blob(self.layout, layer["digest"])) as archive:
                found += archive.getmembers()
        return found

    def test_the_same_digest_each_time(self):
        elsewhere = {**os.environ, "TZ": "Asia/Shanghai", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
        self.assertEqual(image_tools.build(self.work / "again", env=elsewhere, cwd=self.work), self.digest)
        archives = [(self.work / name / "spillway.tar").read_bytes() for name in ("image", "again")]
        self.assertEqual(archives[0], archives[1])

    def test_it_has_no_shell_no_package_manager_and_nothing_setuid(self):
        programs = {m.name for m in self.members() if m.isfile() and m.mode & stat.S_IXUSR and "/bin/" in m.name}
        self.assertEqual(programs, {"usr/bin/spillway"})
        for member in self.members():
            self.assertFalse(member.mode & (stat.S_ISUID | stat.S_ISGID), member.name)
            if member.mode & stat.S_IWOTH and not member.issym():
                self.assertEqual((member.name, member.mode), ("tmp", 0o1777))

    def test_it_runs_as_nobody_of_importance(self):
        config = json.loads(image_tools.blob(self.layout, image_tools.manifest(self.layout)["config"]["digest"]).read_text(encoding="utf-8"))
        self.assertEqual(config["config"]["User"], "65532:65532")
        self.assertEqual(config["config"]["Entrypoint"], ["/usr/bin/spillway"])
        self.assertEqual((config["os"], config["architecture"]), ("linux", "amd64"))

    def test_layers_and_config_fit_together(self):
        import gzip
        import hashlib
        manifest = image_tools.manifest(self.layout)
        config = json.loads(image_tools.blob(self.layout, manifest["config"]["digest"]).read_text(encoding="utf-8"))
        for descriptor in [*manifest["layers"], manifest["config"]]:
            content = image_tools.blob(self.layout, descriptor["digest"]).read_bytes()
            self.assertEqual(descriptor["digest"], "sha256:" + hashlib.sha256(content).hexdigest())
            self.assertEqual(descriptor["size"], len(content))
        unpacked = ["sha256:" + hashlib.sha256(gzip.decompress(image_tools.blob(self.layout, layer["digest"]).read_bytes())).hexdigest()
                    for layer in manifest["layers"]]
        self.assertEqual(config["rootfs"]["diff_ids"], unpacked)

    def test_it_says_its_version_with_nothing_of_this_machine_around(self):
        done = run(*self.inside("/usr/bin/spillway", "--version"))
        self.assertEqual((done.returncode, done.stdout), (0, run(binary(), "--version").stdout), done.stderr)

    def test_it_starts_as_virtual_kubelets_deployments_start_theirs(self):
        done = run(*self.inside("/usr/bin/virtual-kubelet", "--provider", "alibabacloud-of-tomorrow", "--nodename", "virtual-kubelet-0"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("spillway agent: ", done.stderr)
        self.assertIn("alibabacloud-of-tomorrow", done.stderr)

    def test_the_demo_plays_in_there(self):
        """W1 to its end. W2 computes with the machine's perl, and there is no program here but Spillway: it says so."""
        wanted = ["W1: ", "Bound to virtual node virtual-kubelet-cn-beijing-g", "Started container nginx", "W2: ",
                  'exec: "perl": executable file not found']
        with subprocess.Popen([str(c) for c in self.inside("/usr/bin/spillway", "demo", "--exit")], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as demo:
            seen = []
            deadline = time.monotonic() + 120
            for line in demo.stdout:
                seen.append(line)
                if wanted and wanted[0] in line:
                    wanted.pop(0)
                if not wanted or time.monotonic() > deadline:
                    break
            demo.kill()
        self.assertEqual(wanted, [], "".join(seen)[-3000:])

    def test_the_bill_of_materials_names_what_is_in_it(self):
        text = (self.root / "usr/share/doc/spillway/sbom.spdx.json").read_text(encoding="utf-8")
        self.assertEqual(text, (self.work / "image" / "sbom.spdx.json").read_text(encoding="utf-8"))
        bill = json.loads(text)
        self.assertEqual((bill["spdxVersion"], bill["dataLicense"]), ("SPDX-2.3", "CC0-1.0"))
        names = {package["name"] for package in bill["packages"]}
        self.assertLessEqual({"spillway", "libc6", "libssl3", "libstdc++6", "ca-certificates", "libcpprest2.10"}, names)
        licences = {path.parent.name for path in (self.root / "usr/share/doc").glob("*/copyright")}
        self.assertEqual(licences, names)
        self.assertEqual({path.name for path in (self.root / "var/lib/dpkg/status.d").iterdir()}, names - {"spillway"})
        identifiers = {package["SPDXID"] for package in bill["packages"]}
        related = {r["relatedSpdxElement"] for r in bill["relationships"]}
        self.assertEqual(related, identifiers)
        for package in bill["packages"]:
            self.assertTrue(package["versionInfo"] and package["downloadLocation"] and package["licenseDeclared"], package)


if __name__ == "__main__":
    unittest.main(verbosity=2)
