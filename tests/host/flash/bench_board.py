"""An emulated board on the bench for flash.py: its flash prepared without a line, its console behind a cable that can be pulled."""

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import threading
import time
import tty
from dataclasses import dataclass
from pathlib import Path

from host_tools.emulator.bridge import Bridge
from host_tools.emulator.flash_file import FlashFile
from host_tools.emulator.machine import CONSOLE, Machine
from host_tools.flash.board_folder import find_board
from host_tools.flash.files_image import build_littlefs, read_littlefs
from host_tools.set_up import paths

KEY = "ab" * 32
BOARD = "qemu_mps2"
START_S = 30.0


def settings(gateway: str = "gw-001") -> dict:
    """A site of one meter, on a line where nobody answers."""
    meter = {"account": 1001, "address": "000000000001", "model": "export_1p", "password_level": 2, "password": "000000"}
    meter |= {"tariff": 1, "policy": 1, "protected": False, "care": False, "exempt": False}
    uplink = {"host": "127.0.0.1", "port": 1883, "keep_alive_s": 60}
    site = {"gateway": gateway, "uplink": uplink, "line": {"baud": 2400}, "poll_period_s": 900, "utc_offset_min": 480}
    return site | {"meters": [meter]}


@dataclass(frozen=True)
class Build:
    """What `flash.py build` made: a slot, the image in it, the files beside it."""

    slot: bytes
    romfs: bytes
    files: dict[str, bytes]


def copied_checkout(folder: Path) -> Path:
    """The files as they are now: whoever edits the checkout meanwhile changes nothing here."""
    source = paths.checkout()
    for top in ("host_tools", "firmware", "board_configs"):
        shutil.copytree(source / top, folder / top, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "flash.py", folder)
    (folder / ".venv").symlink_to((source / ".venv").resolve())
    return folder


def build(checkout: Path, commit: str) -> Build:
    """The emulated board's application under a name of its own."""
    out = checkout / "out" / commit
    command = [sys.executable, "flash.py", "build", BOARD, "--commit", commit, "--out", str(out)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True, timeout=60)
    files = read_littlefs((out / "files.littlefs").read_bytes(), 4096)
    return Build((out / "slot.bin").read_bytes(), (out / "application.romfs").read_bytes(), files)


class Cable:
    """A pty in front of the console; pull() is what happens when the plug comes out, after so many bytes to the board if asked."""

    def __init__(self, console: Path):
        self._board = os.open(console, os.O_RDWR | os.O_NOCTTY)
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        self.passed = 0
        self.pull_after: int | None = None
        self._pulled = threading.Event()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Safe to repeat."""
        self._pulled.set()
        self._thread.join()

    def wait_for(self, passed: int, running: subprocess.Popen) -> None:
        """Until so many bytes went to the board."""
        while self.passed < passed and running.poll() is None:
            time.sleep(0.02)
        assert running.poll() is None, f"it ended after {self.passed} bytes: {running.communicate()[0]}"

    def _copy(self) -> None:
        while not self._pulled.is_set():
            for source in select.select([self._master, self._board], [], [], 0.05)[0]:
                data = os.read(source, 4096)
                os.write(self._board if source == self._master else self._master, data)
                self.passed += len(data) if source == self._master else 0
            if self.pull_after is not None and self.passed >= self.pull_after:
                break
        for fd in (self._slave, self._master, self._board):
            os.close(fd)


class Bench:
    """Bench(folder, checkout): an emulated board that is off, with blank flash; flash.py runs in `checkout`."""

    def __init__(self, folder: Path, checkout: Path):
        self.folder = folder
        self.checkout = checkout
        self.flash = FlashFile(folder / "flash.bin")
        self.bridge = Bridge(folder / "console")
        self.port = folder / "console"
        self.machine = Machine(self.flash, {CONSOLE: self.bridge.inner})
        (folder / "site").mkdir()
        self.site("gw-001")

    def site(self, gateway: str) -> None:
        (self.folder / "site" / "settings.json").write_text(json.dumps(settings(gateway)))
        (self.folder / "site" / "key").write_text(KEY)

    def prepare(self, in_use: Build, other: Build | None = None, site: bool = True) -> None:
        """What an installation would have left, without the time that the line takes."""
        self.flash.write("slot_a", in_use.slot)
        self.flash.write("slot_b", other.slot if other else b"")
        provisioned = {"settings.json": json.dumps(settings()).encode(), "key": KEY.encode()} if site else {}
        whole = in_use.files | provisioned
        part = find_board(BOARD).parts["files"]
        self.flash.write("files", build_littlefs(whole, part.size, 4096, 32))

    def files(self) -> dict[str, bytes]:
        """Read from the flash file, while the board is off or idle."""
        return read_littlefs(self.flash.read("files"), 4096)

    def start(self) -> None:
        """Power on; back when the board has begun, which takes seconds on a busy machine."""
        before = self.flash.starts()
        self.machine.start()
        end = time.monotonic() + START_S
        while self.flash.starts() == before:
            assert time.monotonic() < end, self.machine.said()
            time.sleep(0.05)

    def command(self, *words: object, site: bool = True) -> list[str]:
        """A command of flash.py for this board."""
        given = [str(word) for word in words]
        if site and given[0] == "flash":
            given += ["--settings", str(self.folder / "site" / "settings.json")]
        if given[0] != "list":
            given += ["--key", str(self.folder / "site" / "key"), "--backups", str(self.folder / "backups"), "--hold", "20"]
        return [sys.executable, "flash.py", given[0], BOARD, *given[1:]]

    def run(self, *words: object, port: object = None, site: bool = True) -> subprocess.CompletedProcess:
        """Run it to its end."""
        return subprocess.run(
            [*self.command(*words, site=site), "--port", str(port or self.port)],
            cwd=self.checkout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def begin(self, *words: object, port: object = None) -> subprocess.Popen:
        """Start it, to be ended in the middle."""
        return subprocess.Popen(
            [*self.command(*words), "--port", str(port or self.port)],
            cwd=self.checkout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def said(self, until: bytes, timeout_s: float = 30.0) -> bytes:
        """What the console says, up to and with `until`."""
        ends = time.monotonic() + timeout_s
        said = b""
        with open(os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK), "rb", buffering=0) as console:
            while until not in said and time.monotonic() < ends:
                said += console.read(4096) or b""
                time.sleep(0.02)
        return said

    def backups(self) -> list[Path]:
        place = self.folder / "backups"
        return sorted(place.iterdir()) if place.is_dir() else []

    def close(self) -> None:
        self.machine.stop()
        self.bridge.close()
