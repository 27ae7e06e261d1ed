"""Those who act in a run: households that pay, an operator, and everything that breaks. Each draws from a stream of its own.

Every fault has an end: `heal` ends all of them for good, and then convergence is demanded.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.sim import lifeline
from tests.sim.flash import PowerLost
from tests.sim.office import Office
from tests.sim.options import policy_document, stream
from tests.sim.street import House, Noise

if TYPE_CHECKING:
    from tests.sim.world import World

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
KWH = 100  # cwh
TO_THE_END = ("books", "moves again", "transfers again")
CUT_OVERRIDES = ("care", "fresh", "hours", "notice", "offline", "throttle")


class Actors:
    """`begin()` sets all going; `heal()` stops the faults; `off_ms()` says how long a power cut lasts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = world.options.faults
        self.references = 0
        self.versions = 1
        self.policy_version = 1
        self._published: list[tuple[str, bytes]] = []
        self._streams: dict[str, random.Random] = {}
        self.office = Office(world, self)

    def begin(self) -> None:
        options, world = self.world.options, self.world
        for index, house in enumerate(world.houses):
            account = world.account_of(house)
            rng = self.stream(f"people {index}")
            self._pay(account, rng)
            self.often(f"people {index}", 2 * HOUR_MS, lambda index=index, rng=rng: self._visit(world.tenants[index], rng))
        self.office.begin()
        self.often("button", 20 * MINUTE_MS, self._press)
        self.often("brake", 2 * HOUR_MS, self._look_at_brake)
        self.often("books", 10 * MINUTE_MS, self._look_at_books)
        if "rtc_drift" in self.faults:
            world.rtc.ppm = self.stream("rtc_drift").choice((-100, 100))
        if "echo" in self.faults:
            world.pair.echo = True
        if "noise" in self.faults:
            world.pair.noise = _noise(self.stream("noise"))
        weather = world.broker.weather
        for kind, name, chance in (("link_cuts", "cut", 0.01), ("lost", "lost", 0.1), ("twice", "twice", 0.2), ("late", "late", 0.2)):
            if kind in self.faults:
                setattr(weather, name, self.stream(kind).uniform(0, 2 * chance))
        if "slow_link" in self.faults:
            weather.latency_ms = self.stream("slow_link").choice((500, 2_000, 4_000))
            weather.jitter_ms = weather.latency_ms
        rare = {
            "power": (6 * HOUR_MS, self._power_cut), "flash_power": (4 * HOUR_MS, self._flash_power_cut),
            "silence": (6 * HOUR_MS, self._silence), "meter_clock": (8 * HOUR_MS, self._meter_clock),
            "meter_clock_lost": (12 * HOUR_MS, self._meter_clock_lost), "link_down": (5 * HOUR_MS, self._link_down),
            "half_open": (6 * HOUR_MS, self._half_open), "away": (8 * HOUR_MS, self._away), "orders": (3 * HOUR_MS, self._order),
            "tariffs": (12 * HOUR_MS, self._tariff), "policies": (12 * HOUR_MS, self._policy),
            "keep_power": (10 * HOUR_MS, self._keep_power), "old_messages": (2 * HOUR_MS, self._old_message),
            "jump": (12 * HOUR_MS, self._jump), "central_clock": (10 * HOUR_MS, self._central_clock),
            "long_offline": (10 * HOUR_MS, self._long_offline), "flash_fails": (10 * HOUR_MS, self._flash_fails),
            "exchange": (10 * HOUR_MS, self._exchange), "old_backup": (5 * HOUR_MS, self._old_backup),
            "lifeline": (8 * HOUR_MS, self._lifeline),
        }  # fmt: skip
        for kind, (mean_ms, act) in rare.items():
            if kind in self.faults:
                self.often(kind, mean_ms // options.often.get(kind, 1), act)
        if "old_messages" in self.faults:
            self._tape()

    # households

    def _visit(self, account: int, rng: random.Random) -> None:
        """People look at their balance now and then: they pay when it is low, some when it is not."""
        world = self.world
        if world.nobody_pays:
            return
        due = world.judge.due_ucu(account)
        low = due is not None and due < 5_000_000
        if rng.random() < (world.options.pays if low else 0.1):
            self._pay(account, rng)

    def _pay(self, account: int, rng: random.Random) -> None:
        kwh = rng.choice((2, 5, 15, 40))
        amount = max(10_000, kwh * KWH * self.world.options.price) + rng.randrange(1_000_000)
        issuer = rng.choice((1, 2, 3)) if "two_issuers" in self.faults else 1
        self.pay(account, amount, issuer)

    def pay(self, account: int, amount_ucu: int, issuer: int = 1) -> None:
        """The judges know of it before anybody could tell the gateway."""
        issued = self.world.judge.books.issued
        number = 1 + sum(1 for key in issued if key[:2] == (account, issuer))
        issued[account, issuer, number] = amount_ucu
        self.references += 1
        answer = self.world.central.pay(account, amount_ucu, f"payment {self.references}", issuer)
        assert answer["number"] == number, answer
        self.world.note(f"account {account} pays {amount_ucu} (issuer {issuer} number {number})")

    def take_back(self, account: int, amount_ucu: int) -> None:
        """A correction: the customer has so much less."""
        issued = self.world.judge.books.issued
        number = 1 + sum(1 for key in issued if key[:2] == (account, 1))
        issued[account, 1, number] = -amount_ucu
        self.references += 1
        assert self.world.central.take_back(account, amount_ucu, f"taken back {self.references}") == number
        self.world.note(f"{amount_ucu} are taken back from account {account} (number {number})")

    def _press(self) -> None:
        for house in self.world.houses:
            if house.relay is not None and house.relay.armed:
                house.advance(self.world.loop.now_ms)
                house.relay.press_button(self.world.loop.now_ms)

    # the operator

    def _look_at_brake(self) -> None:
        if self.world.judge.books.brake and not self.world.is_over:
            self.world.central.release_brake()
            self.world.note("the operator releases the brake")

    def _look_at_books(self) -> None:
        """A gateway whose books are not those of the head-end, and which the head-end cannot judge by itself, is given a state."""
        if self.world.lives.behind and self.world.central.give_state():
            self.world.note("the operator gives the gateway a state")

    def _order(self) -> None:
        rng, world = self.stream("orders"), self.world
        account = world.account_of(rng.choice(world.houses))
        what = rng.choice(("cut", "cut", "restore", "hold", "release", "release", "limit"))
        if what == "limit":
            limit = rng.choice(("0", "0.000001", "7.50", "40"))
            world.central.limit(account, limit)
            world.note(f"account {account} may go {limit} below the floor")
            return
        names = [name for name in CUT_OVERRIDES if rng.random() < 0.4] if what == "cut" else []
        expires_min = rng.choice((1, 20, 120)) if what == "cut" else None
        answer = world.central.order(account, what, expires_min, names)
        world.overrides[account, answer["number"]] = frozenset(names)
        world.note(f"order {answer['number']} for {account}: {what} {names} {expires_min}")

    def _tariff(self) -> None:
        rng, world = self.stream("tariffs"), self.world
        self.versions += 1
        day = world.judge.local_day(world.true_s) + rng.choice((-1, 0, 1, 1))
        price = max(1, world.options.price + rng.randrange(-1_000, 3_000))
        for document in world.tariff_documents(self.versions, day, price).values():
            world.central.set_document("tariff", document)
        world.note(f"tariff version {self.versions}: {price} from day {day}")

    def next_policy(self) -> int:
        self.policy_version += 1
        return self.policy_version

    def _policy(self) -> None:
        document = policy_document(self.stream("policies"), self.next_policy(), self.world.judge.local_day(self.world.true_s))
        if lifeline.KIND in self.faults:
            lifeline.give(self.stream(lifeline.KIND), document)
        self.world.know_policy(document)
        self.world.central.set_document("policy", document)
        self.world.note(f"policy version {self.policy_version}")

    # power

    def off_ms(self) -> int:
        """How long it lasts, and what becomes of the clock meanwhile."""
        rng, world = self.stream("off"), self.world
        if "rtc_lost" in self.faults and rng.random() < 0.4 and not world.healed:
            world.rtc.offset_s = None
        if "rtc_wrong" in self.faults and rng.random() < 0.4 and not world.healed:
            world.rtc.offset_s = rng.choice((-1, 1)) * rng.choice((3_700, 7_200, 86_400, 40_000_000, 200_000_000))
        if "flash_power" in self.faults and rng.random() < 0.4 and not world.healed:
            world.flash.fate = rng.randrange(8)  # again while the next life begins
        return rng.choice((500, 500, 5_000, 600_000, 2 * HOUR_MS))

    def _power_cut(self) -> None:
        if not self.world.dead:
            raise PowerLost

    def _flash_power_cut(self) -> None:
        if not self.world.dead:
            self.world.flash.fate = self.stream("fate").randrange(40)

    def _flash_fails(self) -> None:
        """The medium fails; who looks at it switches the board off and on."""
        if not self.world.dead:
            self.world.flash.fails = self.stream("flash_fails").randrange(40)
            self._for_a_while("flash_fails", self._power_cut)

    def _old_backup(self) -> None:
        """Somebody keeps a copy of the flash; later the board is lost, and another one begins with it, or with nothing."""
        rng, world = self.stream("old_backup"), self.world
        if world.dead or world.flash.broken:
            return
        if rng.random() < 0.5:
            world.lives.keep()
        else:
            world.lives.lose(blank=rng.random() < 0.4)
            raise PowerLost

    # the street

    def _exchange(self) -> None:
        """An installer puts another meter in the place of one, and writes it into the settings, while the board is off."""
        world = self.world
        house = self._house("exchange")
        if not world.dead and not house.held and world.account_of(house) not in self.office.carried:
            world.exchange(house)
            raise PowerLost

    def _house(self, kind: str) -> House:
        return self.stream(kind).choice(self.world.houses)

    def _silence(self) -> None:
        house = self._house("silence")
        house.silent = True
        self._for_a_while("silence", lambda: self._speak(house))
        self.world.note(f"meter of {self.world.account_of(house)} falls silent")

    def _speak(self, house: House) -> None:
        house.silent = False
        self.world.disturb()

    def _meter_clock(self) -> None:
        house, rng = self._house("meter_clock"), self.stream("meter_clock")
        house.advance(self.world.loop.now_ms)
        house.set_clock(rng.choice((-1, 1)) * rng.choice((5, 200, 700, 4_000, 90_000)))
        self.world.disturb()
        self._for_a_while("meter_clock", lambda: self._clock_right(house))

    def _meter_clock_lost(self) -> None:
        house = self._house("meter_clock_lost")
        house.advance(self.world.loop.now_ms)
        house.clock.set_state(self.world.loop.now_ms, self.stream("meter_clock_lost").choice(("lost", "invalid")))
        self.world.disturb()
        self._for_a_while("meter_clock_lost", lambda: self._clock_right(house))

    def _clock_right(self, house: House) -> None:
        house.advance(self.world.loop.now_ms)
        house.clock.set_state(self.world.loop.now_ms, "ok")
        self.world.disturb()

    def _keep_power(self) -> None:
        house = self._house("keep_power")
        if house.relay is not None:
            house.relay.keep_power = True
            self._for_a_while("keep_power", lambda: setattr(house.relay, "keep_power", False))

    def _lifeline(self) -> None:
        """A meter forgets its limit, or somebody else sets one."""
        house = self._house("lifeline")
        house.advance(self.world.loop.now_ms)
        what = lifeline.disturb(self.stream("limits of others"), house)
        if what and not self.world.healed:
            self.world.disturb()
            self.world.note(f"meter of {self.world.account_of(house)} {what}")

    def _jump(self) -> None:
        world, house, rng = self.world, self._house("jump"), self.stream("jump")
        house.advance(self.world.loop.now_ms)
        # an order that names no register lets go what is held when it comes: not before it did may another jump follow
        number = world.account_of(house)
        if number not in self.office.carried and not house.held and not world.central.lets_go(number):
            house.jump(rng.choice((-100_000, 200_000)))
            world.note(f"the register of {number} jumps")
            self._for_a_while("jump", lambda: self._let_go(house))

    def _let_go(self, house: House) -> None:
        """The operator looks at it, and lets what is held go."""
        world = self.world
        number = world.account_of(house)
        if house.held and world.judge.books.account(number).held:
            world.released.add(number)
            world.central.order(number, "release-held", None, [])
            house.held = False
        elif house.held and not world.is_over:
            world.loop.after(30 * MINUTE_MS, lambda: self._let_go(house))

    # the way to the head-end

    def _central_clock(self) -> None:
        central, rng = self.world.central, self.stream("central_clock")
        central.clock_s = rng.choice((-1, 1)) * rng.choice((4_000, 90_000, 40_000_000))
        self.world.disturb()
        self._for_a_while("central_clock", lambda: setattr(central, "clock_s", 0))

    def _long_offline(self) -> None:
        """Until the good day begins."""
        self.world.broker.set_up(False)
        self.world.loop.after(MINUTE_MS, lambda: None if self.world.healed else self._long_offline())

    def _link_down(self) -> None:
        self.world.broker.set_up(False)
        self._for_a_while("link_down", lambda: self.world.broker.set_up(True))

    def _half_open(self) -> None:
        self.world.broker.weather.half_open = True
        self._for_a_while("half_open", lambda: setattr(self.world.broker.weather, "half_open", False))

    def _away(self) -> None:
        if not self.world.central.away:
            self.world.central.set_away(True)
            self._for_a_while("away", lambda: self.world.central.set_away(False))

    def _tape(self) -> None:
        publish = self.world.broker.publish

        def taped(topic: str, payload: bytes) -> None:
            if self.stream("tape").random() < 0.2:
                self._published.append((topic, payload))
            publish(topic, payload)

        self.world.broker.publish = taped  # type: ignore[method-assign]

    def _old_message(self) -> None:
        """Somebody plays back what was said before: it is authentic, and it is old."""
        if self._published:
            self.world.broker.publish(*self.stream("old_messages").choice(self._published))

    # all of them

    def heal(self) -> None:
        """A good day begins, and it does not end."""
        world = self.world
        world.healed = True
        world.flash.fate = world.flash.fails = None
        if world.flash.broken:
            world.loop.after(1, self._power_cut)
        world.pair.noise = Noise()
        weather = world.broker.weather
        weather.half_open = False
        weather.cut = weather.lost = weather.twice = weather.late = 0.0
        weather.latency_ms, weather.jitter_ms = 40, 20
        if not weather.up:
            world.broker.set_up(True)
        world.central.set_away(False)
        world.central.clock_s = 0
        for house in world.houses:
            house.silent = False
            self._clock_right(house)
            if house.relay is not None:
                house.relay.keep_power = False
            self._let_go(house)
        world.disturb()
        world.note("healed")

    def stream(self, name: str) -> random.Random:
        if name not in self._streams:
            self._streams[name] = stream(self.world.options.seed, name)
        return self._streams[name]

    def often(self, name: str, mean_ms: int, act: Callable[[], None]) -> None:
        """Again and again, about every `mean_ms`, until the day heals; households and operators go on."""
        rng = stream(self.world.options.seed, "when " + name)
        goes_on = name.startswith("people") or name in ("button", "brake", *TO_THE_END)

        def then() -> None:
            if self.world.is_over and name not in TO_THE_END or self.world.healed and not goes_on:
                return
            self.world.loop.after(_wait(rng, mean_ms), then)
            act()

        self.world.loop.after(_wait(rng, mean_ms), then)

    def _for_a_while(self, name: str, end: Callable[[], None]) -> None:
        rng = self.stream("end " + name)

        def over() -> None:
            if not self.world.healed:
                end()

        self.world.loop.after(rng.choice((20_000, 300_000, HOUR_MS, 5 * HOUR_MS)), over)


def _wait(rng: random.Random, mean_ms: int) -> int:
    return 1 + int(rng.expovariate(1 / mean_ms))


def _noise(rng: random.Random) -> Noise:
    noise = Noise()
    for name in ("deaf", "drop", "flip", "truncate", "garbage", "late"):
        if rng.random() < 0.5:
            setattr(noise, name, rng.choice((0.01, 0.05, 0.2)))
    return noise

