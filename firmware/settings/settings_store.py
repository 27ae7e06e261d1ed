"""The small files of a gateway in one folder: settings.json, key, tariff_I_V.json, policy_I_V.json, and those named below.

A file is replaced as a whole: written beside itself as NAME.new, flushed, read back, then renamed over the old one. A
power cut leaves the old file or the new one; a torn NAME.new is removed at the next start and was never read.

Traps avoided: a name from outside is never a path (no "..", no other names); `key` is never put into a sentence.
"""

import os

from firmware.base.faults import BadInput, StorageFault
from firmware.base.port import const
from firmware.base.rare import Rare

SETTINGS = "settings.json"
KEY = "key"
MAINTENANCE = "maintenance"  # the flag that boot.py looks for: seconds that the board is to be left alone
RESTORED = "restored"  # the books here are those of a backup: nothing is cut before the head-end has compared them
LAST_FAULT = "last_fault"  # what ended an earlier life, for people
UNSAID = "unsaid"  # names the document that is kept, and of which the journal may not tell yet
SAFE = "safe_mode"  # of a stay in safe mode: until when, and the orders that it took (firmware/safe_orders.py)
TEMP_END = ".new"
KEY_BYTES = const(32)
FILE_BYTES_MAX = const(65536)
PIECE_BYTES = const(512)  # a heap in use for long has no hole for a whole file
KINDS = ("tariff", "policy")
parse_settings = Rare("firmware.settings.settings", "parse_settings")


class SettingsStore:
    """SettingsStore(root): `root` is an existing folder. StorageFault when the filesystem fails."""

    def __init__(self, root):
        self._root = root
        for name in self._names():
            if name.endswith(TEMP_END) and _allowed(name[: -len(TEMP_END)]):
                self._remove_path(self._path(name))

    def read_settings(self, models=None, usual=()):
        """The checked settings, arguments as of parse_settings; BadInput when they are missing or wrong."""
        if SETTINGS not in self._names():
            raise BadInput(SETTINGS, "is missing: provision this gateway first")
        try:
            with open(self._path(SETTINGS), "rb") as file:
                return parse_settings(file, models, usual)
        except OSError as error:
            raise StorageFault(SETTINGS + " cannot be read: " + str(error))

    def read_key(self):
        """The gateway's 32 bytes; the file holds them raw or as 64 hex digits."""
        raw = self.read(KEY)
        if raw is None:
            raise BadInput(KEY, "is missing: provision this gateway first")
        if len(raw) == KEY_BYTES:
            return raw
        key = _from_hex(raw.strip())
        if key is None or len(key) != KEY_BYTES:
            raise BadInput(KEY, "must be 64 hex digits or 32 bytes, got " + str(len(raw)) + " bytes of something else")
        return key

    def read(self, name):
        """Bytes of a file, None when it is not there."""
        path = self._checked(name)
        if name not in self._names():
            return None
        try:
            with open(path, "rb") as file:
                pieces = [file.read(PIECE_BYTES)]
                while len(pieces[-1]) == PIECE_BYTES and len(pieces) * PIECE_BYTES <= FILE_BYTES_MAX:
                    pieces.append(file.read(PIECE_BYTES))
        except OSError as error:
            raise StorageFault(name + " cannot be read: " + str(error))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def replace(self, name, data):
        """Put `data` (bytes or text) in the place of file `name`, wholly or not at all."""
        path = self._checked(name)
        raw = data.encode() if type(data) is str else bytes(data)
        if len(raw) > FILE_BYTES_MAX:
            raise BadInput(name, "is longer than " + str(FILE_BYTES_MAX) + " bytes")
        try:
            with open(path + TEMP_END, "wb") as file:
                file.write(raw)
                file.flush()
                _sync(file)
            with open(path + TEMP_END, "rb") as file:
                if not _holds(file, raw):
                    raise StorageFault(name + " reads back other than written")
            os.rename(path + TEMP_END, path)
            _sync_folder(self._root)
        except OSError as error:
            raise StorageFault(name + " cannot be written: " + str(error))

    def replace_unsaid(self, name, data):
        """The same, of a document of which the journal tells later: `unsaid()` tells of it until `said()`."""
        self.replace(UNSAID, name)
        self.replace(name, data)

    def unsaid(self):
        """(kind, id, version, its bytes) of a document of which the journal may not tell yet, or None."""
        wanted = self.read(UNSAID)
        if wanted is None:
            return None
        for kind in KINDS:
            for number, version, name in self.documents(kind):
                if name.encode() == wanted:
                    return kind, number, version, self.read(name)
        self.said()
        return None

    def said(self):
        """The journal tells of it, or need not."""
        self.remove(UNSAID)

    def remove(self, name):
        """Remove a file; nothing happens when it is not there."""
        path = self._checked(name)
        if name in self._names():
            self._remove_path(path)

    def documents(self, kind):
        """[(id, version, file name)] of the tariffs or policies here, sorted."""
        found = []
        for name in self._names():
            numbers = _numbers(name, kind)
            if numbers is not None:
                found.append((numbers[0], numbers[1], name))
        return sorted(found)

    def _checked(self, name):
        if not _allowed(name):
            raise BadInput("name", "is not a file of a gateway: " + repr(name))
        return self._path(name)

    def _path(self, name):
        return self._root + "/" + name

    def _names(self):
        try:
            return os.listdir(self._root)
        except OSError as error:
            raise StorageFault("folder " + self._root + " cannot be read: " + str(error))

    def _remove_path(self, path):
        try:
            os.remove(path)
        except OSError as error:
            raise StorageFault(path + " cannot be removed: " + str(error))


def document_name(kind, number, version):
    """File name of one version: "tariff_1_2.json"."""
    name = kind + "_" + str(number) + "_" + str(version) + ".json"
    if not _allowed(name):
        raise BadInput("name", "is not a file of a gateway: " + repr(name))
    return name


def _allowed(name):
    if name in (SETTINGS, KEY, MAINTENANCE, RESTORED, LAST_FAULT, UNSAID, SAFE):
        return True
    return _numbers(name, KINDS[0]) is not None or _numbers(name, KINDS[1]) is not None


def _numbers(name, kind):
    """(id, version) of a document's file name, else None."""
    if type(name) is not str or not name.startswith(kind + "_") or not name.endswith(".json"):
        return None
    parts = name[len(kind) + 1 : -len(".json")].split("_")
    if len(parts) != 2:
        return None
    for part in parts:
        # one spelling per number: "01" would be a second file of version 1
        if not part or len(part) > 10 or part[0] == "0":
            return None
        for char in part:
            if char not in "0123456789":
                return None
    return (int(parts[0]), int(parts[1]))


def _holds(file, raw):
    """True when the file has these bytes and no more."""
    for at in range(0, len(raw), PIECE_BYTES):
        piece = raw[at : at + PIECE_BYTES]
        if file.read(len(piece)) != piece:
            return False
    return not file.read(1)


def _from_hex(text):
    raw = bytearray()
    for index in range(0, len(text) - 1, 2):
        high = b"0123456789abcdef".find(text[index : index + 1].lower())
        low = b"0123456789abcdef".find(text[index + 1 : index + 2].lower())
        if high < 0 or low < 0:
            return None
        raw.append(high * 16 + low)
    return None if len(text) % 2 else bytes(raw)


def _sync(file):
    """Through to the medium: MicroPython's flush() does so itself, CPython's stops in the kernel."""
    if hasattr(os, "fsync"):
        os.fsync(file.fileno())


def _sync_folder(root):
    """The rename itself must be durable too, where the port can say so."""
    if hasattr(os, "fsync"):
        folder = os.open(root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
