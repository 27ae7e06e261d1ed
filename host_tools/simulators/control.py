"""Orders to a site over its control socket (control_server.py): one JSON object per line in, one per line out.

Each order is a checked model, so a wrong field gets a sentence that names it and changes nothing. Answers are
{"ok": true, ...} or {"ok": false, "error": "..."}.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from host_tools.simulators.config import Address, Baud, Cwh, FaultCfg, Strict, sentence
from host_tools.simulators.energy import WMS_PER_CWH
from host_tools.simulators.history import Snapshot
from host_tools.simulators.meter import Meter
from host_tools.simulators.meter_clock import local_datetime
from host_tools.simulators.relay import Relay
from host_tools.simulators.site import Site


class State(Strict):
    do: Literal["state"]


class Events(Strict):
    do: Literal["events"]
    since: int = 0


class Freezes(Strict):
    do: Literal["freezes"]
    meter: Address


class Press(Strict):
    do: Literal["press"]
    meter: Address


class AddEnergy(Strict):
    do: Literal["add_energy"]
    meter: Address
    cwh: Annotated[int, Field(ge=0, lt=100_000_000)]
    direction: Literal["forward", "reverse"] = "forward"
    rate: Annotated[int, Field(ge=1, le=4)] = 1


class Set(Strict):
    """Only the fields given change."""

    do: Literal["set"]
    meter: Address
    load_w: Annotated[int, Field(ge=-79_999, le=79_999)] | None = None
    silent: bool | None = None
    energy_speed: Annotated[int, Field(ge=0)] | None = None
    clock_offset_s: int | None = None
    clock_state: Literal["ok", "lost", "invalid"] | None = None
    forward_cwh: Cwh | None = None
    meter_number: Address | None = None
    keep_power: bool | None = None
    welded: bool | None = None
    limit_w: Annotated[int, Field(ge=-1)] | None = None  # set by somebody else; -1: the meter has forgotten it
    relay_delay_ms: Annotated[int, Field(ge=0)] | None = None
    reply_delay_ms: Annotated[int, Field(ge=0, le=10_000)] | None = None
    purse_balance: int | None = None
    programming_key: bool | None = None
    baud: Baud | None = None


class SetLine(Strict):
    do: Literal["line"]
    baud: Baud | None = None
    driver_release_ms: Annotated[int, Field(ge=0, le=1000)] | None = None
    echo: bool | None = None


class Fault(FaultCfg):
    do: Literal["fault"]


class ClearFaults(Strict):
    do: Literal["clear_faults"]


Order = Annotated[
    State | Events | Freezes | Press | AddEnergy | Set | SetLine | Fault | ClearFaults, Field(discriminator="do")
]
ORDERS: TypeAdapter[Any] = TypeAdapter(Order)


def obey(site: Site, document: Any) -> dict[str, object]:
    """Carry out one order on a site. Never raises for what the document says."""
    try:
        order = ORDERS.validate_python(document)
        return {"ok": True, **_carry_out(site, order)}
    except ValidationError as error:
        return {"ok": False, "error": sentence(error)}
    except KeyError as error:
        return {"ok": False, "error": f"meter: no meter has the address {error.args[0]}"}
    except ValueError as error:
        return {"ok": False, "error": str(error)}


def _carry_out(site: Site, order: Any) -> dict[str, object]:
    site.advance()
    if isinstance(order, State):
        return site.state()
    if isinstance(order, Events):
        return {"events": site.events_since(order.since)}
    if isinstance(order, SetLine):
        _set_line(site, order)
    elif isinstance(order, Fault):
        site.line.faults.add(FaultCfg(**order.model_dump(exclude={"do"})))
    elif isinstance(order, ClearFaults):
        site.line.faults.clear()
    else:
        return _on_meters(site.named(order.meter), order)
    return {}


def _on_meters(meters: list[Meter], order: Any) -> dict[str, object]:
    if isinstance(order, Freezes):
        history = meters[0].history
        return {
            "daily": [_freeze_row(s) for s in history.daily],
            "settlements": [_freeze_row(s) for s in history.settlements],
        }
    if isinstance(order, Press):
        return {"works": [bool(m.relay and m.relay.press_button(m.now_ms)) for m in meters]}
    for meter in meters:
        if isinstance(order, AddEnergy):
            _add_energy(meter, order)
        else:
            _set_meter(meter, order)
    return {}


def _freeze_row(shot: Snapshot) -> dict[str, object]:
    return {
        "local": local_datetime(shot.local_ms).isoformat(timespec="seconds"),
        "forward_cwh": list(shot.forward),
        "reverse_cwh": list(shot.reverse),
    }


def _add_energy(meter: Meter, order: AddEnergy) -> None:
    if order.rate > max(1, meter.cfg.rates):
        raise ValueError(f"rate: the meter has {meter.cfg.rates} rates")
    direction = meter.energy.forward if order.direction == "forward" else meter.energy.reverse
    direction.add(order.cwh * WMS_PER_CWH, order.rate)


def _set_meter(meter: Meter, order: Set) -> None:
    relay = meter.relay
    if relay is None and (order.keep_power, order.welded, order.relay_delay_ms) != (None, None, None):
        raise ValueError("keep_power, welded, relay_delay_ms: the meter has no relay")
    if order.purse_balance is not None:
        if meter.purse is None:
            raise ValueError("purse_balance: the meter has no purse")
        meter.purse.balance = order.purse_balance
    if order.limit_w is not None:
        _set_limit(meter, order.limit_w)
    if relay is not None:
        _set_relay(relay, order)
    if order.load_w is not None:
        meter.set_load(order.load_w)
    _set_clock(meter, order)
    if order.forward_cwh is not None:
        meter.energy.forward.total.set_cwh(order.forward_cwh)
    for name in ("silent", "energy_speed", "meter_number", "programming_key", "baud"):
        value = getattr(order, name)
        if value is not None:
            setattr(meter, name, value)
    if order.reply_delay_ms is not None:
        meter.cfg.reply_delay_ms = order.reply_delay_ms


def _set_relay(relay: Relay, order: Set) -> None:
    relay.keep_power = relay.keep_power if order.keep_power is None else order.keep_power
    relay.welded = relay.welded if order.welded is None else order.welded
    relay.delay_ms = relay.delay_ms if order.relay_delay_ms is None else order.relay_delay_ms


def _set_clock(meter: Meter, order: Set) -> None:
    if order.clock_state is not None:
        meter.clock.set_state(meter.now_ms, order.clock_state)
    if order.clock_offset_s is not None:
        meter.set_clock(order.clock_offset_s)


def _set_limit(meter: Meter, watts: int) -> None:
    if meter.limit is None:
        raise ValueError("limit_w: the meter has no register for a load limit")
    meter.limit.set_watts(None if watts < 0 else watts)


def _set_line(site: Site, order: SetLine) -> None:
    for name in ("baud", "driver_release_ms", "echo"):
        value = getattr(order, name)
        if value is not None:
            setattr(site.line, name, value)
