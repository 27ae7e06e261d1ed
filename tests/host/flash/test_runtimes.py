"""MicroPython onto RP2 and STM32 boards: the boot drive, dfu-util, and what is refused before anything is written."""

import errno
import subprocess
import sys

import pytest
import serial

from host_tools import uf2
from host_tools.flash.errors import FlashError
from host_tools.flash.port import Port
from host_tools.flash.runtimes import check_uf2, copy_to_drive, put_dfu
from host_tools.set_up import paths
from tests.host.flash.board_kit import KIB, make_board

LAYOUT = (("runtime", 0, 1024 * KIB), ("files", 1024 * KIB, 128 * KIB), ("journal", 1152 * KIB, 256 * KIB))
INFO = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: {}\n"


@pytest.fixture
def board(tmp_path):
    return make_board(tmp_path / "boards", layout=LAYOUT, PLATFORM="rp2", APPLICATION="frozen")


@pytest.fixture
def drive(tmp_path):
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text(INFO.format("RPI-RP2"))
    return folder


def runtime(at=0, size=5000):
    return uf2.encode([uf2.Part(uf2.FLASH_START + at, b"\x01" * size)])


def flash(*words):
    command = [sys.executable, "flash.py", "flash", *map(str, words)]
    return subprocess.run(
        command, cwd=paths.checkout(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_runtime_is_copied_to_the_boot_drive(drive, tmp_path):
    (tmp_path / "runtime.uf2").write_bytes(runtime())
    done = flash("rp2040_w5500", "--port", drive, "--runtime", tmp_path / "runtime.uf2")
    assert done.returncode == 0 and "now flash the application over its serial port" in done.stderr, done.stderr
    assert (drive / "runtime.uf2").read_bytes() == runtime()


def test_a_boot_drive_takes_nothing_else(drive):
    done = flash("rp2040_w5500", "--port", drive)
    assert done.returncode == 2 and "takes a runtime only" in done.stderr and done.stderr.count("\n") == 1


def test_what_is_no_runtime_for_this_board_is_refused(board):
    check_uf2(board, runtime())
    for image, said in (
        (b"", "cut short or no UF2"),
        (b"x" * 512, "does not bear the marks"),
        (uf2.encode([uf2.Part(uf2.FLASH_START, b"1")], family=0xE48BFF59), "another family of chips"),
        (runtime(at=1152 * KIB), "reaches to"),
        (runtime(size=1025 * KIB), "its place ends at 0x100000: nothing was changed"),
    ):
        with pytest.raises(FlashError) as fault:
            check_uf2(board, image)
        assert said in str(fault.value)


def test_the_drive_of_another_chip_is_left_alone(drive):
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader\nModel: SAMD21\nBoard-ID: SAMD21-x\n")
    with pytest.raises(FlashError, match="another chip than an RP2040"):
        copy_to_drive(drive, runtime())
    assert not (drive / "runtime.uf2").exists()


def test_a_drive_that_goes_away_in_the_middle_is_one_sentence(drive):
    (drive / "runtime.uf2").symlink_to("/dev/full")
    with pytest.raises(FlashError, match="went away or is full"):
        copy_to_drive(drive, runtime())


@pytest.fixture
def dfu_util(tmp_path, monkeypatch):
    """A program of that name that notes its arguments and ends with the code in `rc`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "dfu-util"
    fails = f'if [ -f {folder}/rc ]; then echo "No DFU capable USB device" >&2; exit 74; fi'
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/said\n{fails}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_an_stm32_is_written_by_dfu_util(dfu_util, tmp_path):
    board = make_board(tmp_path / "boards", layout=LAYOUT[1:], PLATFORM="stm32", about='[usb]\nids = ["2341:035b"]\n')
    image = tmp_path / "firmware.dfu"
    image.write_bytes(b"DfuSe")
    put_dfu(board, image)
    assert (dfu_util / "said").read_text().split() == ["-d", "2341:035b", "-a", "0", "-D", str(image), "-R"]
    (dfu_util / "rc").write_text("")
    with pytest.raises(FlashError, match="No DFU capable USB device.*is the board in its boot loader"):
        put_dfu(board, image)
    with pytest.raises(FlashError, match="give the .dfu file"):
        put_dfu(board, tmp_path / "firmware.bin")


def test_without_dfu_util_it_says_what_to_install(tmp_path, monkeypatch):
    board = make_board(tmp_path / "boards", layout=LAYOUT[1:], PLATFORM="stm32")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FlashError, match="install the package dfu-util"):
        put_dfu(board, tmp_path / "firmware.dfu")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("unix", "--port", "x"), "unix is a Linux machine"),
        (("qemu_mps2", "--port", "/dev/null/x"), "there is no port"),
        (("qemu_mps2", "--port", "README.md"), "is not a serial port"),
        (("qemu_mps2", "--port", "/dev/null"), "is not a serial port"),
        (("qemu_mps2", "--port", "x", "--runtime", "README.md"), "runs the runtime that `make setup` built"),
        (("esp32_poe_iso", "--port", "x", "--runtime", "README.md"), "not a whole one for ESP32"),
        (("rp2040_w5500", "--port", "x", "--runtime", "README.md"), "no UF2 for an RP2040"),
        (("esp32_poe_iso", "--port", "x", "--runtime", "nothing.bin"), "nothing.bin cannot be read"),
    ],
)
def test_wrong_ports_and_images_are_one_sentence(words, said):
    done = flash(*words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (serial.SerialException(errno.EACCES, "could not open port"), "may not be opened by this user: join the group"),
        (serial.SerialException(errno.EBUSY, "could not open port"), "is in use by another program"),
        (serial.SerialException("Could not exclusively lock port x: [Errno 11]"), "is in use by another program"),
        (serial.SerialException(errno.EIO, "could not open port"), "cannot be opened: Input/output error"),
    ],
)
def test_a_port_that_the_system_refuses_is_named(fault, said, monkeypatch):
    def refuse(*_, **__):
        raise fault

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(FlashError) as told:
        Port("/dev/null")
    assert said in str(told.value)
