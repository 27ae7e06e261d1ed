"""The porch: what runs before anything of ours. Imports nothing of ours.

On a board MicroPython runs this file as /boot.py, then /main.py. It decides what this life is: maintenance, when the flag
file asks for it (no application, no watchdog: the prompt serves mpremote until the time is over), or the application, from
the slot that is whole. The flag is removed before it counts: it asks for one life only.

It counts boots, and how many in a row did not settle. The second number tells a bug that replays itself from a power cut now
and then; it goes up with the status, and the smallest life (safe mode) will be chosen by it. Supply stays as it is over any
number of resets. The count is one small file, replaced whole; a missing or damaged one counts as zero, so a bad file never
keeps a good firmware from starting.

Trap avoided: a slot is executed in place, so a half-written one would run as far as it goes. Nothing runs that the
descriptor in the slot's last block does not prove: b"LAMPSLOT", version u32, length u32, SHA-256 of the image, CRC-32.
"""

import os
import sys

_FILE = "boot_count"
_MAINTENANCE = "/maintenance"
_SLOT_CHOICE = "/slot"
_SECONDS_MIN = 10
_SECONDS_MAX = 3_600
_DESCRIPTOR_BYTES = 52
_LIVES_AT_ONCE = 3
_REST_S_MAX = 60
_COLLECT_BYTES = 16 * 1024


def begin(root):
    """-> (boots in all, boots in a row that did not settle). Called once, before anything else."""
    total, in_a_row = _read(root)
    total = (total + 1) & 0xFFFFFFFF
    in_a_row += 1
    _write(root, total, in_a_row)
    return total, in_a_row


def rest_s(root):
    """How long a life that broke waits before the next: nothing for the first three, then longer, a minute at most."""
    _, in_a_row = _read(root)
    return min(1 << min(in_a_row - _LIVES_AT_ONCE, 16), _REST_S_MAX) if in_a_row > _LIVES_AT_ONCE else 0


def settled(root):
    """The firmware has lived long enough: earlier resets in a row are forgotten."""
    total, _ = _read(root)
    _write(root, total, 0)


def _read(root):
    words = _words(root + "/" + _FILE)
    try:
        return int(words[0]), int(words[1])
    except (ValueError, IndexError):
        return 0, 0


def _words(path):
    try:
        with open(path) as file:
            return file.read(64).split()
    except (OSError, ValueError):  # ValueError: bytes that are no text
        return []


def _write(root, total, in_a_row):
    path = root + "/" + _FILE
    with open(path + ".new", "w") as file:
        file.write(str(total) + " " + str(in_a_row) + "\n")
    os.rename(path + ".new", path)


def porch():
    """On a board: True when the application can be imported and shall run, False when this life is for maintenance."""
    seconds = _maintenance_seconds()
    if seconds:
        _leave_at_prompt(seconds)
        return False
    _collect_often()
    try:
        import slots  # in the runtime images that have application slots
    except ImportError:
        sys.path.insert(0, "/app")
        return True
    chosen = _words(_SLOT_CHOICE)
    for name in ("b", "a") if chosen == ["b"] else ("a", "b"):
        image = whole_image(memoryview(slots.slot(name)), slots.ERASE_SIZE)
        if image is not None:
            import vfs

            vfs.mount(vfs.VfsRom(image), "/rom")
            sys.path.insert(0, "/rom")
            return True
        print("slot " + name + " does not hold a whole application")
    print("no application can be started: write one with flash.py")
    return False


def _collect_often():
    """What lives long must not come to lie between garbage: MicroPython never moves it, and 200 accounts need 29 KB in one piece."""
    import gc

    gc.threshold(_COLLECT_BYTES)


def whole_image(slot, erase_size):
    """memoryview of a slot -> memoryview of its image when the descriptor proves it, else None."""
    from binascii import crc32
    from hashlib import sha256

    said = slot[len(slot) - erase_size :][:_DESCRIPTOR_BYTES]
    if bytes(said[:8]) != b"LAMPSLOT" or crc32(said[:48]) != _u32(said, 48):
        return None
    length = _u32(said, 12)
    if length > len(slot) - erase_size or sha256(slot[:length]).digest() != bytes(said[16:48]):
        return None
    return slot[:length]


def _u32(view, at):
    return int.from_bytes(bytes(view[at : at + 4]), "little")


def _maintenance_seconds():
    """How long the flag asks for, 0 without one; the flag is gone afterwards."""
    words = _words(_MAINTENANCE)
    try:
        os.remove(_MAINTENANCE)
    except OSError:
        return 0
    try:
        return min(max(int(words[0]), _SECONDS_MIN), _SECONDS_MAX)
    except (ValueError, IndexError):
        return _SECONDS_MIN


def _leave_at_prompt(seconds):
    global maintenance_timer  # who works at the prompt may tell it a new time, so that a board left behind is soon back
    import machine

    print("maintenance for " + str(seconds) + " s, then a reset")
    maintenance_timer = machine.Timer(-1, mode=machine.Timer.ONE_SHOT, period=seconds * 1000, callback=lambda timer: machine.reset())


def _on_board():
    """porch(), deaf to Ctrl-C: one from a noisy console must not leave a board at its prompt. A prompt allows it again."""
    import micropython

    micropython.kbd_intr(-1)
    return porch()


try:
    application = __name__ == "__main__" and sys.platform != "linux" and _on_board()  # main.py looks here
except KeyboardInterrupt:  # it came before we were deaf
    application = _on_board()
