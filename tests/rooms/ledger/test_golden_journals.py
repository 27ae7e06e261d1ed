"""Journals of earlier format versions, as they lay on flash, are read to the same books, and go on (tests/golden, SPEC 1)."""

import os

from firmware.base.limits import Limits
from firmware.ledger import record_kinds as kinds
from firmware.ledger.ledger_store import Ledger
from tests.golden import image
from tests.kit import eq

FORMATS = 3
AT_S = 1_800_100_000


def names():
    return sorted(name for name in os.listdir(image.FOLDER) if name.endswith(".json"))


def opened(kept, region):
    """A ledger on the image: one more boot."""
    ledger = Ledger(region, kept["journal_bytes"], Limits(accounts_max=kept["accounts_max"]), lambda: (AT_S, 3))
    region.boots += 1
    ledger.open(region.boots, 256)
    return ledger


def test_each_format_version_has_its_images():
    for version in range(1, FORMATS + 1):
        kept = [name for name in names() if name.startswith("v" + str(version) + "_")]
        eq(len(kept) >= 4, True, "v%d has %s" % (version, kept))


def test_every_golden_journal_replays_to_the_books_of_its_day():
    for name in names():
        kept = image.load(name)
        ledger = opened(kept, image.region_of(kept))
        eq((ledger.epoch, ledger.sequence, ledger.chain.hex()), (kept["epoch"], kept["sequence"], kept["chain"]), name)
        eq((ledger.sound, ledger.readings.last_number), (True, kept["readings"]), name)
        books = image.books_of(ledger)
        eq(sorted(books), sorted(kept["accounts"]), name)
        for account in books:
            wanted = kept["accounts"][account]
            eq({field: books[account][field] for field in wanted}, wanted, name + " " + account)


def test_every_golden_journal_goes_on_and_is_read_again():
    for name in names():
        kept = image.load(name)
        region = image.region_of(kept)
        ledger = opened(kept, region)
        ledger.record(kinds.BOOT, (region.boots, 0, 256))
        account = sorted(kept["accounts"])[0]
        before = kept["accounts"][account]
        values = (int(account), 1, before["number_0"] + 1, 7, before["total_0"] + 7)
        eq(ledger.record(kinds.CREDIT, values), kept["sequence"] + 2, name)
        ledger.commit()
        region.cut_power()
        again = opened(kept, region)
        eq((again.sequence, again.chain, again.sound), (ledger.sequence, ledger.chain, True), name)
        eq(again.accounts.balance_ucu(again.accounts.row_of(int(account))), before["balance_ucu"] + 7, name)
