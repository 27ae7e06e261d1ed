"""A meter that is rewired between two gateways again and again: the real firmware twice, a simulated meter that shares no code with it, the
head-end on real SQLite. Messages are lost, doubled and replayed, gateways restart, payments come at any moment.

In the end both journals are added up by the independent reader: every coin that was paid is booked once, every digit that the meter passed
is charged once, in one segment, and reconcile finds nothing.
"""

import random
from pathlib import Path
from typing import Any

import pytest

from firmware.base import aio
from firmware.sync.messages import Ack
from host_tools.head_end import commands, stays
from host_tools.head_end.cli import main
from host_tools.head_end.database import Database
from host_tools.head_end.ingest import ingest
from host_tools.head_end.outgoing import Outgoing, Parcel
from host_tools.head_end.reconcile import reconcile
from host_tools.journal_reader import Record, kinds, parse_record, parse_row, verify_chain
from tests.fake_board import KEY_HEX, World
from tests.host.head_end.simulated_gateway import SimulatedGateway
from tests.peers.test_settlement_story import SimulatedMeter

ACCOUNT, PRICE, COIN = 1001, 5_500, 1_000_000
HOPS, LIVES_MAX = 2, 40


class Wire:
    """The meter, as one of the two lines hears it."""

    def __init__(self, meter: SimulatedMeter) -> None:
        self.meter, self.here, self.delay_ms, self.address = meter, False, 60, meter.address

    def begin_again(self) -> None:
        self.meter.begin_again()

    def pass_time(self, now_ms: int) -> None:
        self.meter.pass_time(now_ms)

    def answer(self, control: int, data: bytes) -> bytes | None:
        return self.meter.answer(control, data) if self.here else None


class Place:
    """One gateway: its flash, its line, and what the head-end has heard of it."""

    def __init__(self, name: str, arrives: bool) -> None:
        self.world = World(poll_period_s=60, flags={0: {"arrives": True}} if arrives else {}, limits={"uncharged_max_ucu": COIN})
        self.voice = SimulatedGateway(name, bytes.fromhex(KEY_HEX))
        self.told, self.past = 0, list[Parcel]()

    def records(self, first: int = 1) -> list[Record]:
        """Its whole journal, by the reader of the host."""
        found: list[Record] = []
        ledger = self.world.gateway.ledger
        while first <= ledger.sequence:
            _, first, _, batch = ledger.outbox.journal_from(first, 100_000)
            found += [parse_record(bytes(raw)) for raw in batch]
            first += len(batch)
        return found


class Story:
    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.a, self.b = Place("gw-a", False), Place("gw-b", True)
        self.meter = SimulatedMeter(self.a.world.meters[0].address, model="export_single", load=4_000, forward_cwh=100_000)
        self.db_path = folder / f"{seed}.db"
        self.db = Database(self.db_path)
        for place in (self.a, self.b):
            place.world.meters[0] = Wire(self.meter)
            place.world.rtc = self.a.world.rtc
            commands.add_gateway(self.db, place.voice.name, place.voice.key)
        commands.add_account(self.db, "gw-a", ACCOUNT, self.meter.address[::-1].hex(), 1, 1)
        text = (Path(self.a.world.root) / "tariff_1_1.json").read_text()
        (folder / "tariff.json").write_text(text)
        commands.set_document(self.db, "tariff", str(folder / "tariff.json"), self.a.world.rtc.at_s)
        self.outgoing, self.ms, self.paid = Outgoing(self.db), 0, list[int]()
        self.a.world.meters[0].here = True

    def pay(self) -> None:
        self.paid.append(self.rng.randrange(1, 20) * COIN)
        amount = str(self.paid[-1] // COIN)
        assert main(["--db", str(self.db_path), "topup", str(ACCOUNT), amount, "--reference", f"r{len(self.paid)}"]) == 0

    def live(self, place: Place, good: bool) -> None:
        """A life; with a bad link messages come twice, old ones come again, and some of both directions are lost."""
        world, rng = place.world, self.rng
        world.write_again()

        async def life(world: World) -> None:
            world.gateway.head_end.standing = 0
            await aio.sleep_ms(130_000)
            self.ms += 120_000
            due = [p for p in self.outgoing.due(self.ms, world.rtc.at_s) if f"/{place.voice.name}/" in p.topic]
            place.past += due
            if not good:
                due = [p for p in due if rng.random() < 0.7] + rng.sample(place.past, min(len(place.past), 3))
            for parcel in due:
                self.hand_over(place, parcel)
                if not good and rng.random() < 0.3:
                    self.hand_over(place, parcel)
            await aio.sleep_ms(70_000)
            if good or rng.random() < 0.6:
                self.tell(place)

        world.run(life)
        world.power_cut()

    def hand_over(self, place: Place, parcel: Parcel) -> None:
        body = place.voice.unseal(parcel.payload, parcel.topic)
        if parcel.topic.endswith("credits"):
            place.world.gateway.on_credit(*[body[key] for key in range(1, 6)], place.world.rtc.at_s)
        elif parcel.topic.endswith("orders") and body[1] != 5:
            place.world.gateway.on_order(*[body[key] for key in range(1, 8)])

    def tell(self, place: Place) -> None:
        ledger, voice = place.world.gateway.ledger, place.voice
        while ledger.sequence > place.told:
            epoch, first, chain, records = ledger.outbox.journal_from(place.told + 1, 3_000)
            payload = voice.seal({1: epoch, 2: first, 3: chain, 4: records}, voice.topic("up/journal"))
            heard = ingest(self.db, voice.topic("up/journal"), payload, place.world.rtc.at_s)
            assert heard is not None
            place.told = first + len(records) - 1
        place.world.gateway.on_acks(Ack([ledger.epoch, place.told, ledger.chain, bytes(8), 0, place.world.rtc.at_s, None, 0, None, None]))

    def move(self, to: Place, other: Place) -> None:
        """Order the transfer, rewire at some moment, live with bad links until it is done."""
        rewired = self.rng.randrange(4)
        assert main(["--db", str(self.db_path), "transfer", str(ACCOUNT), to.voice.name, "--reason", "poles"]) == 0
        for turn in range(LIVES_MAX):
            if turn == rewired:
                to.world.meters[0].here, other.world.meters[0].here = True, False
            if self.rng.random() < 0.5:
                self.pay()
            self.live(other if self.rng.random() < 0.5 else to, turn > 6)
            if turn > rewired and self.lives_at(to):
                return
        raise AssertionError("the account never came")

    def lives_at(self, place: Place) -> bool:
        row = self.db.row("SELECT name FROM gateways WHERE id = ?", stays.gateway_of(self.db, ACCOUNT))
        return row is not None and row["name"] == place.voice.name and not stays.on_its_way(self.db, ACCOUNT)


def add_up(parts: list[tuple[list[Record], list[tuple[int, int]]]]) -> dict[str, Any]:
    """(records, [(first, last)]) of each gateway: what the records of its stays come to."""
    chosen = [
        record
        for records, ranges in parts
        for first, last in ranges
        for record in records
        if record.account == ACCOUNT and first <= record.sequence <= last
    ]
    credits = [record for record in chosen if record.kind == kinds.CREDIT]
    charges = [record for record in chosen if record.kind == kinds.CHARGE]
    return {
        "booked": sorted(record.number("number") for record in credits),
        "credits_ucu": max((record.number("number"), record.number("total_ucu")) for record in credits)[1],
        "charges": sorted((r.number("from_cwh"), r.number("to_cwh")) for r in charges if r.number("from_cwh") != r.number("to_cwh")),
        "charged_ucu": sum(record.number("amount_ucu") for record in charges),
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_an_account_that_goes_to_and_fro_keeps_every_coin_and_every_digit(tmp_path: Path, seed: int) -> None:
    story = Story(tmp_path, seed)
    story.pay()
    for place in (story.b, story.a):  # both have told that they live
        story.live(place, True)
    places = [story.a, story.b]
    for hop in range(HOPS):
        story.move(places[1 - hop % 2], places[hop % 2])
    for place in places:
        story.live(place, True)
        story.live(place, True)

    ranges = {name: list[tuple[int, int]]() for name in ("gw-a", "gw-b")}
    for row in story.db.rows("SELECT g.name, s.first, s.last FROM stays s JOIN gateways g ON g.id = s.gateway_id ORDER BY place"):
        ranges[row["name"]].append((row["first"], row["last"]))
    assert [len(one) for one in ranges.values()] == [2, 1]
    journals = {place.voice.name: place.records() for place in places}
    assert all(verify_chain(records, own_flash=False).breaks == [] for records in journals.values())
    told = add_up([(journals[name], ranges[name]) for name in ranges])
    assert told["credits_ucu"] == sum(story.paid) and told["booked"] == sorted(set(told["booked"])), "every coin once"
    taken = [parse_row(record.octets("row")) for records in journals.values() for record in records if record.kind == kinds.CARRIED]
    (begun,) = {row.from_cwh[0] for row in taken}
    ways = [(begun, begun), *told["charges"]]
    assert all(before[1] == after[0] for before, after in zip(ways, ways[1:], strict=False)), "every digit once, in one segment"
    assert told["charged_ucu"] == (ways[-1][1] - begun) * PRICE
    balance_ucu = sum(story.paid) - told["charged_ucu"]
    assert (story.a.world.balance(), story.b.world.balance()) == (balance_ucu, 0)

    results, others = reconcile(story.db)
    assert (others, results[0].differences) == ([], [])
    (segment,) = results[0].segments
    register = segment["registers"]["0"]
    assert (register["from_cwh"], register["charged_cwh"]) == (begun, ways[-1][1] - begun)
    assert results[0].balance_ucu == balance_ucu
