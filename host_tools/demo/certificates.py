"""A CA and the certificate of the tap, made by openssl for one demo: where TLS of an emulated board ends."""

import ssl
import subprocess
from pathlib import Path

from host_tools.set_up import paths

DAYS = "2"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def make(folder: Path, name: str) -> bytes:
    """Make both in `folder` -> the CA's certificate as DER, for the board."""
    folder.mkdir()
    (folder / "names.cnf").write_text(f"subjectAltName=DNS:{name}\n")
    _openssl(folder, "req", "-x509", *KEY, "-days", DAYS, "-subj", "/CN=Demo CA", "-keyout", "ca.key.pem", "-out", "ca.pem")
    _openssl(folder, "req", *KEY, "-subj", f"/CN={name}", "-keyout", "tap.key.pem", "-out", "tap.csr")
    _openssl(folder, "x509", "-req", "-in", "tap.csr", "-CA", "ca.pem", "-CAkey", "ca.key.pem", "-CAcreateserial", "-days", DAYS,
             "-extfile", "names.cnf", "-out", "tap.pem")
    _openssl(folder, "x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der")
    return (folder / "ca.der").read_bytes()


def server_context(folder: Path) -> ssl.SSLContext:
    """What the tap shows to the board."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tap.pem", folder / "tap.key.pem")
    return context


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run([str(paths.openssl()), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()[-300:]}")
