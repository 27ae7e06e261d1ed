"""`python -m host_tools.decode`: hex in, one line of JSON out per line of hex. Bad hex: one sentence, exit code 2."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator

from host_tools.decode import dlt645

DECODERS = {"dlt645": dlt645.decode_bytes}
EXAMPLE = """\
example:
  python -m host_tools.decode FEFE6812907856341268910833333433896745335416
  {"frames": [{"valid": true, "address": "123456789012", "control": "91", "function": "read data",
    "is_response": true, "data": "0000010056341200", "di": "00010000", "value": "1234.56", "unit": "kWh",
    "error": null}], "junk_bytes": 0}

Each argument is one line of input: quote it when it contains blanks.
Blanks, colons, commas, dashes, 0x and lower case are fine. FE bytes right before a frame are its
preamble; every other byte outside a valid frame counts in junk_bytes."""
SEPARATORS = re.compile(r"0[xX]|[\s:,\-]")
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


FIELDS = ("valid", "address", "control", "function", "is_response", "data", "di", "value", "unit", "error")  # without --more


class BadHex(ValueError):
    """A line is not hex; the text is one sentence for people."""


def parse_hex(text: str, what: str) -> bytes:
    """Bytes of a line; BadHex names `what` and the fault."""
    digits = SEPARATORS.sub("", text)
    for char in digits:
        if char not in HEX_DIGITS:
            raise BadHex(f"{what}: {char!r} is not a hex digit")
    if not digits:
        raise BadHex(f"{what}: there are no hex digits")
    if len(digits) % 2:
        raise BadHex(f"{what}: an odd number of hex digits ({len(digits)}), so half a byte is missing")
    return bytes.fromhex(digits)


def lines_of(arguments: list[str], stdin: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(what to call it, its text) of each line of input; empty lines of stdin are skipped."""
    if arguments:
        for number, text in enumerate(arguments, 1):
            yield f"HEX {number}", text
        return
    for number, text in enumerate(stdin, 1):
        if text.strip():
            yield f"line {number}", text


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.decode",
        description="Find and decode the meter frames in captured bytes, exactly as the firmware does.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--protocol", choices=sorted(DECODERS), default="dlt645", help="default: %(default)s")
    parser.add_argument("hex", nargs="*", metavar="HEX", help="bytes of one line of input each; none: lines on stdin")
    parser.add_argument("--more", action="store_true", help="also name, edition, more_follow, seq and the causes of an error")
    options = parser.parse_args(argv)
    decode = DECODERS[options.protocol]
    try:
        lines = (parse_hex(text, what) for what, text in lines_of(options.hex, sys.stdin))
        # arguments are all checked before the first is shown; a stream is answered line by line
        for raw in list(lines) if options.hex else lines:
            print(json.dumps(_shown(decode(raw), options.more)), flush=True)
    except BadHex as fault:
        print(f"decode: {fault}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _leave_stdout()
    except KeyboardInterrupt:
        return 130
    except OSError as fault:
        _leave_stdout()
        print(f"decode: cannot go on: {fault.strerror}", file=sys.stderr)
        return 2
    return 0


def _shown(decoded: dlt645.Decoded, more: bool) -> dlt645.Decoded:
    if more:
        return decoded
    frames = [{name: frame[name] for name in FIELDS} for frame in decoded["frames"]]
    return {"frames": frames, "junk_bytes": decoded["junk_bytes"]}


def _leave_stdout() -> None:
    """What is still buffered has nowhere to go; the interpreter must not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())
