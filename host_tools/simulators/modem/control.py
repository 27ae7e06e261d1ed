"""Orders to a running modem, one JSON object a line, as simulators/control.py takes them; and a client for them.

    {"do": "state"}
    {"do": "set", "registration": "searching", "card": "absent", "pin_tries": 3, "silent": true, "dead": true, "loss": 0.03,
     "latency_ms": 200, "bandwidth_bytes_s": 2000, "uart_baud": 115200, "garbage_rate": 0.5, "names_silent": true, "lte": false}
    {"do": "drop"}                    the carrier, told
    {"do": "reset"}                   the power of the modem
    {"do": "garbage", "bytes": 100}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from host_tools.simulators.client import ControlClient
from host_tools.simulators.config import Probability, Strict, sentence
from host_tools.simulators.modem.commands import PIN_TRIES, Card, Registration
from host_tools.simulators.modem.line import ModemLine


class State(Strict):
    do: Literal["state"]


class Set(Strict):
    """Only the fields given change."""

    do: Literal["set"]
    registration: Registration | None = None
    card: Card | None = None
    pin_tries: Annotated[int, Field(ge=1, le=PIN_TRIES)] | None = None
    lte: bool | None = None
    silent: bool | None = None
    dead: bool | None = None
    names_silent: bool | None = None
    loss: Probability | None = None
    garbage_rate: Probability | None = None
    latency_ms: Annotated[int, Field(ge=0, le=60_000)] | None = None
    bandwidth_bytes_s: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    uart_baud: Annotated[int, Field(ge=9_600, le=4_000_000)] | None = None


class Drop(Strict):
    do: Literal["drop"]


class Reset(Strict):
    do: Literal["reset"]


class Garbage(Strict):
    do: Literal["garbage"]
    bytes: Annotated[int, Field(ge=1, le=10_000)]


Order = Annotated[State | Set | Drop | Reset | Garbage, Field(discriminator="do")]
ORDERS: TypeAdapter[Any] = TypeAdapter(Order)
OF_COMMANDS = ("registration", "card", "pin_tries", "lte")
OF_LINE = ("silent", "dead", "garbage_rate")
OF_RADIO = ("loss", "latency_ms", "bandwidth_bytes_s")


def obey(line: ModemLine, document: Any) -> dict[str, object]:
    """Carry out one order. Never raises for what the document says."""
    try:
        order = ORDERS.validate_python(document)
    except ValidationError as error:
        return {"ok": False, "error": sentence(error)}
    if isinstance(order, Set):
        _set(line, order)
    elif isinstance(order, Drop):
        line.drop_carrier()
    elif isinstance(order, Reset):
        line.reset()
    elif isinstance(order, Garbage):
        line.spit(order.bytes)
    line.woken()
    return {"ok": True, **(line.state() if isinstance(order, State) else {})}


def _set(line: ModemLine, order: Set) -> None:
    for name in order.model_fields_set - {"do"}:
        value = getattr(order, name)
        if value is None:
            continue
        if name in OF_COMMANDS:
            setattr(line.commands, name, value)
        elif name in OF_LINE:
            setattr(line, name, value)
        elif name in OF_RADIO:
            setattr(line.up, name, value)
            setattr(line.down, name, value)
        elif name == "uart_baud":
            line.baud = value
        else:
            line.net.names_silent = value


class ModemClient(ControlClient):
    """The orders, for tests and the demo. SiteError when one is refused."""

    def state(self) -> dict[str, Any]:
        return self.ask("state")

    def set(self, **fields: Any) -> None:
        self.ask("set", **fields)

    def drop(self) -> None:
        self.ask("drop")

    def reset(self) -> None:
        self.ask("reset")
