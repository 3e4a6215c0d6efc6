"""The bill of materials of the image, in SPDX 2.3: Spillway, and the Debian packages that its libraries came from."""

import datetime
import hashlib
import json
import subprocess
import urllib.parse


def time_of(epoch: int) -> str:
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(version: str, packages: list[str], created: str, binary_sha256: str) -> bytes:
    """The same bytes for the same arguments and installed packages."""
    spillway = {
        "SPDXID": "SPDXRef-Package-spillway", "name": "spillway", "versionInfo": version, "downloadLocation": "NOASSERTION",
        "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", "filesAnalyzed": False,
        "primaryPackagePurpose": "APPLICATION", "checksums": [{"algorithm": "SHA256", "checksumValue": binary_sha256}]}
    others = [_debian(name) for name in packages]
    contents = json.dumps([spillway, *others], sort_keys=True)
    bill = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"spillway-{version}",
        "documentNamespace": f"https://spillway.io/spdx/spillway-{version}-{hashlib.sha256(contents.encode()).hexdigest()[:16]}",
        "creationInfo": {"created": created, "creators": ["Tool: manifests/image/build"]},
        "packages": [spillway, *others],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": spillway["SPDXID"]},
            *({"spdxElementId": spillway["SPDXID"], "relationshipType": "DEPENDS_ON", "relatedSpdxElement": other["SPDXID"]}
              for other in others)]}
    return (json.dumps(bill, indent=1, sort_keys=True) + "\n").encode()


def _debian(name: str) -> dict:
    fields = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Homepage}"
    package, version, architecture, source, source_version, homepage = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={fields}", name], check=True, capture_output=True, text=True).stdout.split("\t")
    purl = f"pkg:deb/debian/{package}@{urllib.parse.quote(version, safe='.+~-')}?arch={architecture}&distro=bookworm"
    return {
        "SPDXID": "SPDXRef-Package-" + "".join(c if c.isalnum() or c in ".-" else "-" for c in package),
        "name": package, "versionInfo": version, "downloadLocation": "NOASSERTION", "homepage": homepage or "NOASSERTION",
        "sourceInfo": f"built from {source} {source_version}", "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
        "licenseComments": f"/usr/share/doc/{package}/copyright", "copyrightText": "NOASSERTION", "filesAnalyzed": False,
        "supplier": "Organization: Debian",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]}
