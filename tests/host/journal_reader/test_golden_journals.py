"""The independent reader finds the same money in the golden journals (tests/golden) as the firmware that wrote them did."""

from pathlib import Path

import pytest

from host_tools.journal_reader import JournalImage, parse_row, read_region, verify_chain
from tests.golden import image

NAMES = sorted(path.name for path in Path(image.FOLDER).glob("*.json"))


def balances(read: JournalImage) -> dict[int, int]:
    """Balance of each account: rows of the newest whole snapshot, then the totals that records tell."""
    credited: dict[tuple[int, int], tuple[int, int]] = {}
    charged: dict[int, int] = {}
    for record in read.records:
        if record.name == "SNAPSHOT_ROW":
            row = parse_row(record.octets("row"))
            if row.account:
                charged[row.account] = row.total_charged_ucu
                for issuer, number, total in row.issuers:
                    credited[row.account, issuer] = (number, total)
        elif record.name == "CHARGE":
            charged[record.number("account")] = record.number("total_charged_ucu")
        elif record.name == "CREDIT":
            key = record.number("account"), record.number("issuer")
            credited[key] = max(credited.get(key, (0, 0)), (record.number("number"), record.number("total_ucu")))
    accounts = {account for account, _ in credited} | set(charged)
    return {
        account: sum(total for (owner, _), (_, total) in credited.items() if owner == account) - charged.get(account, 0)
        for account in accounts
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_reader_finds_the_money_that_the_firmware_found(name: str, tmp_path: Path) -> None:
    kept = image.load(name)
    file = tmp_path / "region.bin"
    file.write_bytes(image.region_of(kept).flash)
    read = read_region(file, kept["erase_size"], kept["program_unit"], kept["journal_bytes"])
    assert (read.sound, read.records[-1].sequence) == (True, kept["sequence"])
    assert read.records[-1].chain.hex() == kept["chain"]
    assert verify_chain(read.records).ok
    found = balances(read)
    wanted = {int(account): told["balance_ucu"] for account, told in kept["accounts"].items()}
    assert {account: found.get(account, 0) for account in wanted} == wanted and set(found) <= set(wanted)


def test_there_are_images_to_read() -> None:
    assert len(NAMES) >= 9
