"""Runs before boot.py: mounts the file system. It never formats one: settings and key lie there, and a board whose files
cannot be read waits at its prompt for flash.py. (The port's own _boot.py would format the journal's flash.)
"""

import board
import vfs
import wiring

_files = None
for _part, _offset, _size in wiring.FLASH:
    if _part == "files":
        _files = board.Flash(_offset, _size)
try:
    vfs.mount(vfs.VfsLfs2(_files, progsize=wiring.PAGE_SIZE, readsize=wiring.PAGE_SIZE), "/")
except OSError:
    print("the file system cannot be mounted: write it with flash.py")
