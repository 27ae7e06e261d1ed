"""200 accounts, 200 meters and the whole application in the heap of a real part, 256 KB, with room for TLS; and what a poll allocates.

The uplink needs 10 KB when it is connected (tests/boards/test_modem_uplink.py measures it); here somebody else holds that much.
"""

import json

import pytest

from tests import timed_site
from tests.boards.small_heap import BAUD, SmallHeap, site

METERS = 200
HEAP_KB = 256
TLS_BYTES = 10 * 1024
USED_MAX = 250_000 - TLS_BYTES  # of 255,792 that the heap's own tables leave; 4 KB of it are the story that measures
HOLE_MIN = 4 * 1024
LIVE_S = 20


@pytest.fixture
def line(tmp_path):
    """200 simulated meters that answer quickly."""
    meters = [{"address": row["address"], "model": "export_single", "load": 500, "forward_cwh": 100_000} for row in site(METERS)["meters"]]
    place = {"line": {"baud": BAUD, "seed": 1}, "utc_offset_s": 28_800, "meters": meters}
    (tmp_path / "site.json").write_text(json.dumps(place))
    with timed_site.spawned(tmp_path / "site.json", tmp_path / "line", tmp_path / "site.sock", tmp_path / "requests"):
        yield tmp_path / "line"


def test_two_hundred_accounts_start_and_are_read_in_the_heap_of_a_real_part(tmp_path, line, capsys):
    board = SmallHeap(tmp_path / "board", METERS, HEAP_KB, line)
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
    code = "import json\nfrom firmware.meters.model import load_model\n"
    code += 'model = load_model(json.load(open("/rom/firmware/meters/models/export_1p.json")), "export_1p")\nheap_story.exchanges(model)'
    try:
        told = board.told(code)[-1]
    finally:
        board.stop()
    assert told == {"good": True, "told": [[123_456, None], [None, 0]]}
