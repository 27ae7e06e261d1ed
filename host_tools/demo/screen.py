"""The one live screen: where the story is, the meters, the bus, the link, and what happens in plain words.

Every line is laid out here for the terminal's present size, so nothing jumps and nothing is cut off that a person needs:
from 80 x 24 on all twelve meters are there. Wider than `WIDE` the steps stand beside the meters.
"""

import time
from collections import deque

from rich import box
from rich.console import Console as Terminal
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from host_tools.demo import programme
from host_tools.demo.checks import Check, Step
from host_tools.demo.console import Console
from host_tools.demo.output import to_the_reader
from host_tools.demo.panels import (
    METERS_WIDTH,
    feed_lines,
    head_line,
    labelled,
    meters_lines,
    numbers_lines,
    step_lines,
    strip_line,
)

EVENTS_KEPT = 200
WIDE = 124
FEED_LEAST = 4
METERS_EXPECTED = 12


class ScreenTeller:
    """Draws when told to by `look`; keeps what it was told in between."""

    def __init__(self, terminal: Terminal, roles: dict[int, str], about_s: float) -> None:
        self._terminal = terminal
        self._roles = roles
        self._about_s = about_s
        self._started = time.monotonic()
        self._events: deque[tuple[float, str, str]] = deque(maxlen=EVENTS_KEPT)
        self._steps: dict[int, Step] = {}
        self._checks: list[Check] = []
        self.live = Live(console=terminal, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def step_changed(self, step: Step, checks: list[Check]) -> None:
        self._steps[step.number] = step
        if step.state == "runs":
            self.event(f"step {step.number}: {step.title}", "bold cyan")
        else:
            held, verdict = sum(check.ok for check in checks), "holds" if step.state == "holds" else "FAILS"
            self.event(f"step {step.number} {verdict}: {held} of {len(checks)} checks, {step.took_s:.0f} s",
                       "bold green" if step.state == "holds" else "bold red")

    def check_done(self, check: Check) -> None:
        self._checks.append(check)
        self.event(f"{'ok' if check.ok else 'FAILED'}: {check.should}: {check.number}", "green" if check.ok else "bold red")

    def event(self, text: str, style: str) -> None:
        self._events.append((time.monotonic() - self._started, text, style))

    def look(self, console: Console, waiting: str) -> None:
        width, height = self._terminal.size
        lines = self.picture(console, waiting, width, height)
        with to_the_reader():
            self.live.update(Group(*lines), refresh=True)

    def picture(self, console: Console, waiting: str, width: int, height: int) -> list[Text]:
        """Exactly `height` lines, none longer than `width`."""
        step = self._steps.get(len(self._steps))
        lines = [head_line(step, time.monotonic() - self._started, self._about_s, width)]
        lines += (self._wide if width >= WIDE else self._narrow)(console, step, waiting, width, height)
        lines += [Text("")] * (height - len(lines))
        for line in lines:
            line.no_wrap = True
            line.truncate(width, overflow="ellipsis")
        return lines[:height]

    def _meters(self, console: Console, rows: int) -> list[Text]:
        views = list(console.accounts.values())
        lines = meters_lines(views, self._roles, rows)
        expected = min(rows, max(len(views), METERS_EXPECTED) + 1)
        return lines + [Text("")] * (expected - len(lines))

    def _narrow(self, console: Console, step: Step | None, waiting: str, width: int, height: int) -> list[Text]:
        lines = [strip_line(self._steps, self._checks)]
        lines += labelled(" should", step.should if step else "", width, 2)
        lines += labelled(" waits until" if waiting else " ", waiting, width, 1, "cyan")
        below = 2 + FEED_LEAST
        lines += self._meters(console, max(2, height - 1 - len(lines) - below))
        lines += numbers_lines(console, full=False)
        rows = height - 1 - len(lines)
        if rows > FEED_LEAST + 1:
            lines.append(Text(" what happens ".center(width, "-"), style="dim"))
            rows -= 1
        return lines + feed_lines(self._events, width, rows)

    def _wide(self, console: Console, step: Step | None, waiting: str, width: int, height: int) -> list[Text]:
        left = [Text(""), *self._meters(console, max(2, height - 8 - FEED_LEAST)), Text(""), *numbers_lines(console, full=True)]
        room = width - METERS_WIDTH - 4
        right = [strip_tally(self._checks), *step_lines(self._steps, self._checks), Text("")]
        right += labelled("should", step.should if step else "", room, 4)
        right += labelled("waits until" if waiting else "", waiting, room, 3, "cyan")
        lines = []
        for place in range(max(len(left), len(right))):
            line = left[place].copy() if place < len(left) else Text("")
            line.pad_right(max(0, METERS_WIDTH + 2 - line.cell_len))
            lines.append(line.append(" ").append_text(right[place]) if place < len(right) else line)
        lines.append(Text(" what happens ".center(width, "-"), style="dim"))
        return lines + feed_lines(self._events, width, height - 1 - len(lines))


def strip_tally(checks: list[Check]) -> Text:
    """How many of all checks hold so far."""
    failed = sum(not check.ok for check in checks)
    line = Text(f"{len(checks) - failed} of {len(programme.ALL_CHECKS)} checks ok")
    return line.append(f", {failed} FAILED", style="bold red") if failed else line


def last_table(checks: list[Check]) -> Table:
    """Every check with its number, step by step."""
    table = Table(box=box.SIMPLE, header_style="bold", padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("step", justify="right")
    table.add_column("")
    table.add_column("what should happen", overflow="fold", ratio=1)
    table.add_column("what was measured", overflow="fold", ratio=1)
    for place, check in enumerate(checks):
        new = place == 0 or checks[place - 1].step != check.step
        last = place + 1 == len(checks) or checks[place + 1].step != check.step
        table.add_row(
            str(check.step) if new else "", Text("ok" if check.ok else "FAILED", style="green" if check.ok else "bold red"),
            Text(check.should), Text(check.number, style="" if check.ok else "bold red"), end_section=last,
        )
    return table
