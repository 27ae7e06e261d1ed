"""The serial port of a board: found when there is only one, opened for us alone, and who holds it when it is taken.

Traps avoided: opening a port drops nothing on purpose - both DTR and RTS stay as the kernel raises them, because an ESP32's
reset circuit looks at their difference and a USB console of an RP2040 sends only while DTR is up.
"""

import errno
import os
from pathlib import Path

import serial
from serial.tools import list_ports

from host_tools.board.errors import BadInput, BoardTrouble

BAUD = 115_200
READ_S = 0.05
WRITE_S = 3.0


def find_port() -> str:
    """The only USB serial port of this machine; BadInput lists them when there are several or none."""
    found = sorted(list_ports.comports(), key=lambda one: one.device)
    usb = [one for one in found if one.vid is not None]
    if len(usb) == 1:
        return str(usb[0].device)
    if not usb:
        raise BadInput("port", "no USB serial port is on this machine: plug the board in, or name its port with --port")
    named = ", ".join(f"{one.device} ({one.description})" for one in usb)
    raise BadInput("port", f"there are several serial ports, name one with --port: {named}")


def open_port(port: str, baud: int = BAUD) -> serial.Serial:
    """The port, for this process alone. BadInput when it is none, BoardTrouble "busy" when another program holds it."""
    try:
        return serial.Serial(port, baud, timeout=READ_S, write_timeout=WRITE_S, exclusive=True)
    except ValueError as fault:
        raise BadInput("baud", f"{baud} is no rate of {port}: {fault}") from fault
    except (serial.SerialException, OSError) as fault:
        raise _why(port, fault) from fault


def _why(port: str, fault: Exception) -> Exception:
    number = getattr(fault, "errno", None)
    if number == errno.ENOENT:
        return BadInput("port", f"{port} is not there: is the board plugged in?")
    if number == errno.EACCES:
        return BadInput("port", f"{port} may not be opened by you: ask to be in the group that owns it (often dialout)")
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "lock" in str(fault):
        return BoardTrouble("busy", f"the board is busy: {_holder(port)} holds {port}; end it and ask again")
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR, errno.ENODEV) or Path(port).is_file():
        return BadInput("port", f"{port} is no serial port")
    return BadInput("port", f"{port} cannot be used: {fault}")


def _holder(port: str) -> str:
    """Name of a process that has the port open, as far as we may look."""
    real = os.path.realpath(port)
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == real for link in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text().strip()} (process {folder.name})"
        except OSError:
            continue  # not ours to look at, or it ended
    return "another program"
