"""`python -m host_tools.decode`: every vector through the command, and bad hex named in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.decode.dlt645 import decode_bytes

ROOT = Path(__file__).resolve().parents[3]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "dlt645.json").read_text())


def decode(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "host_tools.decode", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)


def shown_value(meaning: dict) -> object:
    """What the command must print for the value that a vector names."""
    value = meaning["value"]
    if isinstance(value, dict):
        return value["word_hex"]
    if isinstance(value, int):
        return str(value)
    return None if isinstance(value, str) and value.startswith("non-BCD") else value


def test_every_vector_through_stdin_gives_its_frames_in_order():
    run = decode(stdin="".join(vector["hex"] + "\n" for vector in VECTORS))
    assert (run.returncode, run.stderr) == (0, "")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(lines) == len(VECTORS)
    for vector, line in zip(VECTORS, lines, strict=True):
        whole = [vector["hex"]] if vector["valid"] else []
        assert len(line["frames"]) == len(vector.get("frames_a_scanner_should_yield", whole)), vector["hex"]
        meaning = vector["meaning"]
        for frame in line["frames"][:1]:
            if not vector["valid"]:
                continue
            assert frame["valid"] is True
            assert frame["address"] == meaning["address"]
            assert frame["control"] == meaning["control"]
            assert frame["is_response"] == meaning["is_response"]
            assert frame["data"] == meaning.get("data_plain", "")
            assert frame["di"] == meaning.get("DI")
            assert frame["error"] == meaning.get("error_word", meaning.get("status_word", "?" if "C5" == frame["control"] else None))
            if "value" in meaning:
                assert frame["value"] == shown_value(meaning), vector["hex"]
            if "unit" in meaning:
                assert frame["unit"] == meaning["unit"]


@pytest.mark.parametrize(
    ("text", "frames", "junk"),
    [
        ("FEFE 6812907856341268910833333433896745335416", 1, 0),
        ("567b166820110602415668810643C333333333F916", 1, 3),
        ("686803000000000068910733343435333333D416", 1, 1),
        ("6812907856341269910833333433896745335416", 0, 20),
        ("FE:FE:00", 0, 3),
    ],
)
def test_bytes_outside_a_valid_frame_and_its_preamble_are_junk(text, frames, junk):
    decoded = decode_bytes(bytes.fromhex(text.replace(":", "")))
    assert (len(decoded["frames"]), decoded["junk_bytes"]) == (frames, junk)


def test_arguments_may_bear_blanks_colons_and_lower_case():
    run = decode("--more", "68 43:10:00 11 34 00 68 91 06 33 34 34 35 ca 55 ee 16", "0x6812907856341268D101358D16")
    first, second = (json.loads(line)["frames"][0] for line in run.stdout.splitlines())
    assert (first["di"], first["value"], first["unit"]) == ("02010100", "229.7", "V")
    assert (second["error"], second["causes"]) == ("02", ["no such data"])


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["6812", "68g2"], "", "decode: HEX 2: 'g' is not a hex digit"),
        (["681"], "", "decode: HEX 1: an odd number of hex digits (3), so half a byte is missing"),
        ([""], "", "decode: HEX 1: there are no hex digits"),
        ([], "6812\n\nxyz\n", "decode: line 3: 'x' is not a hex digit"),
        ([], "68\N{ARABIC-INDIC DIGIT ONE}2\n", "decode: line 1: '\N{ARABIC-INDIC DIGIT ONE}' is not a hex digit"),
    ],
)
def test_bad_hex_is_one_sentence_and_exit_code_2(arguments, stdin, sentence):
    run = decode(*arguments, stdin=stdin)
    assert (run.returncode, run.stderr.splitlines()) == (2, [sentence])
    assert not arguments or run.stdout == ""


def test_a_frame_is_shown_with_the_promised_fields_and_no_others():
    (frame,) = json.loads(decode("6812907856341268910833333433896745335416").stdout)["frames"]
    assert list(frame.items()) == [
        ("valid", True),
        ("address", "123456789012"),
        ("control", "91"),
        ("function", "read data"),
        ("is_response", True),
        ("data", "0000010056341200"),
        ("di", "00010000"),
        ("value", "1234.56"),
        ("unit", "kWh"),
        ("error", None),
    ]
    (frame,) = json.loads(decode("--more", "6812907856341268910833333433896745335416").stdout)["frames"]
    assert (frame["name"], frame["version"], frame["more_follow"], frame["causes"]) == ("forward active energy", "2007", False, [])


def test_a_full_disk_is_one_sentence():
    command = [sys.executable, "-m", "host_tools.decode"]
    with open("/dev/full", "w") as full:
        run = subprocess.run([*command, "68"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=30, check=False)
    assert (run.returncode, run.stderr) == (2, "decode: cannot go on: No space left on device\n")


def test_an_unknown_protocol_is_refused_and_help_shows_an_example():
    assert decode("--protocol", "dlms", "00").returncode == 2
    assert "example:" in decode("--help").stdout
