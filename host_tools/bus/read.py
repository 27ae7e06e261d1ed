"""`read`: registers, status word 3, clock, power and number of one meter, and any other item by its identifier.

Done (0) means that registers, status word and clock were answered as far as the model offers them, and each --item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firmware.base import questions, relay
from firmware.base.decimal_text import format_decimal
from firmware.meters.dlt645 import items
from firmware.meters.model import COMBINED
from host_tools.bus.meter import UNKNOWN
from host_tools.bus.output import Teller
from host_tools.bus.talk import ANSWERED, NOT_OFFERED, STATES, Talk, Wall, clock_words, status_words

NAME_WIDTH = 24
HINTS = "check A and B, the address, the baud rate and the parity; `scan-one` finds the address of a meter that is alone on the line"


@dataclass
class Answer:
    """One item as it is told; `words` explain the value or its absence."""

    name: str
    state: str
    value: Any = None
    unit: str = ""
    words: str = ""
    needed: bool = True
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return not self.needed or self.state in (STATES[ANSWERED], STATES[NOT_OFFERED])

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "state": self.state, "value": self.value, "unit": self.unit or None, "words": self.words, **self.more}

    def as_text(self) -> str:
        shown = ", ".join("-" if part is None else part for part in self.value) if isinstance(self.value, list) else self.value
        said = " ".join(part for part in ("" if shown is None else str(shown), self.unit if shown is not None else "") if part)
        name = f"  {self.name}" if self.more.get("rate") else self.name
        return f"  {name:<{NAME_WIDTH}} {said}{'  ' if said and self.words else ''}{self.words}".rstrip()


async def read(talk: Talk, wall: Wall, teller: Teller, wanted: list[int], place: str) -> int:
    """Ask, tell, and return the exit status."""
    address = bytes(talk.meter.serial[::-1]).hex()
    model = talk.meter.model
    named = "unknown model, asked as for the richest" if model.name == UNKNOWN else f"model {model.name}"
    teller.line(f"meter {address}, {named}, {place}")
    answers: list[Answer] = []
    for asking in (_registers, _status, _clock, _power, *([_limit] if model.limit_di else []), _number):
        answers += await _told(teller, asking(talk, wall))
        if answers[0].state in ("silent", "malformed"):
            break  # who does not give its register will not give the rest; its time-outs would only add up
    else:
        for di in wanted:
            answers += await _told(teller, _item(talk, di))
    good = all(answer.good for answer in answers)
    heard = any(answer.state in ("answered", "refused") for answer in answers)
    report = talk.line_report()
    told_line(teller, report)
    if not heard:
        teller.line(f"no answer from meter {address}: {answers[0].words}\n  {HINTS}")
    document = {"address": address, "model": model.name, "place": place, "answers": [answer.as_json() for answer in answers]}
    teller.document({**document, "line": report, "ok": good})
    return 0 if good else 1


def told_line(teller: Teller, report: dict[str, int]) -> None:
    """What the line did besides; nothing when nothing is worth a look."""
    if report:
        teller.line("  line: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in report.items()))


async def _told(teller: Teller, asking: Any) -> list[Answer]:
    answers = await asking
    for answer in answers:
        teller.line(answer.as_text())
    return answers


async def _registers(talk: Talk, _wall: Wall) -> list[Answer]:
    name = "combined active energy" if talk.meter.model.billing_register == COMBINED else "forward active energy"
    result = await talk.ask(questions.READ_ENERGY)
    if result != ANSWERED:
        return [Answer(name, STATES[result], words=talk.why(result))]
    found = []
    for rate in range(talk.protocol.rates + 1):
        cwh = talk.protocol.registers[rate]
        value = None if cwh is None else format_decimal(cwh, 2)
        words = "" if cwh is not None else "the meter shows no value"
        found.append(Answer(name if rate == 0 else f"rate {rate}", STATES[ANSWERED], value, "kWh", words, more={"rate": rate}))
    return found


async def _status(talk: Talk, _wall: Wall) -> list[Answer]:
    result = await talk.ask(questions.READ_STATUS)
    word = talk.protocol.status_word
    if result != ANSWERED or word is None:
        return [Answer("status word 3", STATES[result], words=talk.why(result) if result != ANSWERED else "the meter shows no value")]
    words = status_words(word, talk.meter.model)
    return [Answer("status word 3", STATES[result], f"{word:04X}", words=", ".join(words), more={"bits": words})]


async def _clock(talk: Talk, wall: Wall) -> list[Answer]:
    result = await talk.ask(questions.READ_CLOCK)
    clock_s = talk.protocol.clock_s
    if result != ANSWERED:
        return [Answer("clock", STATES[result], words=talk.why(result))]
    if clock_s is None:
        return [Answer("clock", STATES[result], words="not a date: the meter's clock is lost, relay orders to it would fail")]
    ahead_s = wall.ahead_s(clock_s)
    value, words = clock_words(clock_s, ahead_s).split(", ", 1)
    return [Answer("clock", STATES[result], value, words=words, more={"ahead_s": ahead_s})]


async def _power(talk: Talk, _wall: Wall) -> list[Answer]:
    result = await talk.ask(questions.READ_LOAD)
    words = "" if result == ANSWERED else talk.why(result)
    return [Answer("active power", STATES[result], talk.protocol.power_w, "W", words, needed=False)]


async def _limit(talk: Talk, _wall: Wall) -> list[Answer]:
    result = await talk.ask(questions.READ_LIMIT)
    if result != ANSWERED:
        return [Answer("load limit", STATES[result], words=talk.why(result), needed=False)]
    limit_w = talk.protocol.limit_w
    if limit_w in (None, relay.NO_LIMIT):
        return [Answer("load limit", STATES[result], words="none" if limit_w else "the meter does not tell", needed=False)]
    return [Answer("load limit", STATES[result], limit_w, "W", "the meter switches off above it", needed=False)]


async def _number(talk: Talk, _wall: Wall) -> list[Answer]:
    result = await talk.ask(questions.READ_IDENTITY)
    identity = talk.protocol.identity
    words = "" if result == ANSWERED else talk.why(result)
    return [Answer("meter number", STATES[result], None if identity is None else bytes(identity[::-1]).hex(), words=words, needed=False)]


async def _item(talk: Talk, di: int) -> list[Answer]:
    is_1997 = talk.meter.model.is_1997
    text = f"{di:04X}" if is_1997 else f"{di:08X}"
    item = items.find_item_1997(di) if is_1997 else items.find_item(di)
    result = await talk.ask_item(di)
    data = bytes(talk.exchange.data[: talk.exchange.data_end])
    more = {"di": text, "data": data.hex().upper() if result == ANSWERED else None}
    if result != ANSWERED:
        return [Answer(text, STATES[result], words=talk.why(result), more=more)]
    if item is None:
        return [Answer(text, STATES[result], data.hex(" ").upper(), words="bytes as they came, low first", more=more)]
    value = item.decode(data, 0, len(data)) if data else None
    words = item.name if value is not None else f"{item.name}: the meter shows no value"
    return [Answer(text, STATES[result], value, item.unit, words, more=more)]
