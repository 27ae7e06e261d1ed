"""Claims and whether they held: each is awaited with a time-out, so the demo never hangs, and keeps its number.

`ok` is true only when every check of the programme was made, once, in its step, and held; a story that ends early fails.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from host_tools.demo import programme
from host_tools.demo.console import Console

POLL_S = 0.1
PATIENT_FAILURES, IMPATIENT_S = 3, 5.0  # a story that is lost is told to its end, but not for a quarter of an hour


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
    """One step of the story as people see it; `took_s` once it is over."""

    number: int
    title: str
    should: str
    state: str = "waits"  # waits, runs, holds, fails
    began: float = 0.0
    took_s: float = 0.0


class Teller(Protocol):
    """Whoever shows it: the screen, lines of text, or lines of JSON."""

    def step_changed(self, step: Step, checks: list[Check]) -> None:
        """A step begins or is over; `checks` are those made in it."""

    def check_done(self, check: Check) -> None: ...

    def event(self, text: str, style: str) -> None: ...

    def look(self, console: Console, waiting: str) -> None:
        """The present state, and what is waited for now."""


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
    _waits_for: str = ""
    _waits_since: float = 0.0
    _waits_until: float = 0.0

    @property
    def ok(self) -> bool:
        """Every check of the programme was made, in its place, and held."""
        return not self.missing and all(check.ok for check in self.done)

    @property
    def missing(self) -> list[str]:
        """What the programme promises and was not checked exactly once in its step."""
        made = [(check.step, check.name) for check in self.done]
        return [name for number, scene in enumerate(programme.SCENES, 1) for name in scene.checks
                if made.count((number, name)) != 1]

    @property
    def step(self) -> Step:
        return self.steps[-1]

    @property
    def waiting(self) -> str:
        """What is waited for now, with the seconds so far and at most; "" when nothing is."""
        if not self._waits_until:
            return self._waits_for
        now = time.monotonic()
        return f"{self._waits_for} ({now - self._waits_since:.0f}/{self._waits_until - self._waits_since:.0f} s)"

    def begin(self, number: int) -> None:
        """A step of the programme begins; the one before it is over."""
        self.end()
        self.steps.append(Step(number, programme.SCENES[number - 1].title, programme.should(number), "runs", time.monotonic()))
        self.teller.step_changed(self.step, [])

    def end(self) -> None:
        """The step that runs is over; it holds when each check of the programme was made and held."""
        if not self.steps or self.step.state != "runs":
            return
        step = self.step
        mine = [check for check in self.done if check.step == step.number]
        made = sorted(check.name for check in mine) == sorted(programme.SCENES[step.number - 1].checks)
        step.state = "holds" if made and all(check.ok for check in mine) else "fails"
        step.took_s = time.monotonic() - step.began
        self.teller.step_changed(step, mine)

    def note(self, name: str, should: str, ok: bool, number: str, took_s: float = 0.0) -> bool:
        """A check whose verdict is known."""
        check = Check(self.step.number, name, should, ok, number, took_s)
        self.done.append(check)
        self.teller.check_done(check)
        return ok

    async def until(self, name: str, should: str, probe: Probe, timeout_s: float) -> bool:
        """Probe until it holds or the time is over; the last number is kept either way."""
        began = time.monotonic()
        end = began + self._patience(timeout_s)
        self._wait_for(should, end)
        while True:
            ok, number = await _ask(probe)
            took_s = time.monotonic() - began
            if ok or time.monotonic() >= end:
                self._wait_for("", 0.0)
                return self.note(name, should, ok, number if ok else f"{number} after {took_s:.0f} s", took_s)
            await asyncio.sleep(POLL_S)

    async def wait(self, probe: Callable[[], bool], timeout_s: float) -> bool:
        """The same without a check of its own: a stage direction beside what is awaited."""
        end = time.monotonic() + self._patience(timeout_s)
        while not probe():
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(POLL_S)
        return True

    def hint(self, text: str) -> None:
        """Say what is waited for without a check; "" ends it, as the next check does."""
        self._wait_for(text, 0.0)

    async def rest(self, until: float) -> None:
        """Leave time to look, up to a moment."""
        if until > time.monotonic():
            self._wait_for("the next step begins", until)
            await asyncio.sleep(max(0.0, until - time.monotonic()))
            self._wait_for("", 0.0)

    def summary(self) -> dict[str, object]:
        """What the last line of JSON says."""
        summary: dict[str, object] = {
            "checks": {check.name: {"ok": check.ok, "number": check.number} for check in self.done},
            "held": sum(check.ok for check in self.done), "of": len(programme.ALL_CHECKS),
            "steps": {str(step.number): step.state for step in self.steps},
            "seconds": round(time.monotonic() - self.started, 1),
        }
        return summary | ({"missing": self.missing} if self.missing else {})

    def _patience(self, timeout_s: float) -> float:
        lost = sum(not check.ok for check in self.done) >= PATIENT_FAILURES
        return (min(timeout_s, IMPATIENT_S) if lost else timeout_s) * self.stretch

    def _wait_for(self, text: str, until: float) -> None:
        self._waits_for, self._waits_since, self._waits_until = text, time.monotonic(), until


async def _ask(probe: Probe) -> Verdict:
    answer = probe()
    return answer if isinstance(answer, tuple) else await answer
