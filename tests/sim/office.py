"""The operator's desk: debts and credit limits, people who move out and in, and accounts that go to another gateway and come back.

The head-end itself refuses what cannot be ordered now (a move while another one is open ...): that is no event. A move that its gateway
refused is ordered again until it is accepted. Each of these draws from a stream of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from host_tools.head_end.errors import BadInput
from tests.sim.account import MOVED_OUT
from tests.sim.far import NAME, Far

if TYPE_CHECKING:
    from tests.sim.actors import Actors
    from tests.sim.world import World

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NEW_FIRST = 2001
PLACES_MAX = 16  # accounts that a gateway has room for in such a run
AGAIN_MS = 30 * MINUTE_MS


class Office:
    """`begin()` sets it going; `moving` says who is to move in behind whom and has not yet."""

    def __init__(self, world: World, actors: Actors) -> None:
        self.world, self.actors = world, actors
        self.moving: dict[int, int] = {}
        self._newest = NEW_FIRST - 1
        self.carried: set[int] = set()  # who goes to another gateway, is there, or comes back
        self._far: Far | None = None

    def begin(self) -> None:
        means = {"debts": (4 * HOUR_MS, self._debt), "limits": (4 * HOUR_MS, self._limit), "moves": (8 * HOUR_MS, self._move)}
        for kind, (mean_ms, act) in means.items():
            if kind in self.world.options.faults:
                self.actors.often(kind, mean_ms // self.world.options.often.get(kind, 1), act)
        if "moves" in self.world.options.faults:
            self.actors.often("moves again", AGAIN_MS, self._move_again)
        if "transfers" in self.world.options.faults and "old_backup" not in self.world.options.faults:
            self._far = Far(self.world, self._on_carried)
            self.actors.often("transfers", 6 * HOUR_MS // self.world.options.often.get("transfers", 1), self._transfer)
            self.actors.often("transfers again", AGAIN_MS, self._back_again)
        for kind, act in (("debts", self._debt), ("limits", self._limit)):  # old customers have one from the beginning
            if kind in self.world.options.faults:
                for house in self.world.houses:
                    if self.actors.stream(kind).random() < 0.5:
                        act(self.world.account_of(house))

    def _one(self, kind: str) -> int:
        return self.world.account_of(self.actors.stream(kind).choice(self.world.houses))

    def _debt(self, account: int = 0) -> None:
        rng, world = self.actors.stream("debts"), self.world
        account = account or self._one("debts")
        amount, share = rng.choice(("3", "20", "150.000001", "-1")), rng.choice((None, 1, 33, 100))
        most = rng.choice((None, None, "0.50", "7"))
        try:
            rule = world.central.debt(account, amount, share, most)
        except BadInput:
            return
        world.judge.books.truth.debts.setdefault(account, []).append(rule)
        world.note(f"account {account} owes {amount} more: {rule}")

    def _limit(self, account: int = 0) -> None:
        account, limit = account or self._one("limits"), self.actors.stream("limits").choice(("0", "0.000001", "3.20", "25", "1000"))
        self.world.central.limit(account, limit)
        self.world.note(f"account {account} may go {limit} below the floor")

    # moving

    def _move(self) -> None:
        """Somebody moves out; somebody else moves in at once, later, or not at all."""
        rng, world = self.actors.stream("moves"), self.world
        account = self._one("moves")
        truth, how = world.judge.books.truth, rng.choice(("out", "out and in", "in", "in"))
        if len(world.houses) + self._newest - NEW_FIRST + 1 >= PLACES_MAX:
            return
        if account in self.moving or account in self.carried or world.judge.books.account(account).flags & MOVED_OUT:
            return
        truth.leaves.add(account)
        try:
            if how != "in":
                world.central.move_out(account)
                world.note(f"account {account} moves out")
            if how != "out":
                self.moving[account] = self._somebody(account)
            if how == "in":
                self._move_again()
        except BadInput:
            return

    def _somebody(self, account: int) -> int:
        """Who moves in behind `account`."""
        self._newest += 1
        self.world.given_flags[self._newest] = self.actors.stream("moves").choice((0, 0, 0, 0, 1, 2, 4))
        self.world.judge.books.truth.moves.add((account, self._newest))
        return self._newest

    def _move_again(self) -> None:
        """Until its gateway has written it down."""
        world = self.world
        for account, new in list(self.moving.items()):
            if new in world.tenants:
                del self.moving[account]
                continue
            house = world.house_of(account)
            if world.healed and house and world.judge.books.account(account).held and not world.central.lets_go(account):
                world.judge.books.released.add(account)  # the release before came when nothing had been read yet
                house.held = False
                world.central.order(account, "release-held", None, [])
            if world.is_over and not world.central.knows(new):
                del self.moving[account]  # too late
                continue
            try:
                if world.central.move_in(account, new, world.given_flags[new]) == "created":
                    world.note(f"account {new} moves in behind {account}")
                    if self.actors.stream("moves").random() < 0.5:
                        self.actors.pay(new, 5_000_000)
            except BadInput:
                continue  # its moving out is on its way

    # to another gateway and back

    def _transfer(self) -> None:
        """The meter of an account will be wired to another gateway; what its orders and its held readings say must be settled before."""
        world, account = self.world, self._one("transfers")
        house = world.house_of(account)
        assert self._far is not None and house is not None
        bound = world.judge.books.account(account).serial == house.wire_address
        if account in self.carried or house.held or not bound or world.central.away or world.central.lets_go(account):
            return
        self._far.expect(account)
        try:
            world.central.transfer(account, NAME)
        except BadInput:
            return
        world.judge.books.truth.carried.add(account)
        self.carried.add(account)
        world.note(f"account {account} is to go to another gateway")

    def _on_carried(self, account: int, given: bool) -> None:
        """The meter is wired where its account is."""
        world, house = self.world, self.world.house_of(account)
        assert house is not None
        if given:
            world.pair.houses[house.wire_address] = house
            world.note(f"the other gateway gives account {account} back")
            return
        world.pair.houses.pop(house.wire_address, None)
        world.note(f"the other gateway takes account {account}")
        stay_ms = self.actors.stream("transfers").choice((5 * MINUTE_MS, 2 * HOUR_MS, 9 * HOUR_MS))
        world.loop.after(1 if world.healed else stay_ms, lambda: self._back(account))

    def _back(self, account: int) -> None:
        world = self.world
        if self._far is not None and account in self._far.rows and not world.central.away:
            try:
                world.central.transfer(account, world.gateway)
                world.note(f"account {account} is to come back")
            except BadInput:
                pass  # something is on its way: later

    def _back_again(self) -> None:
        """Whoever is here again may leave again; when all is well everybody comes back."""
        books = self.world.judge.books
        for account in sorted(self.carried):
            at_home = account not in self._far.rows and books.account(account).lives_here  # type: ignore[union-attr]
            if at_home and not self.world.central.under_way(account):
                self.carried.discard(account)
            elif self.world.healed:
                self._back(account)
