"""The keys and certificates of one test cluster, made with the openssl command. Everything is P-256: fast to make."""

import dataclasses
import pathlib
import subprocess


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, as PEM files."""

    cert: pathlib.Path
    key: pathlib.Path


class Authority:
    """A certificate authority that lives in one directory and issues into it."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ca = Certificate(directory / "ca.crt", directory / "ca.key")
        self._issue(self._ca, "/CN=spillway-test-ca",
                    ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"], signer=None)

    @property
    def cert(self) -> pathlib.Path:
        """The CA's own certificate, which clients and servers trust."""
        return self._ca.cert

    def client(self, name: str, common_name: str, organizations=()) -> Certificate:
        """An identity: `common_name` is the Kubernetes user, `organizations` its groups."""
        subject = "".join(f"/O={o}" for o in organizations) + f"/CN={common_name}"
        return self._issued(name, subject, ["extendedKeyUsage=clientAuth"])

    def server(self, name: str, addresses=("IP:127.0.0.1", "DNS:localhost")) -> Certificate:
        """A serving certificate for `addresses`, in openssl's spelling of subject alternative names."""
        return self._issued(name, f"/CN={name}",
                            ["extendedKeyUsage=serverAuth", "subjectAltName=" + ",".join(addresses)])

    def expired_server(self, name: str, addresses) -> Certificate:
        """A serving certificate as above that ended a day ago."""
        certificate = self.server(name, addresses)
        request, extensions = (self._directory / f"{name}.{end}" for end in ("csr", "ext"))
        extensions.write_text("subjectAltName=" + ",".join(addresses) + "\nextendedKeyUsage=serverAuth\n", encoding="utf-8")
        _openssl("req", "-new", "-key", str(certificate.key), "-config", "/dev/null", "-subj", f"/CN={name}", "-out", str(request))
        _openssl("x509", "-req", "-in", str(request), "-days", "-1", "-CA", str(self._ca.cert), "-CAkey", str(self._ca.key),
                 "-CAcreateserial", "-extfile", str(extensions), "-out", str(certificate.cert))
        return certificate

    def key_pair(self, name: str) -> Certificate:
        """A bare key pair (`cert` is the public key), for signing ServiceAccount tokens."""
        pair = Certificate(self._directory / f"{name}.pub", self._directory / f"{name}.key")
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(pair.key))
        _openssl("pkey", "-in", str(pair.key), "-pubout", "-out", str(pair.cert))
        return pair

    def _issued(self, name: str, subject: str, extensions: list[str]) -> Certificate:
        certificate = Certificate(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        self._issue(certificate, subject,
                    ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", *extensions],
                    signer=self._ca)
        return certificate

    @staticmethod
    def _issue(certificate: Certificate, subject: str, extensions: list[str], signer: Certificate | None):
        command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                   "-config", "/dev/null", "-subj", subject, "-out", str(certificate.cert), "-keyout", str(certificate.key)]
        for extension in extensions:
            command += ["-addext", extension]
        if signer:
            command += ["-CA", str(signer.cert), "-CAkey", str(signer.key)]
        _openssl(*command)


def _openssl(*args: str):
    done = subprocess.run(["openssl", *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(args)} failed:\n{done.stderr}")
