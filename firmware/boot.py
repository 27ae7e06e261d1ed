"""The porch: counts boots, and how many in a row did not settle. Imports nothing of ours.

The second number tells a bug that replays itself from a power cut now and then; it goes up with the status, and the
smallest life (safe mode) will be chosen by it. Supply stays as it is over any number of resets.

The count is one small file, replaced whole; a missing or damaged one counts as zero, so a bad file never keeps a
good firmware from starting.
"""

import os

_FILE = "boot_count"


def begin(root):
    """-> (boots in all, boots in a row that did not settle). Called once, before anything else."""
    total, in_a_row = _read(root)
    total = (total + 1) & 0xFFFFFFFF
    in_a_row += 1
    _write(root, total, in_a_row)
    return total, in_a_row


def settled(root):
    """The firmware has lived long enough: earlier resets in a row are forgotten."""
    total, _ = _read(root)
    _write(root, total, 0)


def _read(root):
    try:
        with open(root + "/" + _FILE) as file:
            words = file.read(64).split()
        return int(words[0]), int(words[1])
    except (OSError, ValueError, IndexError):
        return 0, 0


def _write(root, total, in_a_row):
    path = root + "/" + _FILE
    with open(path + ".new", "w") as file:
        file.write(str(total) + " " + str(in_a_row) + "\n")
    os.rename(path + ".new", path)
