"""Frozen as boot.py, which this port runs instead of the one on the files: mounts them at / and runs theirs.

The port itself mounts them at /flash, and every other board has them at /. It never formats one: a board whose files cannot
be read waits at its prompt for flash.py.
"""

import os

import pyb
import vfs
import wiring

_files = (0, 0)
for _part, _offset, _size in wiring.FLASH:
    if _part == "files":
        _files = (_offset, _size)
try:
    vfs.umount("/flash")
except OSError:
    print("the port mounted no file system")
try:
    vfs.mount(vfs.VfsLfs2(pyb.Flash(start=_files[0], len=_files[1])), "/")
    os.chdir("/")
    with open("/boot.py") as _file:
        _text = _file.read()
except OSError:
    _text = "print('the file system cannot be mounted or has no boot.py: write it with flash.py')"
exec(_text)
