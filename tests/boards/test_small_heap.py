"""200 accounts, 200 meters and the whole application in the heap of a real part, 256 KB, with room for TLS; and what a poll allocates.

The uplink needs 10 KB when it is connected (tests/boards/test_modem_uplink.py measures it); here somebody else holds that much.
"""

from tests.boards.small_heap import SmallHeap, poll_bytes, simulated_meters

METERS = 200
HEAP_KB = 256
TLS_BYTES = 10 * 1024
USED_MAX = 250_000 - TLS_BYTES  # of 255,792 that the heap's own tables leave; 4 KB of it are the story that measures
HOLE_MIN = 4 * 1024
LIVE_S = 20
POLL_BYTES_MAX = 6_000


def test_two_hundred_accounts_start_and_are_read_in_the_heap_of_a_real_part(tmp_path, capsys):
    with simulated_meters(tmp_path, METERS):
        board = SmallHeap(tmp_path / "board", METERS, HEAP_KB, tmp_path / "line")
        try:
            begun, lived = board.told(f"heap_story.live({LIVE_S}, {TLS_BYTES})")
        finally:
            board.stop()
    with capsys.disabled():
        print(f"\n  {METERS} accounts in {HEAP_KB} KB: {begun}, after {LIVE_S} s of reading {lived}")
    assert lived["accounts"] == METERS
    assert lived["read"] > LIVE_S // 4, "meters were read meanwhile"
    assert begun["used"] <= USED_MAX and lived["used"] <= USED_MAX
    assert begun["hole"] >= HOLE_MIN


def test_a_question_and_its_answer_need_no_byte_of_heap(tmp_path):
    board = SmallHeap(tmp_path, 1, HEAP_KB)
    code = "import json\nfrom firmware.meters.model_document import load_model\n"
    code += 'model = load_model(json.load(open("/rom/firmware/meters/models/export_1p.json")), "export_1p")\nheap_story.exchanges(model)'
    try:
        told = board.told(code)[-1]
    finally:
        board.stop()
    assert told == {"good": True, "told": [[123_456, None], [None, 0]]}


def test_a_steady_poll_leaves_little_to_be_collected(tmp_path, capsys):
    told = poll_bytes(tmp_path)
    with capsys.disabled():
        print(f"\n  {told}")
    assert told["polls"] > 20
    assert told["bytes"] / told["polls"] < POLL_BYTES_MAX
