"""A golden image: a JSON file with the region, block by block without its blank tail, and what was known when it was made."""

import json

from tests.nor_ram import RamRegion

FOLDER = "tests/golden/images"
FIELDS = ("total_charged_ucu", "number_0", "total_0", "charged_0", "from_0", "flags", "episode", "notice_level", "wish", "seen", "order")


def blocks_of(region):
    """{number of block as text: hex of its bytes up to the last that is not blank}."""
    found = {}
    for index in range(region.size // region.erase_size):
        start = index * region.erase_size
        block = bytes(region.stable[start : start + region.erase_size])
        end = len(block)
        while end and block[end - 1] == 0xFF:
            end -= 1
        if end:
            found[str(index)] = block[:end].hex()
    return found


def books_of(ledger):
    """What an open ledger knows of each account: {account as text: {field: value}}."""
    accounts = ledger.accounts
    told = {}
    for row in range(accounts.count):
        values = {field: accounts.get(row, field) for field in FIELDS}
        values["serial"] = bytes(accounts.get(row, "serial")).hex()
        values["balance_ucu"] = accounts.balance_ucu(row)
        if hasattr(accounts, "ratio_of"):  # since version 3
            values["ratio"] = accounts.ratio_of(row)
            values["next_account"] = accounts.followers.get(accounts.get(row, "account"), 0)
        told[str(accounts.get(row, "account"))] = values
    return told


def whole(region, ledger, journal_bytes, accounts_max, boots):
    """The image of what would be left if the power went now."""
    return {
        "size": region.size, "erase_size": region.erase_size, "program_unit": region.program_unit, "journal_bytes": journal_bytes,
        "accounts_max": accounts_max, "boots": boots, "epoch": ledger.epoch, "sequence": ledger.sequence, "chain": ledger.chain.hex(),
        "readings": ledger.readings.last_number, "accounts": books_of(ledger), "blocks": blocks_of(region),
    }  # fmt: skip


def load(name):
    """A golden image by its file name."""
    with open(FOLDER + "/" + name) as file:
        return json.load(file)


def region_of(image):
    """The flash as it was; a unit counts as programmed when it does not look blank."""
    region = RamRegion(image["size"], image["erase_size"], image["program_unit"])
    flash = bytearray(region.flash)
    for number, text in image["blocks"].items():
        start = int(number) * region.erase_size
        flash[start : start + len(text) // 2] = bytes.fromhex(text)
    unit = region.program_unit
    blank = b"\xff" * unit
    programmed = bytes([flash[at : at + unit] != blank for at in range(0, len(flash), unit)])
    region.load(flash, programmed)
    region.boots = image["boots"]
    return region
