"""The figures of a board's flash: against the firmware's own demand, and against examples worked out by hand."""

import pytest

from firmware.base.faults import BadInput
from firmware.base.limits import Limits
from firmware.ledger.ledger_store import Ledger
from host_tools.check_boards.figures import figures, journal_blocks_least
from host_tools.check_boards.rules import check
from host_tools.set_up import paths
from tests.host.boards_config.samples import RP2, changed, make_folder
from tests.nor_ram import RamRegion

ERASE = 4096


def of(tmp_path, *changes):
    folder, faults = check(make_folder(tmp_path, wiring=changed(RP2, *changes)))
    assert faults == []
    return figures(folder)


@pytest.mark.parametrize("accounts", [1, 50, 200])
@pytest.mark.parametrize("unit", [1, 32, 256])
def test_the_smallest_journal_is_the_one_that_the_firmware_accepts(accounts, unit):
    def open_with(blocks: int) -> None:
        region = RamRegion((blocks + 2) * ERASE, ERASE, unit)
        limits = Limits(accounts_max=accounts)
        Ledger(region, blocks * ERASE, limits, lambda: (1_800_000_000, 3)).open(1, 1, lambda *_: None)

    least = journal_blocks_least(accounts, ERASE, unit)
    open_with(least)
    with pytest.raises(BadInput):
        open_with(least - 1)


def test_readings_fill_their_blocks_as_the_ring_lays_them(tmp_path):
    known = of(tmp_path)  # 50 accounts, unit 1: 92 entries of 44 bytes behind a header of 32; 32 blocks, one always being erased
    assert known.readings_bytes_day == 50 * 96 * 44
    assert known.readings_days == pytest.approx(31 * 92 / (50 * 96))
    assert known.readings_erases_day == pytest.approx(50 * 96 / 92)


def test_a_bigger_program_unit_costs_days_and_wear(tmp_path):
    small, big = tmp_path / "small", tmp_path / "big"
    small.mkdir()
    big.mkdir()
    fine, coarse = of(small), of(big, ("PROGRAM_UNIT = 1", "PROGRAM_UNIT = 256"))
    assert coarse.readings_bytes_day == 50 * 96 * 256
    assert coarse.readings_days < fine.readings_days / 5
    assert coarse.money_days[0] < fine.money_days[0] / 3
    assert coarse.wear_years < fine.wear_years


def test_wear_is_rated_erases_by_blocks_by_erases_a_day(tmp_path):
    known = of(tmp_path)
    readings_years = 100_000 * 32 / known.readings_erases_day / 365
    money_years = 100_000 * 64 / known.money_erases_day / 365
    assert known.wear_years == pytest.approx(min(readings_years, money_years))


def test_a_busy_site_fills_the_journal_sooner_than_a_quiet_one(tmp_path):
    busy, quiet = of(tmp_path).money_days
    assert quiet == pytest.approx(6 * busy)


def test_a_host_file_has_no_rated_wear():
    folder, faults = check(paths.checkout() / "board_configs" / "unix")
    assert faults == []
    assert figures(folder).wear_years is None

