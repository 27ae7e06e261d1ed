"""The parts of the screen as lines of text, pure: each fits into 80 columns, and words, not colours, carry the meaning."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

from rich.text import Text

from host_tools.demo import programme
from host_tools.demo.checks import Check, Step
from host_tools.demo.console import ON, AccountView, Console
from host_tools.journal_reader.words import energy, money

STEPS = len(programme.SCENES)
METERS_WIDTH = 78
STALE_S = 30
MISSING_NAMED = 3
_SEEN = (("unknown", "yellow"), ("on", "green"), ("OFF", "bold red"), ("button", "bold yellow"), ("limited", "bold red"))
_STATE = {"ON": ("ok", "green"), "LOW": ("low", "yellow"), "DUE": ("due", "bold yellow"), "OFF": ("cut off", "bold red"),
          "WAITING": ("waiting", "cyan"), "PRESS BUTTON": ("press it", "bold yellow"), "UNKNOWN": ("unknown", "dim")}
_FAULTS = {8: ("own purse", "magenta"), 9: ("needs key", "magenta")}
_STEP = {"waits": ("-", "dim"), "runs": ("NOW", "bold cyan"), "holds": ("ok", "green"), "fails": ("FAIL", "bold red")}
_QUALITY = ("unknown", "from meters", "from RTC", "from network")


def clock(seconds: float) -> str:
    """75 -> 1:15."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def head_line(step: Step | None, elapsed_s: float, about_s: float, width: int) -> Text:
    """Where in the story we are, and how long it takes."""
    left = " Lamplighter  " + (f"step {step.number} of {STEPS}: {step.title}" if step else "everything is being started")
    right = f"{clock(elapsed_s)} of about {clock(about_s)} "
    return Text(left[: max(0, width - len(right) - 1)].ljust(max(0, width - len(right))) + right, style="bold reverse")


def plural(count: int, word: str) -> str:
    """1 round, 2 rounds."""
    return f"{count} {word}" + ("" if count == 1 else "s")


def strip_line(steps: Mapping[int, Step], checks: Sequence[Check]) -> Text:
    """All steps in one line, and the tally."""
    line = Text(" ")
    for number in range(1, STEPS + 1):
        word, style = _STEP[steps[number].state if number in steps else "waits"]
        line.append(f"{number} {word}".ljust(7), style=style)
    held, failed = sum(check.ok for check in checks), sum(not check.ok for check in checks)
    line.append(f"{held}/{len(programme.ALL_CHECKS)} checks ok")
    if failed:
        line.append(f" {failed} FAIL", style="bold red")
    return line


def step_lines(steps: Mapping[int, Step], checks: Sequence[Check]) -> list[Text]:
    """One line a step, with its checks."""
    lines = []
    for number, scene in enumerate(programme.SCENES, 1):
        state = steps[number].state if number in steps else "waits"
        word, style = _STEP[state]
        held = sum(check.ok for check in checks if check.step == number)
        count = f"{held}/{len(scene.checks)}" if state != "waits" else ""
        lines.append(Text(f"{word:5}{number} {scene.title:28}{count:>6}", style=style))
    return lines


def labelled(label: str, text: str, width: int, rows: int, style: str = "") -> list[Text]:
    """A label and a text wrapped beside it, in exactly `rows` lines."""
    parts = wrap(text, max(10, width - len(label) - 1), break_on_hyphens=False) or [""]
    if len(parts) > rows:
        parts = [*parts[: rows - 1], parts[rows - 1][: max(0, width - len(label) - 4)] + "..."]
    parts += [""] * (rows - len(parts))
    lines = []
    for place, part in enumerate(parts):
        line = Text((label if place == 0 else " " * len(label)) + " ", style="dim")
        lines.append(line.append(part, style=style or "not dim"))
    return lines


def meters_lines(views: Sequence[AccountView], roles: Mapping[int, str], rows: int) -> list[Text]:
    """The table with its heading in at most `rows` lines; the quiet meters at the end are counted when there is no room."""
    heading = f" {'account':7}{'register':>9}{'available':>11}{'read':>9}   {'wished':7}{'seen':8}{'state':10}who"
    lines = [Text(heading, style="dim")]
    shown = len(views) if len(views) < rows else max(0, rows - 2)
    lines += [_meter_line(view, roles.get(view.account, "")) for view in views[:shown]]
    hidden = views[shown:]
    if hidden and rows > 1:
        on = sum(view.wish == ON and view.seen == 1 for view in hidden)
        ages = [view.age_s for view in hidden]
        oldest = "not all read yet" if None in ages else f"all read within {max(age or 0 for age in ages)} s"
        lines.append(Text(f" and {len(hidden)} more meters: {on} with supply on, {oldest}", style="dim"))
    return lines


def _meter_line(view: AccountView, role: str) -> Text:
    left, age = view.available_ucu, view.age_s
    register = energy(view.register_cwh).removesuffix(" kWh") if view.register_cwh is not None else "-"
    available = "-" if left is None else money(left // 10_000 * 10_000)
    seen, seen_style = _SEEN[view.seen]
    state, state_style = _STATE.get(view.word, (view.word.lower(), "red"))
    if view.word == "FAULT":
        state, state_style = _FAULTS.get(view.fault, ("fault", "bold red"))
    stale = age is not None and age > STALE_S
    line = Text(f" {view.account:<7}{register:>9}")
    line.append(f"{available:>11}", style="bold red" if left is not None and left <= 0 else "")
    when = f"{age} s ago" if age is not None else "undated" if view.register_cwh is not None else "not yet"
    line.append(when.rjust(9), style="dim" if not stale else "yellow")
    line.append(" ! " if stale else "   ", style="yellow")
    line.append(f"{'on' if view.wish == ON else 'OFF':7}", style="green" if view.wish == ON else "bold red")
    line.append(f"{seen:8}", style=seen_style)
    line.append(f"{state:10}", style=state_style)
    line.append(role, style="dim")
    return line


def numbers_lines(console: Console, full: bool) -> list[Text]:
    """Bus and link in two lines; with `full` also the clock, in three."""
    bus, link, journal = console.part("bus"), console.part("link"), console.part("journal")
    readings, when = console.part("readings"), console.part("clock")
    cycle_ms = bus.get("cycle_ms", 0)
    round_ = f"{cycle_ms / 1000:.1f} s a round" if cycle_ms else "first round"
    up = bool(link.get("connected"))
    state = "up, books compared" if up and link.get("gate_open") else "up, comparing books" if up else "DOWN"
    first = Text(" bus   ", style="dim").append(
        f"{round_}, {plural(bus.get('answered', 0), 'answer')}, {plural(bus.get('silent', 0), 'silence')}, "
        f"{plural(bus.get('orders', 0), 'order')} waiting",
        style="not dim")
    second = Text(" link  ", style="dim").append(state, style="not dim green" if up else "not dim bold red").append(
        f"; head-end has {journal.get('acked', 0)}/{journal.get('sequence', 0)} records, "
        f"{readings.get('acked', 0)}/{readings.get('last', 0)} readings", style="not dim")
    third = Text(" clock ", style="dim").append(
        f"{_QUALITY[when.get('quality', 0)]}, within {when.get('error_s')} s; journal "
        + ("sound" if journal.get("sound") else "NOT SOUND"), style="not dim")
    return [first, second, third] if full and console.now else [first, second]


def feed_lines(events: Sequence[tuple[float, str, str]], width: int, rows: int) -> list[Text]:
    """The newest events that fit, whole ones: long ones take two lines. Routine is left out when there is little room."""
    chosen: list[list[Text]] = []
    free = rows
    for at_s, text, style in reversed(events):
        if style == "dim" and rows < 8:
            continue
        parts = wrap(text, max(20, width - 9), break_on_hyphens=False)[:3]
        if len(parts) > free:
            break
        free -= len(parts)
        chosen.append([
            Text(f"{at_s:6.1f}  " if place == 0 else " " * 8, style="dim").append(part, style=style or "not dim")
            for place, part in enumerate(parts)
        ])
    return [line for lines in reversed(chosen) for line in lines]


def verdict_lines(checks: Sequence[Check], ok: bool, seconds: float, missing: Sequence[str]) -> list[Text]:
    """The end: what failed, what was never checked, and one sentence."""
    lines = [Text(f"FAILED  step {check.step}: {check.should}: {check.number}", style="bold red") for check in checks if not check.ok]
    if missing:
        more = f" and {len(missing) - MISSING_NAMED} more" if len(missing) > MISSING_NAMED else ""
        lines.append(Text(f"NEVER CHECKED  {', '.join(missing[:MISSING_NAMED])}{more}", style="bold red"))
    held, total = sum(check.ok for check in checks), len(programme.ALL_CHECKS)
    words = f"All {total} checks hold" if ok else f"{held} of {total} checks hold"
    lines.append(Text(f"{words}, {seconds:.0f} s.", style="bold green" if ok else "bold red"))
    return lines
