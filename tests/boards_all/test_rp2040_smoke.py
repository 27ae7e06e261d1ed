"""The second machine: an image built from Debian's packages, on an emulated RP2040, with two meters on its RS-485 line.

Three lives on one flash: killed while it writes, cut inside a record, and left to read its meters again. Not part of
`make test`: `make boards-all` builds the image first and runs this folder.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from board_configs.rp2040_modem import wiring
from host_tools import uf2
from host_tools.emulator.machine import CUT_EXIT
from host_tools.emulator.rp2040js import PARTS
from host_tools.journal_reader import JournalImage
from host_tools.set_up import rp2040
from tests.boards_all.rp2040_kit import Life, Told, journal_end, journal_of, provisioned_flash, runtime_uf2
from tests.running_gateway import FIRST_ACCOUNT, GATEWAY, Scene, meters

BOOT2_BYTES = 252  # and their CRC behind them: RP2040 datasheet, section 2.8.2.3.1
INSIDE_BYTES = 20  # of a record of the journal: less than the shortest
RECORDS = 10
METER_START_CWH = 100_000


@dataclass
class Story:
    """What the lives told, and the journal after each."""

    told: list[Told] = field(default_factory=list)
    books: list[JournalImage] = field(default_factory=list)
    times: list[dict[str, int]] = field(default_factory=list)
    cut_exit: int = 0

    def keep(self, life: Life, books: JournalImage) -> None:
        self.told.append(life.told)
        self.books.append(books)
        self.times.append(life.times)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """All three lives, once for all tests."""
    folder: Path = tmp_path_factory.mktemp("rp2040")
    flash, scratch = folder / "flash.bin", folder / "region.bin"
    scene = Scene(folder / "site", meters=2, baud=9600, reply_delay_ms=20, load_w=6_000, energy_speed=3_600, limits={"accounts_max": 8})
    provisioned_flash(scene, flash)
    seen = Story()
    with meters(scene):
        with Life(flash, scene.line, folder) as life:
            life.wait_until(lambda told: told.readings >= 2 and len(told.records) >= RECORDS, "a reading of each meter")
            life.strike_at_the_next_record()
        seen.keep(life, journal_of(flash, scratch))

        start, size = PARTS["journal"]
        inside = journal_end(flash) % wiring.PAGE_SIZE + INSIDE_BYTES
        with Life(flash, scene.line, folder, cut_from=start, cut_to=start + size, cut_after=inside) as life:
            seen.cut_exit = life.wait_for_cut()
        seen.keep(life, journal_of(flash, scratch))

        before = seen.books[0].readings[-1].number
        with Life(flash, scene.line, folder) as life:
            life.wait_until(lambda told: told.readings >= before + 2, "another reading of each meter")
        seen.keep(life, journal_of(flash, scratch))
    return seen


def test_the_image_is_one_that_the_real_boot_rom_takes():
    (part,) = uf2.decode(runtime_uf2())
    image = rp2040.runtime().read_bytes()
    assert part.address == uf2.FLASH_START and part.data.startswith(image) and len(part.data) <= PARTS["runtime"][1]
    crc = 0xFFFFFFFF
    for byte in image[:BOOT2_BYTES]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    assert crc == int.from_bytes(image[BOOT2_BYTES : BOOT2_BYTES + 4], "little")


def test_it_mounts_its_flash_and_lives_by_the_settings_there(story):
    about = story.told[0].about
    assert (about["board"], about["gateway"], about["meters"], about["boot_count"]) == (wiring.NAME, GATEWAY, 2, 1)


def test_it_reads_each_meter_through_the_transceiver(story):
    readings = story.books[0].readings
    assert {reading.account for reading in readings} == {FIRST_ACCOUNT, FIRST_ACCOUNT + 1} and not story.books[0].readings_bad
    assert all(reading.registers[0] >= METER_START_CWH for reading in readings)
    assert [times["line_lost"] for times in story.times if times] == [0, 0]


def test_a_kill_while_it_writes_loses_no_record_that_was_told(story):
    told = [record for life in story.told for record in life.records]
    assert len(told) > RECORDS
    for books in story.books[:1], story.books[2:]:
        held = {record.sequence: record.kind for record in books[0].records}
        heard = story.told[0].records if books[0] is story.books[0] else told
        assert [record for record in heard if held.get(record["sequence"]) != record["kind"]] == []
    assert [books.sound for books in story.books] == [True] * 3


def test_a_cut_inside_a_record_leaves_a_torn_end_that_the_next_life_passes_over(story):
    assert story.cut_exit == CUT_EXIT
    (torn,) = story.books[1].torn
    assert 0 < torn.length <= INSIDE_BYTES
    assert len(story.books[1].records) == len(story.books[0].records)
    assert [span.offset for span in story.books[2].torn] == [torn.offset]


def test_the_last_life_goes_on_where_the_first_one_was_killed(story):
    assert story.told[2].about["boot_count"] == 3
    first, last = story.books[0].readings[-1], story.books[2].readings[-1]
    assert last.number >= first.number + 2 and last.registers[0] > first.registers[0]
    boots = [record for record in story.books[2].records if record.name == "BOOT"]
    assert len(boots) == 2
