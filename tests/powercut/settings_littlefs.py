"""Runs under MicroPython: a tariff is replaced on a real littlefs, the power goes at every block operation.

Prints one JSON line: how many points, how often the old and how often the new text was found, and every breach.
argv[1]: file for the image of the last filesystem, which the host reads with its own littlefs.
"""

import json
import sys

import vfs

from firmware.base.faults import StorageFault
from firmware.settings.settings_store import SettingsStore, document_name

BLOCK_BYTES = 512
BLOCKS = 64
DEAD = -5  # EIO
OLD = b'{"tariff": 1, "text": "' + b"old " * 150 + b'"}'
NEW = b'{"tariff": 1, "text": "' + b"new " * 180 + b'"}'
NAME = document_name("tariff", 1, 7)


class PowerCut(Exception):
    pass


class RamBlocks:
    """A block device of the extended interface; `cut_at` is the number of the program or erase at which power goes."""

    def __init__(self):
        self.data = bytearray(b"\xff" * (BLOCK_BYTES * BLOCKS))
        self.operations = 0
        self.cut_at = None
        self.off = False

    def readblocks(self, block, buf, offset=0):
        start = block * BLOCK_BYTES + offset
        buf[:] = self.data[start : start + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        if self.off:
            return DEAD  # the power is gone: a finaliser that still runs must neither write nor allocate
        start = block * BLOCK_BYTES + offset
        length = len(buf)
        if self._cut():
            half = length // 2  # torn: the first half is there, the rest is not
            self.data[start : start + half] = bytes(buf)[:half]
            raise PowerCut()
        self.data[start : start + length] = buf
        return 0

    def ioctl(self, operation, argument):
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            return self._erase(argument * BLOCK_BYTES)
        return 0

    def _erase(self, start):
        if self.off:
            return DEAD
        cut = self._cut()
        for at in range(start, start + (BLOCK_BYTES // 2 if cut else BLOCK_BYTES)):
            self.data[at] = 0xFF
        if cut:
            raise PowerCut()
        return 0

    def _cut(self):
        if self.operations == self.cut_at:
            self.off = True
        self.operations += 1
        return self.off


def prepared():
    blocks = RamBlocks()
    vfs.VfsLfs2.mkfs(blocks)
    vfs.mount(vfs.VfsLfs2(blocks), "/lfs")
    store = SettingsStore("/lfs")
    store.replace("settings.json", b"{}")
    store.replace("key", b"11" * 32)
    store.replace(NAME, OLD)
    vfs.umount("/lfs")
    return blocks


def after(blocks):
    """What a restart finds: the text, and whether the neighbours are whole."""
    vfs.mount(vfs.VfsLfs2(blocks), "/lfs")
    try:
        store = SettingsStore("/lfs")
        whole = store.read("settings.json") == b"{}" and store.read_key() == b"\x11" * 32
        return store.read(NAME), whole
    finally:
        vfs.umount("/lfs")


def replace_with_cut(blocks, cut_at):
    """True when the power went."""
    blocks.operations = 0
    vfs.mount(vfs.VfsLfs2(blocks), "/lfs")
    store = SettingsStore("/lfs")
    blocks.operations = 0
    blocks.cut_at = cut_at
    cut = False
    try:
        store.replace(NAME, NEW)
    except (PowerCut, OSError, StorageFault):
        cut = blocks.off
    vfs.umount("/lfs")
    blocks.cut_at = None
    blocks.off = False
    return cut


def sweep():
    image = bytes(prepared().data)
    counts = {"points": 0, "old": 0, "new": 0, "breaches": []}
    while counts["points"] < 10_000:
        blocks = RamBlocks()
        blocks.data[:] = image
        cut = replace_with_cut(blocks, counts["points"])
        text, whole = after(blocks)
        if text == OLD:
            counts["old"] += 1
        elif text == NEW:
            counts["new"] += 1
        if text not in (OLD, NEW) or not whole:
            counts["breaches"].append(counts["points"])
        if not cut:
            return counts, blocks
        counts["points"] += 1
    return counts, blocks


if __name__ == "__main__":
    result, last = sweep()
    with open(sys.argv[1], "wb") as file:
        file.write(last.data)
    print(json.dumps(result))
