"""The one live screen: meters, bus, link, journal, the steps with their checks, and what happens in plain words."""

import time
from collections import deque

from rich.console import Console as Terminal
from rich.console import Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from host_tools.demo.checks import Check, Step
from host_tools.demo.console import AccountView, Console
from host_tools.journal_reader.words import energy, money

EVENTS_KEPT = 60
STEPS = (
    "meters are read", "a balance runs low", "the broker is stopped", "a floor is reached, offline", "the power goes",
    "the broker returns, wiped", "the customer pays", "everything is counted",
)
_MARK = {"waits": ("·", "dim"), "runs": ("▶", "bold cyan"), "holds": ("✔", "bold green"), "fails": ("✘", "bold red")}
_SEEN = (("unknown", "yellow"), ("closed", "green"), ("OPEN", "bold red"), ("button", "bold yellow"))
_WORD = {"ON": "green", "LOW": "yellow", "DUE": "bold yellow", "OFF": "bold red", "WAITING": "cyan", "FAULT": "magenta",
         "PRESS BUTTON": "bold yellow", "UNKNOWN": "dim"}
STALE_S = 30


class ScreenTeller:
    """Draws when told to by `look`; keeps what it was told in between."""

    def __init__(self, terminal: Terminal, roles: dict[int, str]) -> None:
        self._terminal = terminal
        self._roles = roles
        self._started = time.monotonic()
        self._events: deque[Text] = deque(maxlen=EVENTS_KEPT)
        self._steps: dict[int, Step] = {}
        self._checks: list[Check] = []
        self.live = Live(console=terminal, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def step_changed(self, step: Step) -> None:
        self._steps[step.number] = step
        if step.state == "runs":
            self.event(f"step {step.number}: {step.should}", "bold cyan")

    def check_done(self, check: Check) -> None:
        self._checks.append(check)
        mark, style = _MARK["holds" if check.ok else "fails"]
        self.event(f"{mark} {check.should}: {check.number}", style)

    def event(self, text: str, style: str) -> None:
        line = Text(f"{time.monotonic() - self._started:6.1f} ", style="dim", no_wrap=True, overflow="ellipsis")
        line.append(text, style=style or "default")
        self._events.append(line)

    def look(self, console: Console) -> None:
        self.live.update(self.picture(console), refresh=True)

    def picture(self, console: Console) -> Layout:
        """The whole screen for the terminal's present size."""
        meters = len(console.accounts) + 4 if console.accounts else 10
        layout = Layout()
        layout.split_column(
            Layout(self._head(), size=1), Layout(name="upper", size=max(12, min(meters, self._terminal.size.height - 14))),
            Layout(self._feed(), ratio=1),
        )
        layout["upper"].split_row(
            Layout(Panel(_meters(console, self._roles), title="meters", border_style="dim"), ratio=3),
            Layout(Group(Panel(_numbers(console), border_style="dim"), self._story()), ratio=2),
        )
        return layout

    def _head(self) -> Text:
        running = next((step for step in self._steps.values() if step.state == "runs"), None)
        text = Text(f" Lamplighter  {time.monotonic() - self._started:5.1f} s  ", style="bold white on blue", no_wrap=True)
        if running is not None:
            text.append(f" {running.number}/{len(STEPS)} {running.title} ", style="bold cyan")
            text.append(running.should, style="cyan")
        return text

    def _story(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for number, title in enumerate(STEPS, 1):
            step = self._steps.get(number)
            mark, style = _MARK[step.state if step else "waits"]
            mine = [check for check in self._checks if check.step == number]
            count = f"{sum(check.ok for check in mine)}/{len(mine)}" if mine else ""
            table.add_row(Text(mark, style=style), Text(f"{number} {title}", style=style), Text(count, style="dim"))
        return table

    def _feed(self) -> Panel:
        room = max(3, self._terminal.size.height - 16)
        return Panel(Group(*list(self._events)[-room:]), title="what happens", border_style="dim", height=None)


def _meters(console: Console, roles: dict[int, str]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name, justify in (("account", "left"), ("register", "right"), ("available", "right"), ("age", "right"),
                          ("wished", "left"), ("seen", "left"), ("", "left"), ("", "left")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for view in console.accounts.values():
        table.add_row(*_row(view, roles.get(view.account, "")))
    return table


def _row(view: AccountView, role: str) -> list[Text]:
    left = view.available_ucu
    seen, seen_style = _SEEN[view.seen]
    stale = view.age_s is None or view.age_s > STALE_S
    return [
        Text(str(view.account)), Text(energy(view.register_cwh).removesuffix(" kWh") if view.register_cwh is not None else "-"),
        Text(f"{money(left // 10_000 * 10_000)}" if left is not None else "-",
             style="bold red" if left is not None and left <= 0 else ""),
        Text(f"{view.age_s} s" if view.age_s is not None else "-", style="yellow" if stale else "dim"),
        Text("OFF" if view.wish else "on", style="bold red" if view.wish else "green"), Text(seen, style=seen_style),
        Text(view.word, style=_WORD.get(view.word, "")), Text(role, style="dim"),
    ]


def _numbers(console: Console) -> Table:
    bus, link, journal = console.part("bus"), console.part("link"), console.part("journal")
    readings, clock = console.part("readings"), console.part("clock")
    up = bool(link.get("connected"))
    table = Table.grid(padding=(0, 1))
    table.add_row("bus", f"cycle {bus.get('cycle_ms', 0) / 1000:.1f} s, {bus.get('answered', 0)} answered, "
                         f"{bus.get('silent', 0)} silent, {bus.get('orders', 0)} orders")
    table.add_row("link", Text("connected" if up else "DOWN", style="green" if up else "bold red").append(
        ", books compared" if link.get("gate_open") else "", style="green"))
    table.add_row("journal", f"record {journal.get('sequence', 0)}, head-end holds {journal.get('acked', 0)}, "
                             + ("sound" if journal.get("sound") else "not sound"))
    table.add_row("readings", f"{readings.get('last', 0)}, head-end holds {readings.get('acked', 0)}")
    table.add_row("clock", f"quality {clock.get('quality', 0)}, within {clock.get('error_s')} s")
    return table


def last_table(checks: list[Check], ok: bool, seconds: float) -> Table:
    """Every check with its number."""
    title = f"{'All' if ok else sum(check.ok for check in checks)} of {len(checks)} checks hold, {seconds:.0f} s"
    table = Table(title=title, title_style="bold green" if ok else "bold red", header_style="dim")
    for name in ("", "step", "what should happen", "what was measured"):
        table.add_column(name, overflow="fold")
    for check in checks:
        mark, style = _MARK["holds" if check.ok else "fails"]
        table.add_row(Text(mark, style=style), str(check.step), Text(check.should), Text(check.number, style=style))
    return table
