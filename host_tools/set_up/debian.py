"""Packages of another release of Debian, through an apt state of its own: nothing of this system's changes.

The mirror is the one this system already uses; apt checks what it fetches against Debian's keyring.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from host_tools.set_up.cache import SetUpError, run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
AGAIN = "Debian's packages could not be fetched; check the network and run make setup again"


@contextlib.contextmanager
def other_suite(scratch: Path, suite: str, kind: str) -> Iterator[list[str]]:
    """The beginning of an apt-get command for `suite`; `kind` is "deb" or "deb-src". Its state lies in `scratch` meanwhile."""
    apt = scratch / "apt"
    (apt / "state" / "lists" / "partial").mkdir(parents=True)
    (apt / "cache" / "archives" / "partial").mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"{kind} [signed-by={KEYRING}] {_mirror()} {suite} main\n")
    settings = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    command = ["apt-get", "-q", *(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))]
    run("source-index", [*command, "update"], AGAIN)
    yield command
    shutil.rmtree(apt)


def _mirror() -> str:
    """The Debian mirror this system is configured with, whatever its name."""
    asked = run(
        "apt-mirror",
        ["apt-get", "indextargets", "--format", "$(CREATED_BY) $(COMPONENT) $(CODENAME) $(REPO_URI)"],
        "apt's list of sources cannot be read; look at what `apt-get indextargets` says",
    )
    for line in asked.splitlines():
        made_by, component, codename, *where = line.split(maxsplit=3)
        if (made_by, component) == ("Packages", "main") and codename in ("bookworm", "trixie") and where:
            return where[0]
    raise SetUpError("no Debian mirror (bookworm or trixie, main) is among apt's sources; add one, then make setup again")
