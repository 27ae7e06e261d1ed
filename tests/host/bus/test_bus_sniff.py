"""`sniff`: nothing heard is lost, a replay shows what was shown, secrets are masked, and a bad file is named by its line."""

from __future__ import annotations

import json
import random
import signal
import stat
import time

import pytest

from firmware.base.faults import BadInput
from host_tools.bus.ear import Ear, Heard
from host_tools.bus.tape import Head, Tape
from host_tools.bus.told import Telling, frame_words, masked
from host_tools.decode.dlt645 import decode_bytes
from host_tools.simulators.frames import Frame, encode
from tests.host.bus.bench import A, Bench, bus, start, waits

ASK = encode(Frame(A, 0x11, bytes.fromhex("00000100"), 4))
TELL = encode(Frame(A, 0x91, bytes.fromhex("0000010035541200"), 4))
ORDER = encode(Frame(A, 0x1C, bytes.fromhex("02 563412 4c000000 1a 00 000010261126")))
HEAD = Head(1_795_687_802_828, 28_800, 2400, 500, "x")


def heard_by(chunks: list[tuple[int, bytes]], silence_ms: int = 500) -> list[Heard]:
    ear = Ear(2400, silence_ms)
    found = [heard for at_ms, data in chunks for heard in ear.hear(data, at_ms)]
    return found + ear.end()


def random_stream(rng: random.Random) -> bytes:
    parts = [
        ASK, TELL, ORDER, encode(Frame(A, 0x91, rng.randbytes(rng.randrange(200)), rng.randrange(5))), TELL[:-3], b"\x68" * 3, b"\xfe\xfe",
        rng.randbytes(rng.randrange(1, 90)), bytes.fromhex("6801000000002168 91 FF"), bytes(rng.choices(b"\xfe\x68\x16", k=9)),
    ]  # fmt: skip
    return b"".join(rng.choice(parts) for _ in range(rng.randrange(1, 12)))


def test_every_byte_is_told_once_in_order_however_it_is_cut():
    for seed in range(300):
        rng = random.Random(seed)
        raw = random_stream(rng)
        chunks, at_ms, at = [], 0, 0
        while at < len(raw):
            size = rng.randrange(1, 400)
            at_ms += rng.randrange(40)
            chunks.append((at_ms, raw[at : at + size]))
            at += size
        found = heard_by(chunks)
        assert b"".join(heard.raw for heard in found) == raw, seed
        expected = decode_bytes(raw)
        assert [heard.frame for heard in found if heard.frame] == expected["frames"], seed
        assert sum(len(heard.raw) for heard in found if not heard.frame) == expected["junk_bytes"], seed
        times = [heard.at_ms for heard in found]
        assert times == sorted(times) and all(heard.gap_ms is not None and heard.gap_ms >= 0 for heard in found[1:]), seed


def test_a_frame_that_never_ended_hides_the_next_one_only_until_a_silence():
    cut_off = TELL[:14]  # of 20 bytes and more: the head promises more than comes
    found = heard_by([(100, cut_off), (700, ASK)])
    assert [heard.frame is None for heard in found] == [True, False]
    assert found[1].at_ms >= 600 and found[1].gap_ms == found[1].at_ms - 100
    close_behind = heard_by([(100, cut_off), (400, ASK)])
    assert [heard.frame is None for heard in close_behind] == [True, False]


def test_a_silence_is_judged_by_the_times_and_ends_what_began():
    ear = Ear(2400, 500)
    assert ear.hear(bytes.fromhex("68010000000021 68 91 FF 33"), 100) == []
    assert ear.look(600) == [] and ear.hear(ASK, 600) == []  # too soon: it may all be one long frame
    assert [heard.frame is None for heard in ear.look(1101)] == [True, False]
    assert ear.hear(TELL[:8], 2000) == [] and [heard.raw for heard in ear.hear(ASK, 2501)] == [TELL[:8], ASK]


def test_times_are_those_of_the_wire():
    (one, two) = heard_by([(1000, ASK[:10]), (1050, ASK[10:]), (1200, TELL)])
    wire_ms = len(ASK[:10]) * 11_000 // 2400
    assert one.at_ms == pytest.approx(1000 - wire_ms, abs=2)
    assert two.at_ms == pytest.approx(1200 - len(TELL) * 11_000 // 2400, abs=2)
    assert two.gap_ms == pytest.approx(two.at_ms - 1050, abs=1)


def test_a_line_is_told_as_people_read_it_with_the_local_time_of_the_file():
    ask, tell, junk = heard_by([(1000, ASK), (1200, TELL), (2000, b"\x01\x02")])
    telling = Telling(HEAD, False)
    assert telling.text(ask).endswith(f"> {A}  read data 00010000 forward active energy")
    assert telling.text(tell).startswith("18:10:03.9") and telling.text(tell).endswith("forward active energy: 1254.35 kWh")
    assert telling.text(junk).endswith("? junk, 2 bytes: 01 02") and "+0.79" in telling.text(junk)


@pytest.mark.parametrize(
    ("control", "data", "kept", "words"),
    [
        (
            0x1C,
            "02 563412 4c000000 1a 00 000010261126",
            "........4C0000001A00000010261126",
            "level 02, valid until 2026-11-26 10:00:00",
        ),
        (0x14, "01010004 02 563412 4c000000 0426 11 26", "01010004........4C00000004261126", None),
        (0x18, "01 0c0004 02 563412 04 998877", "010C0004" + "." * 16, None),
        (0x98, "04 998877", "........", None),
        (0x1A, "02 563412 4c000000", "........4C000000", None),
        (0x04, "10c0 02 563412 01 02", "10C0........0102", None),
        (0x1C, "98 5634", "......", "in a form of its own, perhaps encrypted"),
        (0x11, "00000100", "00000100", None),
        (0xDC, "04", "04", "refused 04, wrong password or not authorised"),
    ],
)
def test_passwords_are_masked_whatever_they_come_in(control, data, kept, words):
    (heard,) = heard_by([(0, encode(Frame(A, control, bytes.fromhex(data))))])
    assert masked(heard.frame) == kept
    assert words is None or words in frame_words(heard.frame)
    shown = Telling(HEAD, False).text(heard) + json.dumps(Telling(HEAD, False).document(heard))
    assert "563412" not in shown.replace(" ", "") and "998877" not in shown


@waits
def test_what_was_saved_is_shown_again_exactly_and_ctrl_c_ends_in_order(folder):
    with Bench() as line:
        process = start("sniff", "--port", line.path, "--save", str(folder / "line.jsonl"), "--silence", "200")
        while not (folder / "line.jsonl").exists():
            time.sleep(0.02)
        for part in (ASK[:7], ASK[7:], TELL + ASK[:4], ASK[4:] + ORDER, TELL[:12], b"\x55" * 70, TELL):
            line.put(part)
            time.sleep(0.12)
        line.put(TELL[:15])
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err, line.restored, line.requests) == (130, "", True, [])
    again = bus("sniff", "--replay", str(folder / "line.jsonl"))
    assert (again.returncode, again.stdout, again.stderr) == (0, out, "")
    assert (
        out.splitlines()[-2].startswith("5 frames, 97 bytes of junk, of them 1 frame with a wrong sum in ")
        and out.splitlines()[-1] == f"meters that spoke: {A} (2)"
    )
    assert stat.S_IMODE((folder / "line.jsonl").stat().st_mode) == 0o600
    events = [json.loads(row) for row in bus("sniff", "--replay", str(folder / "line.jsonl"), "--json").stdout.splitlines()]
    assert [event["frame"]["value"] for event in events if "frame" in event and event["frame"]["is_response"]] == ["1254.35", "1254.35"]
    assert events[-1]["junk_bytes"] == sum(len(event["junk"]) // 2 for event in events if "junk" in event) == 97


@pytest.mark.slow
@waits
def test_listening_ends_by_itself_overwrites_nothing_and_minds_the_disk(folder):
    (folder / "old").write_text("mine")
    with Bench() as line:
        refused = bus("sniff", "--port", line.path, "--save", str(folder / "old"))
        assert (refused.returncode, refused.stderr) == (2, f"save: {folder / 'old'} exists already: nothing is overwritten\n")
        assert (folder / "old").read_text() == "mine"
        ended = bus("sniff", "--port", line.path, "--seconds", "1")
        assert (ended.returncode, ended.stdout) == (0, "0 frames, 0 bytes of junk in 1.0 s\n")


@pytest.mark.slow
@waits
def test_a_reader_who_has_seen_enough_and_a_port_that_goes_end_the_listening(folder):
    with Bench() as line:
        process = start("sniff", "--port", line.path, "--save", str(folder / "line.jsonl"))
        while not (folder / "line.jsonl").exists():
            time.sleep(0.02)
        process.stdout.close()
        for _ in range(150):  # a process that another test begins just now holds our end of the pipe until its exec
            line.put(ASK)
            time.sleep(0.2)
            if process.poll() is not None:
                break
        assert process.returncode == 0
        assert (process.stderr.read(), line.restored) == ("", True)
        process.stderr.close()
    line = Bench()
    with line:
        process = start("sniff", "--port", line.path, "--save", str(folder / "gone.jsonl"))
        while not (folder / "gone.jsonl").exists():
            time.sleep(0.02)
        line.put(ASK)
        time.sleep(0.3)
        line.unplug()
        out, err = process.communicate(timeout=30)
    assert process.returncode == 2 and err == f"port: {line.path} failed in the middle: was it unplugged?\n"
    assert out.splitlines()[-1].startswith("1 frame, 0 bytes of junk")
    assert json.loads((folder / "gone.jsonl").read_text().splitlines()[-1])["end"] is True


GOOD = '{"format":"lamplighter-bus-1","began_ms":0,"utc_offset_s":0,"baud":2400,"silence_ms":500,"port":"x"}\n'


def test_the_last_line_may_be_torn_by_a_crash(tmp_path):
    (tmp_path / "torn").write_text(GOOD + '{"ms":5,"hex":"68"}\n{"ms":9,"he')
    tape = Tape(str(tmp_path / "torn"))
    assert (list(tape.chunks()), tape.torn) == ([(5, b"\x68")], True)
    run = bus("sniff", "--replay", str(tmp_path / "torn"))
    assert run.returncode == 0 and "torn and was left out" in run.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a file of `sniff --save`"),
        ('{"format":"other"}\n', "is not a file of `sniff --save`"),
        (GOOD.replace("2400", "2401000"), "line 1: baud must be"),
        (GOOD.replace("2400", "true"), "line 1: baud must be"),
        (GOOD.replace(":500", ":0"), "line 1: silence_ms must be"),
        (GOOD + '{"ms":5,"hex":"6"}\n', "line 2: hex holds something that is no byte"),
        (GOOD + '{"ms":5,"hex":"zz"}\n', "line 2: hex holds"),
        (GOOD + '{"ms":5}\n', "line 2: hex must hold"),
        (GOOD + '{"ms":5,"hex":"68"}\n{"ms":4,"hex":"68"}\n', "line 3: ms must be"),
        (GOOD + '{"ms":-1,"hex":"68"}\n', "line 2: ms must be"),
        (GOOD + '{"ms":1.5,"hex":"68"}\n', "line 2: ms must be"),
        (GOOD + '{"ms":1,"end":true}\n{"ms":2,"hex":"68"}\n', "line 3: nothing may follow the end"),
        (GOOD + "{\n", "line 2: is not JSON"),
        (GOOD + "[" * 15_000 + "\n", "line 2: is not JSON"),
        (GOOD + "[]\n", "line 2: must be an object"),
        (GOOD + "\xff\n", "line 2: is not UTF-8 text"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, text, said):
    (tmp_path / "bad").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput) as fault:
        list(Tape(str(tmp_path / "bad")).chunks())
    assert str(fault.value).startswith("replay: ") and said in str(fault.value)
