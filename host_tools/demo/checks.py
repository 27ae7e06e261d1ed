"""Claims and whether they held: each is awaited with a time-out, so the demo never hangs, and keeps its number."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

POLL_S = 0.1


@dataclass(frozen=True)
class Check:
    """`number` is what was measured, in words; `took_s` how long it was waited for."""

    step: int
    name: str
    should: str
    ok: bool
    number: str
    took_s: float

    def as_json(self) -> dict[str, object]:
        return {"check": self.name, "step": self.step, "should": self.should, "ok": self.ok, "number": self.number,
                "took_s": round(self.took_s, 2)}


@dataclass
class Step:
    """One step of the story as people see it."""

    number: int
    title: str
    should: str
    state: str = "waits"  # waits, runs, holds, fails


class Teller(Protocol):
    """Whoever shows it: the screen, or lines of JSON."""

    def step_changed(self, step: Step) -> None: ...

    def check_done(self, check: Check) -> None: ...

    def event(self, text: str, style: str) -> None: ...


Verdict = tuple[bool, str]
Probe = Callable[[], Verdict | Awaitable[Verdict]]


@dataclass
class Checks:
    """All checks of one demo. `stretch` lengthens every time-out."""

    teller: Teller
    stretch: float = 1.0
    done: list[Check] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def ok(self) -> bool:
        return bool(self.done) and all(check.ok for check in self.done)

    @property
    def step(self) -> Step:
        return self.steps[-1]

    def begin(self, number: int, title: str, should: str) -> None:
        self.end()
        self.steps.append(Step(number, title, should, "runs"))
        self.teller.step_changed(self.step)

    def end(self) -> None:
        """The step that runs is over."""
        if not self.steps or self.step.state != "runs":
            return
        mine = [check for check in self.done if check.step == self.step.number]
        self.step.state = "holds" if mine and all(check.ok for check in mine) else "fails"
        self.teller.step_changed(self.step)

    def note(self, name: str, should: str, ok: bool, number: str, took_s: float = 0.0) -> bool:
        """A check whose verdict is known."""
        check = Check(self.step.number, name, should, ok, number, took_s)
        self.done.append(check)
        self.teller.check_done(check)
        return ok

    async def until(self, name: str, should: str, probe: Probe, timeout_s: float) -> bool:
        """Probe until it holds or the time is over; the last number is kept either way."""
        began = time.monotonic()
        end = began + timeout_s * self.stretch
        while True:
            ok, number = await _ask(probe)
            took_s = time.monotonic() - began
            if ok or time.monotonic() >= end:
                return self.note(name, should, ok, number if ok else f"{number} after {took_s:.0f} s", took_s)
            await asyncio.sleep(POLL_S)

    async def wait(self, probe: Callable[[], bool], timeout_s: float) -> bool:
        """The same without a check of its own: a stage direction."""
        end = time.monotonic() + timeout_s * self.stretch
        while not probe():
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(POLL_S)
        return True

    def summary(self) -> dict[str, object]:
        return {
            "checks": {check.name: {"ok": check.ok, "number": check.number} for check in self.done},
            "held": sum(check.ok for check in self.done), "of": len(self.done),
            "seconds": round(time.monotonic() - self.started, 1),
        }


async def _ask(probe: Probe) -> Verdict:
    answer = probe()
    return answer if isinstance(answer, tuple) else await answer
