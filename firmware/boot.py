"""The porch: what runs before anything of ours. Imports nothing of ours.

On a board MicroPython runs this file as /boot.py, then /main.py. It decides what this life is: maintenance, when the flag
file asks for it (no application, no watchdog: the prompt serves mpremote until the time is over), or the application, from
the slot that is whole. The flag is removed before it counts: it asks for one life only.

It counts boots, how many in a row did not settle, and how many in a row BROKE: by a fault of ours that main.py saw, by the
watchdog or a crash, before they were sound. Three that broke, and the smallest life is chosen: safe mode. A power cut breaks nothing: it
neither adds to that number nor takes from it, so a village with brown-outs does not end there, and a bug is not hidden by
one. Supply stays as it is over any number of resets. The counts are one small file, replaced whole; a missing or damaged one
counts as zero, so a bad file never keeps a good firmware from starting.

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
LIVES_THAT_BREAK = 3
_NOBODY_ORDERED = (3, 5)  # reset causes, SPEC 2: the watchdog, and a soft reset, which a crash of the runtime is where a chip tells it
_REST_S_MAX = 60
_COLLECT_BYTES = 16 * 1024


def begin(root, cause=0):
    """-> (boots in all, boots in a row that did not settle, lives in a row that broke). Called once, before anything else;
    `cause`: why this life began (SPEC 2)."""
    total, in_a_row, broken, _ = _read(root, cause)
    total = (total + 1) & 0xFFFFFFFF
    in_a_row += 1
    _write(root, total, in_a_row, broken, 1)
    return total, in_a_row, broken


def broken(root, cause=0):
    """Lives in a row that broke, the one before this included. Changes nothing."""
    return _read(root, cause)[2]


def rest_s(root):
    """How long a life that broke waits before the next: nothing for the first three, then longer, a minute at most."""
    in_a_row = _read(root)[1]
    return min(1 << min(in_a_row - LIVES_THAT_BREAK, 16), _REST_S_MAX) if in_a_row > LIVES_THAT_BREAK else 0


def settled(root):
    """The firmware has lived long enough to need no rest: earlier resets in a row are forgotten."""
    total, _, broke_before, open_end = _read(root)
    _write(root, total, 0, broke_before, open_end)


def broke(root):
    """A fault of ours ends this life."""
    total, in_a_row, broke_before, _ = _read(root)
    _write(root, total, in_a_row, min(broke_before + 1, 999), 0)


def excused(root, broke_before=None):
    """This life ends in order, whatever the chip calls that; with a number, so many lives broke before the next one."""
    total, in_a_row, kept, _ = _read(root)
    _write(root, total, in_a_row, kept if broke_before is None else broke_before, 0)


def sound(root):
    """Everything that comes up in a day or so came up, or somebody served the board: what broke before is forgotten."""
    excused(root, 0)


def _read(root, cause=0):
    """(total, in a row, broke, 1 while no reset of this life was ordered). RP2 calls each one that was the watchdog's, ESP32 a soft one."""
    words = _words(root + "/" + _FILE)
    try:
        total, in_a_row, broke_before, open_end = [int(word) for word in (words + ["0", "0"] if len(words) == 2 else words)]
    except (ValueError, IndexError):
        return 0, 0, 0, 0
    if cause in _NOBODY_ORDERED and open_end:
        broke_before += 1
    return total, in_a_row, broke_before, open_end


def _words(path):
    try:
        with open(path) as file:
            return file.read(64).split()
    except (OSError, ValueError):  # ValueError: bytes that are no text
        return []


def _write(root, *numbers):
    path = root + "/" + _FILE
    with open(path + ".new", "w") as file:
        file.write(" ".join([str(number) for number in numbers]) + "\n")
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
