"""Credits over many lives of the whole firmware: duplicated, reordered, replayed, with gaps, power cut inside the journal step.

usage: micropython -m tests.scenarios.credit_story FIRST_SEED COUNT      one JSON line a seed; the same on CPython

The oracle knows nothing of the ledger: it adds up amounts. After each life a total is that of the highest credit that was
answered (or of the one that the cut interrupted); at the end, when everything has arrived, it is the sum of all amounts.
"""

import json
import sys

from firmware.base import aio
from tests import fake_board

METERS = 3
ISSUERS = (1, 2, 7)
CREDITS = 8  # of each issuer for each account
CUT_WITHIN = 400  # byte operations: a record takes two units of 32 and a sync
FIRST_ACCOUNT = 1001


class PowerCut(Exception):
    """The power went; no Fault, so nothing in the firmware may catch it."""


class Draw:
    """The same numbers on both interpreters."""

    def __init__(self, seed):
        self._state = seed * 2 + 1

    def below(self, count):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % count

    def shuffle(self, items):
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


class Purses:
    """What the issuers paid: rows (account, issuer, number, amount, total), and what is known to have been answered."""

    def __init__(self, draw):
        self.rows = []
        self.answered = {}  # (account, issuer) -> number
        self.doubtful = {}  # (account, issuer) -> number that the cut interrupted
        for account in range(FIRST_ACCOUNT, FIRST_ACCOUNT + METERS):
            for issuer in ISSUERS:
                total = 0
                for number in range(1, CREDITS + 1):
                    amount = (draw.below(2_000) - 400) * 12_345  # corrections are negative
                    total += amount
                    self.rows.append((account, issuer, number, amount, total))

    def paid(self, account, issuer, number):
        """Sum of amounts up to this number."""
        return sum([row[3] for row in self.rows if row[0] == account and row[1] == issuer and row[2] <= number])


class Story:
    """One seed."""

    def __init__(self, seed):
        self.draw = Draw(seed)
        self.purses = Purses(self.draw)
        self.world = fake_board.World(meters=METERS, power_w=0)
        self._points_left = 0
        self.cuts = self.refused = self.delivered = 0

    def messages(self):
        """All rows, some missing, some twice or thrice, some with another total, in any order."""
        out = []
        for row in self.purses.rows:
            for _ in range((0, 1, 1, 2, 3)[self.draw.below(5)]):
                out.append(row)
        self.draw.shuffle(out)
        return out

    def deliver(self, row, cut):
        """As sync hands it over; PowerCut when the power goes inside the step."""
        key = (row[0], row[1])
        region = self.world.region
        if cut:
            region.on_point = self._on_point
            self.purses.doubtful[key] = row[2]
        self.world.gateway.on_credit(row[0], row[1], row[2], row[3], row[4], fake_board.START_S)
        region.on_point = None
        self.delivered += 1
        if cut:
            del self.purses.doubtful[key]
        self.purses.answered[key] = max(self.purses.answered.get(key, 0), row[2])

    def _on_point(self, region, torn):
        """The power goes here: all of the unsynced dies, or all survives and the unit under way is torn."""
        self._points_left -= 1
        if self._points_left >= 0:
            return
        region.on_point = None
        if self.draw.below(2):
            region.cut_power()
        else:
            image, programmed = bytearray(region.flash), bytearray(region.programmed)
            torn(image, self.draw.below(1 << 20))
            if region.torn_unit >= 0:
                programmed[region.torn_unit] = 1  # even if it still looks blank
            region.load(image, programmed)
        raise PowerCut()

    def contradict(self, row):
        """The newest number again with another total: refused, nothing changes."""
        key = (row[0], row[1])
        if self.purses.answered.get(key) == row[2]:
            self.world.gateway.on_credit(row[0], row[1], row[2], row[3] + 1, row[4] + 1, fake_board.START_S)
            self.refused += 1

    def check(self):
        """Totals and balances are those of the oracle; a doubtful credit is either there or not, and then settled."""
        accounts = self.world.gateway.ledger.accounts
        for account in range(FIRST_ACCOUNT, FIRST_ACCOUNT + METERS):
            row = accounts.row_of(account)
            sum_of_totals = 0
            for issuer in ISSUERS:
                key = (account, issuer)
                number = accounts.newest_credit(row, issuer)
                allowed = [self.purses.answered.get(key, 0)]
                if key in self.purses.doubtful:
                    allowed.append(max(allowed[0], self.purses.doubtful[key]))
                if number not in allowed:
                    raise AssertionError("account %d issuer %d: number %d, answered %r" % (account, issuer, number, allowed))
                self.purses.answered[key] = number
                sum_of_totals += self.purses.paid(account, issuer, number)
            if accounts.balance_ucu(row) != sum_of_totals:
                raise AssertionError("account %d: %d, oracle %d" % (account, accounts.balance_ucu(row), sum_of_totals))
        self.purses.doubtful = {}
        if not self.world.gateway.ledger.sound:
            raise AssertionError("not sound: %r" % (self.world.gateway.ledger.troubles,))

    def live(self, rows, cut):
        """One life; `cut` loses the power inside one of its credits."""

        async def script(world):
            await aio.sleep_ms(1)
            self.check()
            self._points_left = self.draw.below(CUT_WITHIN)
            for index in range(len(rows)):
                self.deliver(rows[index], cut)
                if self.draw.below(4) == 0:
                    self.contradict(rows[index])
            self.check()

        try:
            self.world.run(script, self.draw.below(20_000))
        except PowerCut:
            self.cuts += 1

    def tell(self):
        """The whole story -> what happened."""
        rest = self.messages()
        while rest:
            count = 1 + self.draw.below(12)
            self.live(rest[:count], self.draw.below(3) > 0)
            rest = rest[count:]
        everything = [row for row in self.purses.rows]
        self.draw.shuffle(everything)
        self.live(everything + everything[:10], False)
        for key in self.purses.answered:
            if self.purses.answered[key] != CREDITS:
                raise AssertionError("not everything arrived")
        self.live([], False)
        return {"lives": self.world.boots, "cuts": self.cuts, "delivered": self.delivered, "refused": self.refused}


def main(first_seed, count):
    """Several seeds, one after the other."""
    fake_board.ROOT = "credits"
    for seed in range(first_seed, first_seed + count):
        print(json.dumps(dict(Story(seed).tell(), seed=seed)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
