"""`python -m host_tools.journal_reader FILE --erase-size N --unit N [--journal-size N] [--export] [--json]`

Prints the records of a region image or an export; exit status 0 when the journal is sound, 1 when it is corrupt, 2 on
bad input.
"""

import argparse
import json
import sys

from host_tools.journal_reader.region import JournalImage, read_export, read_region
from host_tools.journal_reader.words import QUALITY, record_in_words, when


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m host_tools.journal_reader", description="Read a gateway's journal.")
    parser.add_argument("file", help="region image or export")
    parser.add_argument("--erase-size", type=int, default=4096, help="bytes of an erase block (default 4096)")
    parser.add_argument("--unit", type=int, default=1, help="program unit in bytes (default 1)")
    parser.add_argument("--journal-size", type=int, default=None, help="bytes of the journal; the rest are readings")
    parser.add_argument("--export", action="store_true", help="the file is records one behind the other")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args(arguments)
    try:
        if given.export:
            image = read_export(given.file)
        else:
            image = read_region(given.file, given.erase_size, given.unit, given.journal_size)
    except (OSError, ValueError) as fault:
        print("file: " + str(fault), file=sys.stderr)
        return 2
    try:
        _print_json(image) if given.json else _print_words(image)
    except BrokenPipeError:
        return 0
    return 0 if image.sound else 1


def _print_json(image: JournalImage) -> None:
    for record in image.records:
        print(json.dumps(record.as_json()))
    print(json.dumps({"summary": _summary(image)}))


def _print_words(image: JournalImage) -> None:
    for record in image.records:
        quality = QUALITY[record.quality] if record.quality < len(QUALITY) else "?"
        print(f"{record.sequence:8d}  {when(record.at_s)} ({quality})  {record.name:14s} {record_in_words(record)}")
    for name, value in _summary(image).items():
        print(f"{name}: {value}")


def _summary(image: JournalImage) -> dict[str, object]:
    return {
        "sound": image.sound,
        "records": len(image.records),
        "epoch": image.epoch,
        "last_sequence": image.chain.last_sequence,
        "torn": [f"{span.length} bytes at {span.offset}: {span.sentence}" for span in image.torn],
        "mended": [f"{span.length} bytes at {span.offset}: {span.sentence}" for span in image.mended],
        "corrupt": [f"{span.length} bytes at {span.offset}: {span.sentence}" for span in image.corrupt],
        "missing": [f"{first} to {last}" for first, last in image.chain.gaps],
        "chain_breaks": [sentence for _, sentence in image.chain.breaks],
        "unknown_kinds": image.unknown_kinds,
        "readings": len(image.readings),
        "readings_bad": image.readings_bad,
    }


if __name__ == "__main__":
    sys.exit(main())
