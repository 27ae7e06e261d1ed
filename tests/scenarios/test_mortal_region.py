"""The region in which unsynced bytes die, and the witness: both must say no where no is the answer."""

import pytest

from host_tools.journal_reader import JournalImage, Record, pack_record, parse_record, verify_chain
from host_tools.journal_reader.chain import FIRST_CHAIN
from tests.mortal_region import IDLE, MortalRegion, Violation, blank
from tests.scenarios.uplink_tap import Heard
from tests.scenarios.witness import Witness
from tests.scenarios.witness_books import Books

BLOCK, UNIT = 1024, 32
DATA = bytes(range(64))
CREDIT = {"account": 1001, "issuer": 1, "number": 1, "amount_ucu": 5, "total_ucu": 5}


class Died(BaseException):
    """Stands for the end of the process."""


def _die() -> None:
    raise Died


@pytest.fixture
def region(tmp_path):
    """region(seed, fate) -> the next life on the same file."""
    path = str(tmp_path / "region")
    blank(path, 4 * BLOCK, UNIT)
    return lambda seed=1, fate=None: MortalRegion(path, BLOCK, UNIT, seed, fate, _die)


def _held(one: MortalRegion, offset: int = 0, count: int = len(DATA)) -> bytes:
    buf = bytearray(count)
    one.read_into(offset, buf, 0, count)
    return bytes(buf)


def test_what_was_not_synced_dies_with_the_process(region):
    one = region()
    one.program(0, DATA, 0, 64)
    one.sync()
    one.program(BLOCK, DATA, 0, 64)
    one.erase(0)
    assert _held(one, BLOCK) == DATA and _held(one) == b"\xff" * 64
    assert _held(region(), BLOCK) == b"\xff" * 64 and _held(region()) == DATA


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda one: one.program(0, DATA, 0, 64), "second time"),
        (lambda one: one.program(1, DATA, 0, 32), "whole units"),
        (lambda one: one.program(BLOCK - 32, DATA, 0, 64), "cross the end"),
        (lambda one: one.erase(32), "begins no block"),
        (lambda one: one.read_into(4 * BLOCK - 1, bytearray(2), 0, 2), "outside"),
    ],
)
def test_what_flash_forbids_is_logged_and_ends_the_life(region, tmp_path, what, said):
    region_of_one_life = region()
    region_of_one_life.program(0, DATA, 0, 64)
    with pytest.raises(Violation, match=said):
        what(region_of_one_life)
    assert said in (tmp_path / "region.log").read_text()


@pytest.mark.parametrize("fate", ["program", "erase", "sync"])
def test_every_seed_leaves_a_tear_and_touched_units_stay_touched(region, tmp_path, fate):
    images = set()
    for seed in range(40):
        blank(str(tmp_path / "region"), 4 * BLOCK, UNIT)
        one = region()
        one.program(0, DATA * 4, 0, 256)
        one.sync()
        dying = region(seed, {fate: 0})
        with pytest.raises(Died):
            dying.program(BLOCK, DATA, 0, 64)
            dying.erase(0)
            dying.sync()
        images.add((tmp_path / "region").read_bytes())
        touched = (tmp_path / "region.units").read_bytes()
        after = region()
        for unit in range(4 * BLOCK // UNIT):
            assert touched[unit] or _held(after, unit * UNIT, UNIT) == b"\xff" * UNIT
        with pytest.raises(Violation):
            after.program(0, DATA, 0, 32)  # erased by half or not at all: never programmed before a whole erase
    assert len(images) > 20 and touched[-1:] != IDLE


def _image(*fields: dict) -> JournalImage:
    """A journal of CREDIT records behind an EPOCH."""
    records: list[Record] = []
    chain = FIRST_CHAIN
    raws = [("EPOCH", {"epoch": 1, "reason": 1, "boot_count": 1, "firmware": 1}), *(("CREDIT", one) for one in fields)]
    for sequence, (name, values) in enumerate(raws, 1):
        raw = pack_record(name, sequence, 1_790_000_000, 3, 1, chain, **values)
        records.append(parse_record(raw))
        chain = records[-1].chain
    image = JournalImage(records=records)
    image.chain = verify_chain(records)
    image.epoch = image.chain.epoch
    return image


def _second(**changes: int) -> dict:
    return {**CREDIT, "number": 2, "amount_ucu": 7, "total_ucu": 12, **changes}


@pytest.fixture
def witness() -> Witness:
    return Witness(Books(issued={(1001, 1, 1): 5, (1001, 1, 2): 7}))


def test_the_witness_agrees_with_a_sound_history(witness):
    witness.judge(_image(CREDIT), 1)
    witness.hear([Heard("credit", {1: 1001, 2: 1, 3: 2}), Heard("record", (3, _image(CREDIT, _second()).records[2].raw))])
    witness.judge(_image(CREDIT, _second()), 2)
    assert not witness.faults


@pytest.mark.parametrize(
    ("images", "heard", "said"),
    [
        ([_image(CREDIT, _second()), _image(CREDIT)], [], "was there or was shown"),
        ([_image(CREDIT)], [Heard("credit", {1: 1001, 2: 1, 3: 2})], "acknowledged and is not booked"),
        ([_image(CREDIT)], [Heard("order", {1: 1, 2: 1001, 3: 4})], "has no verdict"),
        ([_image(CREDIT, CREDIT)], [], "booked again"),
        ([_image(CREDIT, _second(total_ucu=13))], [], "another total"),
        ([_image(CREDIT, _second(amount_ucu=8))], [], "was not issued so"),
        ([_image(CREDIT), _image({**CREDIT, "total_ucu": 6})], [], "now another CREDIT"),
        ([_image(CREDIT)], [Heard("record", (2, b"other bytes"))], "with those bytes"),
        ([_image(CREDIT)], [Heard("ack", {2: 2, 3: b"another."})], "that chain"),
        ([_image(CREDIT)], [Heard("reading", (1, [1])), Heard("reading", (1, [2]))], "reading 1 was"),
    ],
)
def test_the_witness_finds(witness, images, heard, said):
    for life, image in enumerate(images, 1):
        witness.hear(heard if life == len(images) else [])
        witness.judge(image, life)
    assert any(said in sentence for sentence in witness.faults), witness.faults


def test_the_witness_finds_pruning_without_right(witness):
    whole = _image(CREDIT, _second())
    witness.judge(whole, 1)
    pruned = JournalImage(records=whole.records[1:], epoch=1)
    pruned.chain = verify_chain(pruned.records, whole.records[0].chain, 1, 1)
    witness.judge(pruned, 2)
    assert any("missing" in sentence for sentence in witness.faults) and any("pruned" in sentence for sentence in witness.faults)
