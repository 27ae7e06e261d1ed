"""Ten weeks of the real firmware, of simulated meters that share no code with it, and of the head-end's own arithmetic.

Nights, restarts at two minutes past midnight, outages of days, a late tariff: each day is charged by what the simulator froze, two
months are closed on the registers that it kept, what was mispriced comes as one credit, and reconcile finds nothing.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from firmware.base import aio, ticks
from firmware.sync.messages import Ack
from host_tools.head_end import commands
from host_tools.head_end.cli import main
from host_tools.head_end.database import Database
from host_tools.head_end.ingest import ingest
from host_tools.head_end.outgoing import Outgoing
from host_tools.head_end.reconcile import reconcile
from host_tools.simulators.config import parse_site
from host_tools.simulators.frames import Frame, encode
from host_tools.simulators.meter import Meter
from tests.fake_board import KEY_HEX, START_S, UTC_OFFSET_MIN, World
from tests.host.head_end.simulated_gateway import SimulatedGateway

DAY_S = 86_400
LOCAL = timezone(timedelta(minutes=UTC_OFFSET_MIN))
ACCOUNT = 1001


class SimulatedMeter:
    """What World knows as a meter, answered by host_tools.simulators."""

    def __init__(self, address: bytes, **fields: Any) -> None:
        self.address = address
        text = address[::-1].hex()
        (cfg,) = parse_site({"meters": [{"address": text, "relay": {"method": "1C"}, **fields}]}).meters
        self.ms = 0
        self.meter = Meter(cfg, 0, (START_S + UTC_OFFSET_MIN * 60) * 1000)
        self.delay_ms = 60
        self._seen_ms: int | None = None

    def begin_again(self) -> None:
        self._seen_ms = None

    def pass_time(self, now_ms: int) -> None:
        if self._seen_ms is not None:
            self.pass_ms(ticks.diff(now_ms, self._seen_ms))
        self._seen_ms = now_ms

    def pass_ms(self, passed_ms: int) -> None:
        self.ms += passed_ms
        self.meter.advance(self.ms)

    def hear_time(self, control: int, data: bytes) -> None:
        """A broadcast."""
        assert self.meter.answer(Frame("999999999999", control, data), self.ms) is None

    def answer(self, control: int, data: bytes) -> bytes | None:
        reply = self.meter.answer(Frame(self.address[::-1].hex(), control, data), self.ms)
        return None if reply is None else encode(reply)


class Site:
    """A gateway that lives when it is asked to, its meter, and the head-end that hears it afterwards."""

    def __init__(self, folder: Path, model: str, sim: dict[str, Any], prices: dict[str, Any]) -> None:
        limits = {"uncharged_max_ucu": 1_000_000_000}
        self.world = World(model=model, poll_period_s=60, limits=limits)
        self.sim = SimulatedMeter(self.world.meters[0].address, **sim)
        self.world.meters[0] = self.sim
        self.db_path = folder / "head_end.db"
        self.db = Database(self.db_path)
        key = folder / "key"
        key.write_text(KEY_HEX)
        commands.import_site(self.db, self.world.root + "/settings.json", str(key))
        self.folder = folder
        first = self.tariff_here(1, "2026-01-01", prices)
        Path(self.world.root, "tariff_1_1.json").write_bytes(first)
        self.voice = SimulatedGateway("gw-test", bytes.fromhex(KEY_HEX))
        self.outgoing = Outgoing(self.db)
        self.told = 0
        self.ms = 0
        self.shots: dict[int, tuple[int, ...]] = {}  # all freezes that the meter ever took, by the day that they begin

    def tariff_here(self, version: int, effective: str, prices: dict[str, Any]) -> bytes:
        """A version at the head-end -> its text, as a gateway gets it."""
        file = self.folder / f"tariff_{version}.json"
        text = {"tariff": 1, "version": version, "effective": effective, "currency": "CNY", "utc_offset_min": UTC_OFFSET_MIN}
        file.write_text(json.dumps({**text, **prices}))
        commands.set_document(self.db, "tariff", str(file), self.world.rtc.at_s)
        row = self.db.row("SELECT text FROM documents WHERE what = 1 AND version = ?", version)
        assert row is not None
        return row[0].encode() if isinstance(row[0], str) else bytes(row[0])

    def until(self, text: str) -> None:
        """The board is off until this local time."""
        at_s = int(datetime.fromisoformat(text).replace(tzinfo=LOCAL).timestamp())
        assert at_s > self.world.rtc.at_s
        self.sim.pass_ms((at_s - self.world.rtc.at_s) * 1000)
        self.world.rtc.at_s = at_s

    def live(self, seconds: int, order: bytes | None = None) -> None:
        """One life; what it journalled goes to the head-end, whose credits come in its end."""
        world = self.world

        async def life(world: World) -> None:
            await aio.sleep_ms(seconds * 1000)
            gateway = world.gateway
            if order is not None:
                gateway.on_order(5, 0, json.loads(order)["version"], 0, 0, 0, order)
            self.tell()
            for credit in self.due_credits():
                gateway.on_credit(credit[1], credit[2], credit[3], credit[4], credit[5], world.rtc.at_s)
            self.tell()

        world.run(life)
        self.shots.update({shot.local_ms // (DAY_S * 1000): shot.forward for shot in self.sim.meter.history.daily})

    def tell(self) -> None:
        ledger = self.world.gateway.ledger
        while True:
            batch = ledger.outbox.journal_from(self.told + 1, 3_000)
            if batch is None or not batch[3]:
                break
            epoch, first, chain, records = batch
            payload = self.voice.seal({1: epoch, 2: first, 3: chain, 4: records}, self.voice.topic("up/journal"))
            ingest(self.db, self.voice.topic("up/journal"), payload, self.world.rtc.at_s)
            self.told = first + len(records) - 1
        row = self.db.row("SELECT sequence FROM gateways")
        assert row is not None and row[0] == self.told
        self.world.gateway.on_acks(Ack([ledger.epoch, self.told, ledger.chain, bytes(8), 0, self.world.rtc.at_s, None, 0, None, None]))

    def due_credits(self) -> list[dict[int, Any]]:
        self.ms += 120_000
        parcels = self.outgoing.due(self.ms, self.world.rtc.at_s)
        return [self.voice.unseal(p.payload, p.topic) for p in parcels if p.topic == self.voice.topic("down/credits")]

    def command(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
        capsys.readouterr()
        assert main(["--db", str(self.db_path), *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)


def ten_weeks(site: Site, late: bytes) -> None:
    site.until("2026-09-21T23:55:00")
    site.live(600)  # the first night
    site.until("2026-09-22T12:00:00")
    commands.top_up(site.db, str(ACCOUNT), "2000.00", "first", site.world.rtc.at_s)
    site.live(200)
    site.until("2026-09-24T00:02:00")  # a day away, back two minutes after midnight
    site.live(300)
    site.until("2026-10-05T09:00:00")  # eleven days, the first of October among them
    site.live(600)
    site.until("2026-10-07T23:58:30")
    site.live(900)
    site.live(60)  # a restart
    site.until("2026-10-20T14:00:00")
    site.live(600, late)  # a price of 10 October comes on the 20th
    for day in range(21, 32):
        site.until(f"2026-10-{day:02d}T23:59:00")
        site.live(150)
    site.until("2026-11-02T00:05:00")
    site.live(300)
    site.until("2026-12-02T10:00:00")  # a month away
    site.live(600)


def in_steps(used_cwh: int, digits: int, prices: tuple[int, ...]) -> int:
    """What comes behind `used_cwh` of a month, hundredth by hundredth of a kWh as one would on paper: up to 300, up to 700, above."""
    ends = (30_000, 70_000, 10**9)
    sizes = [max(0, min(end, used_cwh + digits) - max(start, used_cwh)) for start, end in zip((0, *ends), ends, strict=False)]
    return sum(size * price for size, price in zip(sizes, prices, strict=True))


def expected(site: Site, price_of: Any) -> tuple[int, dict[str, int]]:
    """(energy, {day: ucu}) by the simulator's own freezes and the prices of their days, with nothing of ours."""
    shots = site.shots
    money: dict[str, int] = {}
    used: dict[str, int] = {}
    energy = 0
    for day in sorted(shots):
        if day - 1 in shots:
            name = (datetime(1970, 1, 1) + timedelta(days=day - 1)).date().isoformat()
            before, after = shots[day - 1], shots[day]
            rates = range(1, len(after)) if len(after) > 1 else range(1)
            for rate in rates:
                digits, price = after[rate] - before[rate], price_of(name, rate)
                if isinstance(price, tuple):
                    money[name] = in_steps(used.get(name[:7], 0), digits, price)
                else:
                    money[name] = money.get(name, 0) + digits * price
                used[name[:7]] = used.get(name[:7], 0) + digits
                energy += digits
    return energy, money


@pytest.mark.parametrize("kind", ["one register", "four rates", "steps"])
def test_ten_weeks_are_settled_by_the_meters_own_midnights(tmp_path, capsys, kind):
    if kind == "one register":
        model, sim = "export_1p", {"forward_cwh": 123_456, "load": {"random": {"min_w": 50, "max_w": 3_000, "period_s": 900, "seed": 7}}}
        old, new = {"prices": {"total": "0.5500"}}, {"prices": {"total": "0.6100"}}
        prices = {"old": (5500,), "new": (6100,)}
    elif kind == "steps":
        model, sim = "export_1p", {"forward_cwh": 123_456, "load": {"random": {"min_w": 500, "max_w": 3_000, "period_s": 900, "seed": 9}}}
        steps = {"steps": {"over": "month", "thresholds": [{"kwh": ["300", "700"]}]}}
        old = {**steps, "prices": {"steps": ["0.5000", "0.6000", "0.9000"]}}
        new = {**steps, "prices": {"steps": ["0.5000", "0.7000", "0.8000"]}}
        prices = {"old": ((5000, 6000, 9000),), "new": ((5000, 7000, 8000),)}
    else:
        model, sim = "three_phase_tou", {"model": "three_phase_4rate", "load": 4_000, "forward_cwh": 10_000}
        sim["forward_rates_cwh"] = [1_000, 2_000, 3_000, 4_000]
        old = {"prices": {"rates": ["1.2000", "0.9000", "0.6000", "0.3000"]}}
        new = {"prices": {"rates": ["1.2500", "0.9000", "0.6000", "0.2000"]}}
        prices = {"old": (0, 12_000, 9_000, 6_000, 3_000), "new": (0, 12_500, 9_000, 6_000, 2_000)}
    site = Site(tmp_path, model, sim, old)
    ten_weeks(site, site.tariff_here(2, "2026-10-10", new))

    whole = site.command(capsys, "statement", str(ACCOUNT))
    assert whole["notes"] == [] and whole["total"]["closing_ucu"] == whole["balance_ucu"]
    marked = [line for line in whole["lines"] if line["estimated_ucu"]]
    assert marked == [], "no midnight was estimated"
    charged = {}
    for month in ("2026-10", "2026-11"):
        for line in site.command(capsys, "statement", str(ACCOUNT), "--month", month)["lines"]:
            charged[line["period"]] = line["charges_ucu"]
    _, asked = expected(site, lambda day, rate: prices["new" if day >= "2026-10-20" else "old"][rate])
    days = [day for day in asked if "2026-10-02" <= day <= "2026-11-30"]
    assert len(days) == 60
    assert {day: charged[day] for day in days} == {day: asked[day] for day in days}, "each day by its own freeze and tariff"

    months = site.command(capsys, "settle")["months"]
    assert [month["month"] for month in months] == ["2026-09", "2026-10", "2026-11"]
    assert all(not month["open"] for month in months)
    registers = [shot.forward for shot in reversed(site.sim.meter.history.settlements)]
    used = [sum(after[1:] or after) - sum(before[1:] or before) for before, after in zip(registers, registers[1:], strict=False)]
    assert [month["energy_cwh"] for month in months[1:]] == used, "the months' energy is that of the settlement registers"
    _, due = expected(site, lambda day, rate: prices["new" if day >= "2026-10-10" else "old"][rate])
    late_days = [day for day in due if "2026-10-10" <= day < "2026-10-20"]
    assert [month["correction_ucu"] for month in months] == [0, sum(due[day] - asked[day] for day in late_days), 0]

    site.live(60)  # takes the correction
    results, others = reconcile(site.db)
    assert others == [] and [sentence for result in results for sentence in result.differences] == []
    after = site.command(capsys, "statement", str(ACCOUNT))
    assert after["total"]["corrections_ucu"] == -months[1]["correction_ucu"] != 0
    assert after["total"]["closing_ucu"] == after["balance_ucu"]
    assert site.command(capsys, "settle")["months"] == [month | {"issued_ucu": month["correction_ucu"]} for month in months]
