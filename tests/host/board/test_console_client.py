"""The console client against the real firmware on MicroPython, over a cable that may be noisy or pulled."""

import json
import random
import time

import pytest

from host_tools.board import BadInput, BoardTrouble, ConsoleClient, answers, read_key
from host_tools.board.journal import read_journal
from host_tools.board.why import Evidence, read_why
from tests.host.board.conftest import wait_until_read
from tests.host.board.wires import Cable, board_on, scene_in
from tests.running_gateway import KEY, PREPAID, meters

pytestmark = pytest.mark.slow
EXIT_MAINTENANCE = 75


@pytest.fixture
def board(running):
    with ConsoleClient(running.cable.port) as client:
        yield client
    running.cable.to_tool = running.cable.to_board = None


def test_it_says_who_it_is(board):
    about = board.hello()
    assert (about["protocol"], about["mode"], about["gateway"], about["board"]) == (1, "running", "gw1", "unix")
    status = answers.status(board)
    assert set(status) == {"about", "journal", "readings", "link", "bus", "clock", "memory"}
    assert status["journal"]["sound"] is True and status["bus"]["answered"] > 3


def test_meters_and_accounts_are_those_of_the_settings(board, running):
    found = answers.meters(board)
    assert [one["address"] for one in found] == [running.scene.address(index) for index in range(3)]
    assert {one["model"] for one in found} == {"export_1p"} and all(one["register_cwh"] >= 100_000 for one in found)
    assert [one["account"] for one in answers.accounts(board)] == [1001, 1002, 1003]


def test_the_journal_is_whole_and_its_chain_holds(board):
    books = read_journal(board, 1, 10_000)
    assert books.chain().ok and sorted(books.records) == list(range(1, books.last + 1)) and books.last >= 11
    newest = read_journal(board, None, 4)
    assert len(newest.records) == 4 and newest.chain().ok


def test_garbage_half_lines_and_giants_leave_the_console_answering(board):
    noise = random.Random(7)
    for rubbish in (
        b"help\r\n", b"\x03\x03\x04\x01", b"x" * 10_000 + b"\n", b'{"ask":"status"', b"[" * 200 + b"\n", b"\x00" * 300,
        bytes(noise.randrange(256) for _ in range(3_000)), b'{"ask":"why","account":"' + b"9" * 500 + b'"}\n',
    ):  # fmt: skip
        board._write(rubbish)
        assert board.hello()["gateway"] == "gw1", rubbish[:20]
    assert answers.events(board)[-1]["code"] == 211  # what was no request is an event


def test_ten_kilobytes_without_an_end_do_not_delay_the_bus(board):
    before = answers.status(board)["bus"]["answered"]
    board._write(b"y" * 10_000)
    board.listen(3)
    assert answers.status(board)["bus"]["answered"] > before


def test_lines_lost_on_the_way_are_asked_for_again(board, running):
    noise = random.Random(3)

    def hurt(data: bytes) -> bytes:
        return bytes(byte ^ 0x15 if noise.random() < 0.0005 else byte for byte in data)

    running.cable.to_tool = hurt
    books = read_journal(board, 1, 10_000)
    assert books.chain().ok and len(books.records) == books.last
    assert len(answers.meters(board)) == 3


def test_a_line_that_loses_much_is_named(board, running):
    running.cable.to_tool = lambda data: data.replace(b"meter", b"mete")
    with pytest.raises(BoardTrouble, match="lost on the way|silent") as told:
        for _ in range(3):
            running.cable.to_tool = lambda data: data.replace(b'"meter"', b'"met')
            answers.meters(board)
    assert told.value.kind == "garbled"


def test_why_of_an_account_that_is_well(board):
    evidence = read_why(board, 1002)
    text = "\n".join(evidence.text())
    assert "account 1002" in text and "nothing is to be done" in text and "floor -1000.00" in text
    assert len(evidence.conditions()) == 21
    with pytest.raises(BoardTrouble, match="no such account"):
        read_why(board, 4711)


def test_a_watch_tells_and_ends_with_its_client(running):
    told = []
    with ConsoleClient(running.cable.port, on_told=told.append) as board:
        board.watch(60)
        board.listen(3.5)
    assert {"now", "account"} <= {name for row in told for name in row}
    assert {row["account"][0] for row in told if "account" in row} == {1001, 1002, 1003}
    time.sleep(0.5)
    before = len(running.cable.passed)
    time.sleep(1.5)
    assert len(running.cable.passed) == before  # the board fell silent


def test_a_client_that_was_killed_in_the_middle_of_an_answer_leaves_nothing_behind(running):
    first = ConsoleClient(running.cable.port)
    next(iter(first.ask("journal", **{"from": 1, "count": 10_000})))
    first._serial.close()  # as SIGKILL leaves it: nothing is said to the board
    with ConsoleClient(running.cable.port) as second:
        assert second.hello()["gateway"] == "gw1"
        assert len(answers.accounts(second)) == 3


def test_a_port_that_another_holds_is_busy_and_names_the_holder(board, running):
    with pytest.raises(BoardTrouble, match=f"busy: .*(process|another program).* holds {running.cable.port}") as told:
        ConsoleClient(running.cable.port)
    assert told.value.kind == "busy"


def test_a_board_that_is_unplugged_in_the_middle_is_named(tmp_path):
    scene = scene_in(tmp_path / "site")
    with meters(scene), Cable() as cable, board_on(cable, scene):
        board = ConsoleClient(cable.port)
        board.hello()
        with pytest.raises(BoardTrouble, match="went away") as told:
            for _ in board.ask("journal", **{"from": 1, "count": 100}):
                cable.unplug()
            board.hello()
        assert told.value.kind == "gone"
        board.close()


def test_wrong_keys_and_replayed_orders_are_refused_and_the_right_key_ends_the_life_in_order(tmp_path):
    scene = scene_in(tmp_path / "site", policy=PREPAID)
    sent = bytearray()

    def record(data: bytes) -> bytes:
        sent.extend(data)
        return data

    with meters(scene), Cable() as cable, board_on(cable, scene) as process, ConsoleClient(cable.port) as board:
        wait_until_read(board, 3)
        evidence = _decided(board, 1001)
        assert evidence.decision.name == "DECISION" and evidence.facts["floor_ucu"] == 0 and evidence.as_json()["decision"]
        assert any(line.startswith("last decision") and "cut delayed" in line for line in evidence.text())
        with pytest.raises(BoardTrouble, match="not this gateway's") as told:
            board.maintenance(bytes(32), 300)
        assert told.value.kind == "mac"
        with pytest.raises(BoardTrouble, match="for another"):
            board.maintenance(KEY, 300)
        time.sleep(3)
        cable.to_board = record
        nonce = next(row["nonce"] for row in board.ask("challenge") if "nonce" in row)
        assert len(nonce) == 32 and not (scene.root / "maintenance").exists()
        left = board.maintenance(KEY, 300)
        assert (left.seconds, left.synced, left.resting) == (300, True, True)
        assert process.wait(5) == EXIT_MAINTENANCE
        assert (scene.root / "maintenance").read_text() == "300\n"
    order = next(line for line in bytes(sent).split(b"\n") if b"maintenance" in line)
    assert json.loads(order)["seconds"] == 300
    (scene.root / "maintenance").unlink()
    with meters(scene), Cable() as cable, board_on(cable, scene) as process, ConsoleClient(cable.port) as board:
        board.hello()
        board._write(order + b"\n")
        board.listen(1)
        next(row for row in board.ask("challenge") if "nonce" in row)
        board._write(order + b"\n")
        board.listen(1)
        assert board.rows("status") and process.poll() is None and not (scene.root / "maintenance").exists()


def test_a_reader_that_does_not_read_stops_no_meter(tmp_path):
    scene = scene_in(tmp_path / "site")
    with meters(scene), Cable() as cable, board_on(cable, scene, console_bytes_s=200_000), ConsoleClient(cable.port) as board:
        wait_until_read(board, 3)
        cable.deaf = True
        before = _requests(scene)
        for _ in range(60):
            board._write(b'{"ask":"status"}\n')
            time.sleep(0.1)
        passed = len(cable.passed)
        assert _requests(scene) > before + 10
        cable.deaf = False
        board.listen(1)
        assert len(cable.passed) > passed + 8_000  # the pty was full
        assert board.hello()["gateway"] == "gw1"


def _decided(board: ConsoleClient, account: int) -> Evidence:
    """The evidence once something was decided: nobody here may be cut, for the head-end was never heard."""
    for _ in range(100):
        evidence = read_why(board, account)
        if evidence.decision is not None:
            return evidence
        board.listen(0.2)
    raise AssertionError("nothing was decided")


def _requests(scene) -> int:
    return len(scene.log.read_text().splitlines())


def test_a_key_comes_from_a_file_of_digits_or_bytes_and_is_never_shown(tmp_path):
    (tmp_path / "hex").write_text(KEY.hex() + "\n")
    (tmp_path / "raw").write_bytes(KEY)
    assert read_key(tmp_path / "hex") == read_key(tmp_path / "raw") == KEY
    (tmp_path / "short").write_text("secret")
    for name in ("short", "absent"):
        with pytest.raises(BadInput, match="key-file") as told:
            read_key(tmp_path / name)
        assert "secret" not in str(told.value)
