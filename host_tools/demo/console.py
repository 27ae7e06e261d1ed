"""What the gateway says on its console: one JSON object a line, numbers only; here they become names.

What it tells is believed only where something else confirms it: the head-end's database, the simulated meters, the wire.
Every record it told is looked for on the flash afterwards.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from host_tools.journal_reader import Record
from host_tools.journal_reader.told import record_of

ON, OFF = 0, 1
ACCOUNT_FIELDS = 10
UNKNOWN, CLOSED, OPEN, ARMED = 0, 1, 2, 3
ACCOUNT_COLUMNS = 10  # a board that is watched tells more


@dataclass(frozen=True)
class AccountView:
    """One line of the meters' table; money in ucu, None = not known."""

    account: int
    address: str
    register_cwh: int | None
    balance_ucu: int
    available_ucu: int | None
    age_s: int | None
    wish: int
    seen: int
    fault: int
    word: str


@dataclass(frozen=True)
class Noted:
    """A record as the console told it, with the moment it was heard (time.monotonic())."""

    at: float
    life: int
    record: Record


@dataclass
class Console:
    """Everything heard from the gateway over all its lives. `now` is the newest "now" line."""

    lives: int = 0
    boot: dict[str, Any] = field(default_factory=dict)
    boot_at: float = 0.0
    accounts: dict[int, AccountView] = field(default_factory=dict)
    now: dict[str, Any] = field(default_factory=dict)
    now_at: float = 0.0
    noted: list[Noted] = field(default_factory=list)
    other: list[str] = field(default_factory=list)  # lines that are no JSON object: complaints of the interpreter

    def hear(self, line: str) -> None:
        """One line; what is not understood is kept, never raised: the console is not a promise."""
        try:
            said = json.loads(line)
            if not isinstance(said, dict):
                raise ValueError("no object")
            self._take(said, time.monotonic())
        except (ValueError, LookupError, TypeError):
            self.other = [*self.other[-20:], line]

    def _take(self, said: dict[str, Any], moment: float) -> None:
        if "record" in said:
            self.noted.append(Noted(moment, self.lives, record_of(said["record"])))
        elif "accounts" in said:
            views = [AccountView(*row) for row in said["accounts"]]
            self.accounts = {view.account: view for view in views}
        elif "account" in said:
            view = AccountView(*said["account"][:ACCOUNT_COLUMNS])
            self.accounts = {**self.accounts, view.account: view}
        elif "account" in said:  # a board that is watched tells them one by one, and more of each
            view = AccountView(*said["account"][:ACCOUNT_FIELDS])
            self.accounts = self.accounts | {view.account: view}
        elif "now" in said:
            self.now, self.now_at = said["now"], moment
        elif "boot" in said:
            self.lives += 1
            self.boot, self.boot_at = said["boot"], moment

    def part(self, name: str) -> dict[str, Any]:
        """A part of the newest "now" line, {} before the first."""
        value = self.now.get(name, {})
        return value if isinstance(value, dict) else {}

    def records(self, name: str, account: int | None = None, since: float = 0.0, **fields: int) -> list[Noted]:
        """Records of a kind heard since a moment, with these values."""
        return [
            noted for noted in self.noted
            if noted.at >= since and noted.record.name == name
            and (account is None or noted.record.account == account)
            and all(noted.record.fields.get(key) == value for key, value in fields.items())
        ]
