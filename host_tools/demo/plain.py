"""The same story as lines of text: for a terminal without cursor control and for output that goes into a file."""

import time
from collections.abc import Callable

from host_tools.demo.checks import Check, Step
from host_tools.demo.console import Console
from host_tools.demo.output import put
from host_tools.demo.panels import STEPS, meters_lines, numbers_lines, verdict_lines

METERS_EACH_S = 15.0


class PlainTeller:
    """One line an event without the routine, the meters' table now and then; no colours, no cursor."""

    def __init__(self, roles: dict[int, str], write: Callable[[str], None] = put) -> None:
        self._write = write
        self._roles = roles
        self._started = time.monotonic()
        self._meters_at = self._started

    def step_changed(self, step: Step, checks: list[Check]) -> None:
        if step.state == "runs":
            self._write("")
            self._write(f"Step {step.number} of {STEPS}: {step.title}")
            self._write(f"        should: {step.should}")
            return
        held = sum(check.ok for check in checks)
        self._write(f"        {'Step' if step.state == 'holds' else 'STEP'} {step.number} {step.state.upper()}: "
                    f"{held} of {len(checks)} checks, {step.took_s:.0f} s")

    def check_done(self, check: Check) -> None:
        self._tell(f"{'ok' if check.ok else 'FAILED':6}  {check.should}: {check.number}")

    def event(self, text: str, style: str) -> None:
        if style != "dim":
            self._tell(text)

    def look(self, console: Console, waiting: str) -> None:
        """The meters every few seconds."""
        moment = time.monotonic()
        if moment - self._meters_at < METERS_EACH_S or not console.accounts:
            return
        self._meters_at = moment
        self._write("")
        views = list(console.accounts.values())
        for line in [*meters_lines(views, self._roles, len(views) + 1), *numbers_lines(console, full=False)]:
            self._write("        " + line.plain.rstrip())
        self._write("")

    def finish(self, checks: list[Check], ok: bool, seconds: float, missing: list[str]) -> None:
        """Every check with its number, then the verdict."""
        self._write("")
        for check in checks:
            self._write(f"{check.step}  {'ok' if check.ok else 'FAILED':6}  {check.should}: {check.number}")
        self._write("")
        for line in verdict_lines(checks, ok, seconds, missing):
            self._write(line.plain)

    def _tell(self, text: str) -> None:
        self._write(f"{time.monotonic() - self._started:6.1f}  {text}")
