"""Debian packages: installed when we are root, asked for in one sentence when we are not."""

import os
import shutil
import subprocess

from host_tools.set_up.cache import SetUpError, debian_release, run, step

DEBIAN_PYTHON = "/usr/bin/python3"
RELEASES = ("12", "13")
RUNNING = ("mosquitto", "openssl", "qemu-system-arm")
BUILDING = (
    "build-essential", "dpkg-dev", "pkg-config", "libffi-dev", "debian-archive-keyring", "ca-certificates",
    "gcc-arm-none-eabi", "libnewlib-arm-none-eabi",
)  # fmt: skip
APT = ("apt-get", "-q", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=600")
IN_CONTAINER = "apt-get update && apt-get install -y git make python3 && make setup && exec bash"
CONTAINER = f"docker run -it -v \"$PWD\":/src -w /src debian:13 sh -c '{IN_CONTAINER}'"


def missing(names: tuple[str, ...]) -> list[str]:
    """Which of these packages are not installed, in the order given."""
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    there = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in there]


def check_release() -> None:
    """Stop on a system whose packages this was not written for."""
    if debian_release() not in RELEASES or shutil.which("apt-get") is None:
        raise SetUpError(f"set-up knows Debian 12 and 13 only; on this system use a container: {CONTAINER}")


def install(names: list[str]) -> None:
    """Install packages; raises SetUpError naming the exact command when we may not or cannot."""
    if not names:
        return
    by_hand = f"apt-get install --no-install-recommends {' '.join(names)}"
    if os.geteuid() != 0:
        raise SetUpError(f"Debian packages are missing: run as root `{by_hand}`, then run make setup again")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with step("Debian packages: " + " ".join(names)):
        run(
            "apt-update",
            [*APT, "update"],
            "the package lists of Debian could not be read; check the network and run make setup again",
            env=quiet,
        )
        run(
            "apt-install",
            [*APT, "-y", "--no-install-recommends", "install", *names],
            f"Debian's packages could not be installed; run `{by_hand}` and look at what it says",
            env=quiet,
            starts_services=True,
        )
