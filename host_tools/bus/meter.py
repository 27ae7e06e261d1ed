"""Address, model and password of one meter, as people give them. Every mistake is BadInput and names the argument.

A password is never shown, not in a sentence about its own mistakes either; it comes from a file, the environment or a
prompt, because what stands on a command line is in the machine's list of processes.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from firmware.base.document import read_document
from firmware.base.faults import BadInput
from firmware.meters.model import Meter, Model
from firmware.meters.model_document import load_model

MODELS = Path(__file__).resolve().parents[2] / "firmware" / "meters" / "models"
WIDEST = "three_phase_tou"  # the model of the firmware that offers the most
UNKNOWN = "unknown"  # what a meter is called whose model nobody named
PASSWORD_VARIABLE = "LAMPLIGHTER_METER_PASSWORD"
ADDRESS_DIGITS, PASSWORD_DIGITS = 12, 6
LINE_CHARS_MAX = 100


def parse_address(text: str) -> bytes:
    """12 digits -> 6 bytes, low first."""
    if not _is_digits(text, ADDRESS_DIGITS):
        raise BadInput("address", f"must be the meter's {ADDRESS_DIGITS} digits (leading zeros too), got {text!r}")
    if text in ("0" * ADDRESS_DIGITS, "9" * ADDRESS_DIGITS):
        raise BadInput("address", f"must not be all {text[0]}: that is no meter")
    return bytes.fromhex(text)[::-1]


def find_model(name: str | None) -> Model:
    """A model by its name or by the path of its file; without either the widest of questions, and no relay."""
    if name is None:
        document = read_document((MODELS / f"{WIDEST}.json").read_bytes(), WIDEST)
        return load_model({**document, "name": UNKNOWN, "relay_method": "none", "alarm": False})
    path = MODELS / f"{name}.json"
    if "/" in name or name.endswith(".json"):
        path = Path(name)
    elif not path.is_file():
        raise BadInput("model", f"{name!r} is unknown: take one of {', '.join(names())}, or the path of a file")
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise BadInput("model", f"{path} cannot be read: {fault.strerror}")
    try:
        return load_model(read_document(raw, "the document"), path.stem)
    except BadInput as fault:
        raise BadInput("model", f"{path}: {fault}")


def names() -> list[str]:
    """The firmware's models."""
    return sorted(path.stem for path in MODELS.glob("*.json"))


def make_meter(address: str, model: Model, baud: int | None, level: int = 2, password: str = "000000") -> Meter:
    """The meter as the firmware's bus knows it; `baud` instead of the model's when it is given."""
    if baud is not None:
        model.baud = baud
    return Meter(parse_address(address), model, level, bytes.fromhex(password)[::-1])


def find_password(file: str | None, address: str) -> str:
    """Six digits from `file`, else from the environment, else from who sits at the terminal."""
    if file is not None:
        try:
            with open(file) as lines:
                return _checked(lines.readline(LINE_CHARS_MAX), f"the first line of {file}")
        except (OSError, UnicodeError) as fault:
            raise BadInput("password", f"{file} cannot be read: {getattr(fault, 'strerror', None) or 'it is no text'}")
    if PASSWORD_VARIABLE in os.environ:
        return _checked(os.environ[PASSWORD_VARIABLE], PASSWORD_VARIABLE)
    if not sys.stdin.isatty():
        raise BadInput("password", f"none given: --password-file, the variable {PASSWORD_VARIABLE}, or a terminal to ask at")
    try:
        return _checked(getpass.getpass(f"password of meter {address}, {PASSWORD_DIGITS} digits, not shown: "), "what was typed")
    except EOFError:
        raise BadInput("password", "none was typed")


def _checked(text: str, where: str) -> str:
    text = text.strip()
    if not _is_digits(text, PASSWORD_DIGITS):
        raise BadInput("password", f"{where} must hold {PASSWORD_DIGITS} digits")
    return text


def _is_digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()
