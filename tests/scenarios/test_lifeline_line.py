"""A lifeline on a real line: the firmware on MicroPython, killed between its write and the reading back, a meter on a pty that enforces its
own limit, a broker, the head-end with its database. What the meter does is read from the meter. Some twenty seconds.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.head_end import commands
from host_tools.head_end.database import Database
from host_tools.simulators.client import MeterState, SiteClient
from tests.peers.mqtt_world import Broker
from tests.running_gateway import PREPAID, Gateway, Scene, meters
from tests.scenarios.many_lives import head_end

LIMIT, LIFT, RESTORE, VERIFIED = 6, 7, 2, 5
FOUND_OFF, LOST = 3, 2
LIMITS = {"accounts_max": 4, "reconnect_first_ms": 200, "reconnect_max_ms": 1_000}
METER = {"model": "lifeline", "load_limit": {"react_ms": 500, "off_s": 2}}
POWER_W = 500


@contextlib.contextmanager
def lit(folder: Path) -> Iterator[tuple[Scene, Database, SiteClient]]:
    broker = Broker(folder)
    broker.start()
    db = Database(folder / "head_end.db")
    try:
        policy = {**PREPAID, "lifeline": {"power_w": POWER_W}}
        more = {"limits": LIMITS, "policy": policy, "model": "lifeline_1p", "meter": METER}
        scene = Scene(folder / "site", 1, 9_600, 5, port=broker.port, load_w=300, **more)
        commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
        for kind in ("tariff", "policy"):
            commands.set_document(db, kind, str(scene.root / f"{kind}_1_1.json"), int(time.time()))
        with meters(scene), head_end(folder / "head_end.db", broker.port), SiteClient(scene.control) as site:
            yield scene, db, site
    finally:
        db.close()
        broker.stop()


def until_meter(site: SiteClient, address: str, limit_w: int | None, seconds: float = 60.0) -> MeterState:
    deadline = time.monotonic() + seconds
    while site.meter(address).limit_w != limit_w:
        assert time.monotonic() < deadline, f"the limit is {site.meter(address).limit_w} and not {limit_w}"
        time.sleep(0.005)
    return site.meter(address)


@pytest.mark.slow
def test_a_customer_is_limited_over_a_line_though_the_power_goes_in_between_and_lifted_by_a_payment(tmp_path: Path) -> None:
    with lit(tmp_path) as (scene, db, site), Gateway(scene) as gateway:
        account, address = scene.account(0), scene.address(0)
        until_meter(site, address, POWER_W)
        gateway.kill()  # the register has it, and nobody has read it back
        assert not gateway.records_of("RELAY", action=LIMIT, phase=VERIFIED)
        gateway.start()
        gateway.wait_for(lambda: gateway.accounts.get(account, {}).get("word") == "LIMITED", "the limit is read back", 60)
        assert movements(site, address) == 0
        site.set(address, load_w=2_000)
        gateway.wait_for(lambda: movements(site, address) > 2, "the meter opens and closes itself", 60)
        site.set(address, load_w=300)
        assert not gateway.records_of("FAULT", fault=FOUND_OFF), "nobody found it off"
        site.set(address, limit_w=-1)
        until_meter(site, address, POWER_W)
        assert gateway.records_of("LIMIT", what=LOST, limit_w=POWER_W)
        commands.top_up(db, str(account), "5.00", "payment", int(time.time()), 1)
        until_meter(site, address, None)
        gateway.wait_for(lambda: gateway.records_of("RELAY", action=RESTORE, phase=VERIFIED), "the restore is proven", 60)
        assert gateway.records_of("RELAY", action=LIFT, phase=VERIFIED)
        relay = site.meter(address).relay
        assert relay is not None and not relay.open
        gateway.wait_for(lambda: gateway.accounts[account]["word"] in ("ON", "LOW"), "it is on", 60)


def movements(site: SiteClient, address: str) -> int:
    relay = site.meter(address).relay
    assert relay is not None
    return relay.movements
