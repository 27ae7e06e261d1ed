"""What a build calls itself: the commit, as git describes it, with `-dirty` when the working tree differs from it.

Trap avoided: git calls a tree clean that has new files, and a new file under firmware/ would go into the image all the same.
"""

import subprocess
from pathlib import Path

UNKNOWN = "unknown"  # not a git checkout


def commit_description(checkout: Path) -> str:
    """`0.1-12-g1a2b3c4-dirty`, or the short commit when nothing is tagged."""
    described = _git(checkout, "describe", "--always", "--dirty", "--abbrev=12")
    if not described or described.endswith("-dirty"):
        return described or UNKNOWN
    new = _git(checkout, "ls-files", "--others", "--exclude-standard", "--", "firmware", "board_configs")
    return described + "-dirty" if new else described


def _git(checkout: Path, *arguments: str) -> str:
    try:
        said = subprocess.run(
            ["git", *arguments],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
