"""What a build calls itself: the commit, as git describes it, with `-dirty` when the working tree differs from it."""

import subprocess
from pathlib import Path

UNKNOWN = "unknown"  # not a git checkout


def commit_description(checkout: Path) -> str:
    """`0.1-12-g1a2b3c4-dirty`, or the short commit when nothing is tagged."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return said.stdout.strip() if said.returncode == 0 and said.stdout.strip() else UNKNOWN
