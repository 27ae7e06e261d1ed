"""Certificates of a test, made by openssl: a CA, a stranger CA, servers good and bad, clients good and bad; PEM and DER.

    folder = make(path)     ca, stranger (CA), broker, other_name, expired, early (servers by ca), client (by ca),
                            strange_client (by stranger): NAME.pem, NAME.key.pem, NAME.der, NAME.key.der each
"""

import subprocess
from pathlib import Path

from host_tools.set_up import paths

NAME = "broker.test"
CONFIG = """[ca]
default_ca = own
[own]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
SUBJECT_NAMES = "subjectAltName=DNS:{},IP:127.0.0.1\n"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
ALWAYS = ("20200101000000Z", "20491231235959Z")  # beyond 2049 the date has another form
EXPIRED = ("20200101000000Z", "20210101000000Z")
EARLY = ("20400101000000Z", "20491231235959Z")


def make(folder: Path) -> Path:
    """Everything, into an existing folder -> the folder."""
    (folder / "ca.cnf").write_text(CONFIG)
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("1000\n")
    for name in ("ca", "stranger"):
        _run(folder, "req", "-x509", *KEY, "-days", "9000", "-subj", f"/CN={name}", "-keyout", f"{name}.key.pem", "-out", f"{name}.pem")
        _to_der(folder, name)
    _sign(folder, "broker", "ca", NAME, ALWAYS)
    _sign(folder, "other_name", "ca", "elsewhere.test", ALWAYS)
    _sign(folder, "expired", "ca", NAME, EXPIRED)
    _sign(folder, "early", "ca", NAME, EARLY)
    _sign(folder, "client", "ca", "gw1", ALWAYS)
    _sign(folder, "strange_client", "stranger", "gw1", ALWAYS)
    return folder


def _sign(folder: Path, name: str, ca: str, subject: str, dates: tuple[str, str]) -> None:
    (folder / "names.cnf").write_text(SUBJECT_NAMES.format(subject))
    _run(folder, "req", *KEY, "-subj", f"/CN={subject}", "-keyout", f"{name}.key.pem", "-out", f"{name}.csr")
    signing = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-extfile", "names.cnf", "-cert", f"{ca}.pem", "-keyfile", f"{ca}.key.pem"]
    _run(folder, *signing, "-startdate", dates[0], "-enddate", dates[1], "-in", f"{name}.csr", "-out", f"{name}.pem")
    _to_der(folder, name)


def _to_der(folder: Path, name: str) -> None:
    _run(folder, "x509", "-in", f"{name}.pem", "-outform", "DER", "-out", f"{name}.der")
    _run(folder, "pkcs8", "-topk8", "-nocrypt", "-in", f"{name}.key.pem", "-outform", "DER", "-out", f"{name}.key.der")


def _run(folder: Path, *arguments: str) -> None:
    done = subprocess.run([str(paths.openssl()), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
