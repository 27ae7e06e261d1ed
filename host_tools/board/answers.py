"""Rows of the console to named fields: what `--json` prints and what the tables are made of (SPEC section 7)."""

from typing import Any

from host_tools.board.console_client import SEARCH_S, ConsoleClient, Row

METER = (
    "index", "address", "account", "model", "baud", "silent_turns", "refused_word", "answered", "silent", "broken_off", "refused",
    "malformed", "retried", "register_cwh", "age_s", "power_w", "held", "enforceable", "clock_error_s", "ratio",
)  # fmt: skip
ACCOUNT = (
    "account", "address", "register_cwh", "balance_ucu", "available_ucu", "age_s", "wish", "seen", "fault", "word", "flags", "held",
    "episode_open", "notice_level", "notice_at_s", "wish_reason", "wish_at_s", "total_charged_ucu", "charged_at_s", "debt_ucu",
    "limit_ucu",
)  # fmt: skip
VISIT = (
    "account", "address", "available_ucu", "days_left", "lead_days", "ordered", "visited", "episode", "notice_level", "wish",
)  # fmt: skip
BRAKE = ("closed", "what", "id", "version")
HELD_CUT = ("account", "address", "available_ucu", "floor_ucu", "ordered", "failed")
DAY = ("day", "opening_ucu", "charges_ucu", "fees_ucu", "estimated_ucu", "credits_ucu", "closing_ucu", "debt_ucu")
ENERGY = ("day", "rate", "band", "step", "energy_cwh", "amount_ucu")
EVENT = ("number", "at_s", "code", "times", "account", "value")


def named(names: tuple[str, ...], row: list[Any]) -> Row:
    """A row as a dict; a board that tells more than we know is understood as far as we know it."""
    return dict(zip(names, row, strict=False))


def status(board: ConsoleClient) -> Row:
    """Everything of one status answer, by part."""
    found: Row = {}
    for row in board.rows("status"):
        found.update({name: value for name, value in row.items() if name not in ("re", "end")})
    return found


def meters(board: ConsoleClient) -> list[Row]:
    """One dict for each meter."""
    return [named(METER, row["meter"]) for row in board.rows("meters") if "meter" in row]


def accounts(board: ConsoleClient) -> list[Row]:
    """One dict for each account."""
    return [named(ACCOUNT, row["account"]) for row in board.rows("accounts") if "account" in row]


def visits(board: ConsoleClient) -> list[Row]:
    """One dict for each account that is to be visited, or was in its present episode."""
    return [named(VISIT, row["visit"]) for row in board.rows("visits") if "visit" in row]


def brake(board: ConsoleClient) -> Row:
    """What closed the brake, and the accounts whose cut it holds."""
    found: Row = {"held": []}
    for row in board.rows("brake"):
        if "brake" in row:
            found.update(named(BRAKE, row["brake"]))
        elif "held" in row:
            found["held"].append(named(HELD_CUT, row["held"]))
    return found


def statement(board: ConsoleClient, account: int, count: int) -> Row:
    """The last days of an account, each with its energy by register, band and step; `since` = the first day that is told whole."""
    rows = board.rows("statement", wait_s=SEARCH_S, account=account, days=count)
    found = [{"debt_ucu": 0} | named(DAY, row["day"]) | {"energy": []} for row in rows if "day" in row]
    for row in rows:
        if "energy" in row:
            line = named(ENERGY, row["energy"])
            next(day for day in found if day["day"] == line["day"])["energy"].append(line)
    return {"account": account, "since": next((row["since"] for row in rows if "since" in row), None), "days": found}


def events(board: ConsoleClient, first: int = 0) -> list[Row]:
    """The ring of events, oldest first."""
    return [named(EVENT, row["event"]) for row in board.rows("events", **{"from": first}) if "event" in row]


def logs(board: ConsoleClient) -> Row:
    """Troubles that do not go away by themselves, and what ended an earlier life."""
    rows = board.rows("logs")
    return {
        "troubles": [row["trouble"] for row in rows if "trouble" in row],
        "last_fault": "".join(row["last_fault"] for row in rows if "last_fault" in row),
    }
