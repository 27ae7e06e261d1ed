"""The same story as lines of JSON, for terminals that are none and for tests."""

import json
import time
from collections.abc import Callable

from host_tools.demo.checks import Check, Step
from host_tools.demo.console import Console
from host_tools.demo.output import put

METERS_EACH_S = 5.0


class JsonTeller:
    """Each line has `t`, seconds since the start."""

    def __init__(self, write: Callable[[str], None] = put) -> None:
        self._write = write
        self._started = time.monotonic()
        self._meters_at = 0.0

    def tell(self, **fields: object) -> None:
        self._write(json.dumps({"t": round(time.monotonic() - self._started, 2), **fields}))

    def step_changed(self, step: Step, checks: list[Check]) -> None:
        over = {"took_s": round(step.took_s, 2), "held": sum(check.ok for check in checks)} if step.state != "runs" else {}
        self.tell(step=step.number, title=step.title, should=step.should, state=step.state, **over)

    def check_done(self, check: Check) -> None:
        self.tell(**check.as_json())

    def event(self, text: str, style: str) -> None:
        self.tell(event=text)

    def finish(self, summary: dict[str, object], ok: bool) -> None:
        """The last line."""
        self._write(json.dumps({"summary": summary, "ok": ok}))

    def look(self, console: Console, waiting: str) -> None:
        """The state of meters, bus, link and journal, every few seconds."""
        moment = time.monotonic()
        if moment - self._meters_at < METERS_EACH_S or not console.accounts:
            return
        self._meters_at = moment
        meters = [
            {"account": view.account, "address": view.address, "register_cwh": view.register_cwh,
             "available_ucu": view.available_ucu, "age_s": view.age_s, "wish": "OFF" if view.wish else "ON",
             "seen": ("UNKNOWN", "CLOSED", "OPEN", "ARMED", "LIMITED")[view.seen], "word": view.word}
            for view in console.accounts.values()
        ]
        self.tell(meters=meters, bus=console.part("bus"), link=console.part("link"), journal=console.part("journal"),
                  readings=console.part("readings"), waiting=waiting)
