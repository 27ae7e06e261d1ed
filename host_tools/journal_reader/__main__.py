"""`python -m host_tools.journal_reader FILE --erase-size N --unit N [--journal-size N] [--export] [--json]`

Prints the records of a region image or an export; exit status 0 when the journal is sound, 1 when it is corrupt, 2 on
bad input.
"""

import argparse
import json
import os
import sys

from host_tools.journal_reader.region import JournalImage, read_export, read_region
from host_tools.journal_reader.words import QUALITY, record_in_words, when


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.journal_reader",
        description="Read a gateway's journal in plain words, and say whether it is sound.",
        epilog="exit status: 0 sound, 1 corrupt or records missing, 2 bad input or no journal in the file",
    )
    parser.add_argument("file", help="region image or export")
    parser.add_argument("--erase-size", type=int, default=4096, metavar="BYTES", help="of an erase block (default 4096)")
    parser.add_argument("--unit", type=int, default=1, metavar="BYTES", help="of a program unit (default 1)")
    parser.add_argument("--journal-size", type=int, metavar="BYTES", help="of the journal; the rest are readings")
    parser.add_argument("--export", action="store_true", help="the file is records one behind the other")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--write-export", metavar="FILE", help="also write the records into a new file, one behind the other")
    given = parser.parse_args(arguments)
    try:
        image = _read(given)
        if given.write_export is not None:
            _write_export(given.write_export, image)
    except OSError as fault:
        print(f"file: {given.file} cannot be read: {fault.strerror}", file=sys.stderr)
        return 2
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 2
    try:
        _print_json(image) if given.json else _print_words(image)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_stdout()
    except OSError as fault:
        _leave_stdout()
        print(f"output: cannot be written: {fault.strerror}", file=sys.stderr)
        return 2
    return 0 if image.sound else 1


def _write_export(path: str, image: JournalImage) -> None:
    """ValueError names the argument that is wrong."""
    try:
        with open(path, "xb") as file:
            file.write(b"".join(record.raw for record in image.records))
    except OSError as fault:
        raise ValueError(f"write-export: {path} cannot be written: {fault.strerror}") from fault


def _read(given: argparse.Namespace) -> JournalImage:
    """ValueError names the argument that is wrong."""
    for name in ("erase_size", "unit", "journal_size"):
        value = getattr(given, name)
        if value is not None and value < 1:
            raise ValueError(f"{name.replace('_', '-')}: must be 1 or more, got {value}")
    try:
        image = read_export(given.file) if given.export else read_region(given.file, given.erase_size, given.unit, given.journal_size)
    except ValueError as fault:
        raise ValueError(f"file: {fault}") from fault
    if not image.records and not image.blocks and (image.bad_blocks or image.torn or image.corrupt):
        what = "an export" if given.export else f"a region of {given.erase_size}-byte blocks"
        raise ValueError(f"file: {given.file} holds no journal: not one record or block header of {what} is in it")
    return image


def _leave_stdout() -> None:
    """What is still buffered has nowhere to go; the interpreter must not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _print_json(image: JournalImage) -> None:
    for record in image.records:
        print(json.dumps(record.as_json()))
    print(json.dumps({"summary": _summary(image)}))


def _print_words(image: JournalImage) -> None:
    for record in image.records:
        quality = QUALITY[record.quality] if record.quality < len(QUALITY) else "?"
        print(f"{record.sequence:8d}  {when(record.at_s)} ({quality})  {record.name:14s} {record_in_words(record)}")
    for name, value in _summary(image).items():
        print(f"{name.replace('_', ' ')}: {_told(value)}")


def _told(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return "-" if value is None else str(value)


def _summary(image: JournalImage) -> dict[str, object]:
    return {
        "sound": image.sound,
        "records": len(image.records),
        "epoch": image.epoch,
        "last_sequence": image.chain.last_sequence,
        "torn": [f"{span.length} bytes at {span.offset}: {span.sentence}" for span in image.torn],
        "mended": [f"{span.length} bytes at {span.offset}: {span.sentence}" for span in image.mended],
        "blocks": len(image.blocks),
        "bad_blocks": image.bad_blocks,
        "corrupt": [f"{span.length} bytes at {span.offset}: {span.sentence}" for span in image.corrupt],
        "missing": [f"{first} to {last}" for first, last in image.chain.gaps],
        "chain_breaks": [sentence for _, sentence in image.chain.breaks],
        "unknown_kinds": image.unknown_kinds,
        "readings": len(image.readings),
        "readings_bad": image.readings_bad,
    }


if __name__ == "__main__":
    sys.exit(main())
