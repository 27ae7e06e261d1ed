"""What is no running gateway of this version is named in one sentence, whatever it says or does not say."""

import errno
import json
import os
from types import SimpleNamespace

import pytest
import serial
from serial.tools import list_ports

from host_tools.board import BadInput, BoardTrouble, ConsoleClient
from host_tools.board.__main__ import main
from host_tools.board.port import find_port, open_port
from host_tools.set_up import paths
from tests.host.board.wires import Cable, Peer, lines, program_on

SHORT_S = 0.5
TWICE_S = 2.6  # long enough to be asked again
ABOUT = {"protocol": 1, "mode": "running", "gateway": "gw1"}


def named(peer: Peer, answer_s: float = SHORT_S) -> BoardTrouble:
    """The trouble that a tool meets at this peer."""
    with peer, ConsoleClient(peer.port, answer_s=answer_s) as board, pytest.raises(BoardTrouble) as told:
        board.hello()
        raise AssertionError("the stranger passed for a gateway")
    return told.value


def telling(**about):
    """A peer that answers `status` with these fields."""
    return Peer(lambda asked: lines({"re": asked["id"], "about": {**ABOUT, **about}}, {"re": asked["id"], "rows": 1, "end": True}))


def test_a_good_answer_passes():
    with telling() as peer, ConsoleClient(peer.port) as board:
        assert board.hello()["gateway"] == "gw1"


def test_a_silent_port():
    trouble = named(Peer(lambda asked: None))
    assert trouble.kind == "silent" and "no power" in str(trouble)


def test_a_silent_port_is_asked_twice_and_then_left_with_nothing_typed():
    peer = Peer(lambda asked: None)
    named(peer, TWICE_S)
    asked = [json.loads(line) for line in bytes(peer.heard).replace(b"\r\x01", b"").split(b"\n") if line]
    assert [one["ask"] for one in asked] == ["status", "status"] and len({one["id"] for one in asked}) == 1


@pytest.mark.parametrize("typed", [b"", b"\x01"])
def test_a_real_prompt_of_micropython_friendly_or_raw(typed):
    with Cable() as cable, program_on(cable, [str(paths.micropython())]):
        with open_port(cable.port) as port:
            port.read(200)
            port.write(typed)
            port.read(200)
            port.reset_input_buffer()
        with ConsoleClient(cable.port, answer_s=SHORT_S) as board, pytest.raises(BoardTrouble, match="MicroPython's prompt") as told:
            board.hello()
        assert told.value.kind == "prompt"


def test_an_application_that_crashes_is_named_with_its_error():
    said = b'Traceback (most recent call last):\r\n  File "firmware/main.py", line 138, in __init__\r\nMemoryError: no 29200 bytes\r\n>>> '
    trouble = named(Peer(lambda asked: said))
    assert trouble.kind == "crashed" and "MemoryError: no 29200 bytes" in str(trouble)


def test_a_firmware_that_only_tells_is_older():
    trouble = named(Peer(lambda asked: lines({"now": {"bus": {}}}, {"accounts": []})))
    assert trouble.kind == "version" and "older" in str(trouble)


def test_another_protocol_is_named_with_both_numbers():
    trouble = named(telling(protocol=3))
    assert trouble.kind == "version" and "protocol 3" in str(trouble) and "speak 1" in str(trouble)


SAFE_STATUS = (
    {"about": {**ABOUT, "mode": "safe", "board": "unix", "firmware": 256, "boot_count": 9, "in_a_row": 3}},
    {"safe_mode": {"fault": "KeyError: 7", "broken": 3, "tries": 1, "left_s": 840, "strange": 2,
                   "orders": [[20, 1001, 5, 2, 1, 1, 0, 5, 0, 0, 0], [1, 1002, 6, 0, 0, 2, 11, 0, 0, 0, 0]]}},
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("status",), 0, ("SAFE MODE  3 lives in a row broke; the last by: KeyError: 7", "5 restore for a payment for account 1001: taken",
                          "6 cut for account 1002: refused, nobody is cut in safe mode", "in 840 s")),
        (("accounts",), 1, ("the board is in safe mode and reads no books: it cannot answer accounts",)),
    ],
)  # fmt: skip
def test_safe_mode_is_named_and_its_status_is_shown(capsys, words, code, said):
    def answer(asked):
        return lines(*({"re": asked["id"], **row} for row in SAFE_STATUS), {"re": asked["id"], "rows": 2, "end": True})

    with Peer(answer) as peer:
        assert main([*words, "--port", peer.port]) == code
    told = capsys.readouterr()
    assert all(text in " ".join((told.out + told.err).split()) for text in (" ".join(text.split()) for text in said)), told


def test_a_question_that_it_does_not_know():
    peer = Peer(lambda asked: lines({"re": asked["id"], "no": "unknown", "what": "status", "end": True}))
    trouble = named(peer)
    assert trouble.kind == "unknown" and "older than these tools" in str(trouble)


def test_noise_is_no_text():
    trouble = named(Peer(lambda asked: bytes(range(128, 256)) * 2))
    assert trouble.kind == "noise" and "baud" in str(trouble)


def test_another_kind_of_device():
    trouble = named(Peer(lambda asked: b"OK\r\nERROR\r\n"))
    assert trouble.kind == "stranger" and "ERROR" in str(trouble)


def test_an_answer_that_stops_in_the_middle():
    with Peer(lambda asked: lines({"re": asked["id"], "meter": []})) as peer, ConsoleClient(peer.port, answer_s=0.5) as board:
        with pytest.raises(BoardTrouble, match="stopped in the middle"):
            board.rows("meters")


def test_a_board_that_restarts_in_the_middle_of_an_answer():
    with Peer(lambda asked: lines({"re": asked["id"], "meter": []}, {"boot": {}})) as peer, ConsoleClient(peer.port) as board:
        with pytest.raises(BoardTrouble, match="restarted") as told:
            board.rows("meters")
        assert told.value.kind == "restarted"


def test_a_board_that_was_just_reset_is_waited_for():
    first = []

    def answer(asked):
        if not first:
            first.append(asked)
            return lines({"boot": {}})
        return lines({"re": asked["id"], "about": ABOUT}, {"re": asked["id"], "rows": 1, "end": True})

    with Peer(answer) as peer, ConsoleClient(peer.port) as board:
        assert board.hello()["mode"] == "running"


def test_answers_to_another_asker_are_not_ours():
    with Peer(lambda asked: lines({"re": asked["id"] ^ 1, "about": {}}, {"re": None, "no": "garbage", "end": True})) as peer:
        with ConsoleClient(peer.port, answer_s=SHORT_S) as board, pytest.raises(BoardTrouble) as told:
            board.hello()
    assert told.value.kind == "stranger"


def test_a_port_that_is_none(tmp_path):
    (tmp_path / "file").write_text("x")
    for port, said in ((tmp_path / "absent", "is not there"), (tmp_path / "file", "no serial port"), (tmp_path, "no serial port")):
        with pytest.raises(BadInput, match=said):
            ConsoleClient(str(port))


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.EBUSY, BoardTrouble, "is busy"),  # a program has it for itself (TIOCEXCL, which does not bind root)
        (errno.EACCES, BadInput, "may not be opened by you"),
        (errno.EIO, BadInput, "cannot be used"),
    ],
)
def test_what_the_kernel_says_of_a_port(monkeypatch, number, kind, said):
    def refuse(*_, **__):
        raise serial.SerialException(number, f"could not open port: {os.strerror(number)}")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(kind, match=said):
        open_port("some_port")


def test_the_only_port_is_found_and_of_several_each_is_named(monkeypatch):
    def port(device, vid=0x1A86):
        return SimpleNamespace(device=device, vid=vid, description="USB serial")

    for found, said in (
        ([port("ttyS0", None), port("ttyUSB0")], "ttyUSB0"),
        ([port("ttyS0", None)], "no USB serial port"),
        ([port("ttyUSB0"), port("ttyACM0")], "ttyACM0 (USB serial), ttyUSB0 (USB serial)"),
    ):
        monkeypatch.setattr(list_ports, "comports", lambda found=found: found)
        try:
            assert find_port() == said
        except BadInput as told:
            assert said in str(told)
