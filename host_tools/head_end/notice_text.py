"""Sentences for customers, from templates in their language: data files, so that an operator can have others.

Amounts and dates are made from integers. What a customer has is rounded down to the cent, what is to be paid up: whoever pays the
amount that was quoted has paid enough.

Trap avoided: a template with a field that nobody fills would fail at night, with the notice; so all are tried when they are loaded.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from string import Formatter
from typing import Any

from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import credit_limit_ucu

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES = ("zh", "en")
TEXT_MAX = 500
_CENT = 10_000  # ucu
FIELDS: dict[str, set[str]] = {
    "date": {"year", "month", "day", "hour", "minute"},
    "low": {"account", "date", "available", "level"},
    "low_owing": {"account", "date", "available", "level", "pay"},
    "stop": {"account", "date", "available", "pay"},
    "stop_order": {"account", "date"},
    "limit": {"account", "date", "available", "pay", "power"},
    "limit_order": {"account", "date", "power"},
    "restore": {"account", "date"},
    "restore_limit": {"account", "date"},
    "restore_button": {"account", "date"},
    "receipt": {"account", "date", "amount", "balance", "reference", "record", "code"},
    "code": {"code"},
    "enquire_balance": {"account", "balance", "date"},
    "enquire_no_reading": {"account", "balance"},
    "enquire_pending": {"amount"},
    "enquire_debt": {"amount"},
    "enquire_limit": {"amount"},
    "enquire_off": {"pay"},
    "enquire_limited": {"pay", "power"},
    "enquire_use": {"days", "energy", "charges"},
    "enquire_days": {"days"},
    **dict.fromkeys(("enquire_less", "enquire_none", "enquire_long", "enquire_unknown", "enquire_silent"), set()),
}


@dataclass(frozen=True)
class Place:
    """Where a customer is: money and clock. Floor and restore amount are the account's own: its credit limit has moved them."""

    currency: str
    utc_offset_min: int
    floor_ucu: int
    restore_ucu: int
    text_counts: bool  # the policy waits for text messages to be delivered
    limit_ucu: int = 0


class Words:
    """The templates of one language."""

    def __init__(self, language: str, folder: Path = TEMPLATES) -> None:
        if language not in LANGUAGES:
            raise BadInput("language", f"must be one of {', '.join(LANGUAGES)}, got {language!r}")
        self.language = language
        path = folder / f"{language}.json"
        try:
            document: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise BadInput("templates", f"{path} cannot be read: {fault}") from fault
        self.currencies, self.texts = _checked(path, document)

    def say(self, name: str, place: Place, **values: object) -> str:
        """One sentence. `_ucu` values become money: `pay_ucu` rounded up, the others down; `date_s` the local date."""
        shown = {}
        for key, value in values.items():
            if key.endswith("_ucu") and isinstance(value, int):
                shown[key[:-4]] = self.money(value, place.currency, up=key == "pay_ucu")
            elif key == "date_s" and isinstance(value, int):
                shown["date"] = self.date(value, place.utc_offset_min)
            else:
                shown[key] = str(value)
        return self.texts[name].format_map(shown)

    def money(self, ucu: int, currency: str, up: bool = False) -> str:
        cents = -(-ucu // _CENT) if up else ucu // _CENT
        whole, part = divmod(abs(cents), 100)
        amount = f"{'-' if cents < 0 else ''}{whole}.{part:02d}"
        return self.currencies.get(currency, self.currencies["other"]).format_map({"amount": amount, "currency": currency})

    def date(self, at_s: int, utc_offset_min: int) -> str:
        local = datetime.fromtimestamp(at_s, timezone.utc) + timedelta(minutes=utc_offset_min)
        parts = {"year": f"{local.year:04d}"} | {name: f"{getattr(local, name):02d}" for name in ("month", "day", "hour", "minute")}
        return self.texts["date"].format_map(parts)


def _checked(path: Path, document: Any) -> tuple[dict[str, str], dict[str, str]]:
    if not isinstance(document, dict):
        raise BadInput("templates", f"{path} must be a JSON object")
    currencies = document.pop("currencies", None)
    if not isinstance(currencies, dict) or "other" not in currencies:
        raise BadInput("templates", f"currencies of {path} must be an object with 'other'")
    if set(document) != set(FIELDS):
        odd = sorted(set(document) ^ set(FIELDS))[0]
        raise BadInput("templates", f"{odd} of {path} is " + ("missing" if odd in FIELDS else "not known"))
    for name, text in [*document.items(), *(("currencies", text) for text in currencies.values())]:
        allowed = FIELDS.get(name, {"amount", "currency"})
        try:
            parts = list(Formatter().parse(text)) if isinstance(text, str) and 0 < len(text) <= TEXT_MAX else None
        except ValueError:
            parts = None
        if parts is None or any(kind or how for _, field, kind, how in parts if field is not None):
            raise BadInput("templates", f"{name} of {path} must be a text with plain fields in braces")
        for field in (field for _, field, _, _ in parts if field is not None):
            if field not in allowed:
                raise BadInput("templates", f"{name} of {path} has the field {{{field}}}: known are {', '.join(sorted(allowed)) or 'none'}")
    return currencies, document


def place_of(db: Database, account: int) -> Place:
    """By the newest tariff and policy kept here for the account, and its credit limit."""
    known = db.row("SELECT tariff, policy FROM accounts WHERE account = ?", account)
    tariff = _newest(db, 1, known["tariff"] if known else 0)
    policy = _newest(db, 2, known["policy"] if known else 0)
    steps = policy.get("notice", [])
    steps = steps if isinstance(steps, list) else [steps]
    limit_ucu = credit_limit_ucu(db, account)
    return Place(
        str(tariff.get("currency", "")),
        int(policy.get("utc_offset_min", tariff.get("utc_offset_min", 0))),
        _ucu(policy.get("floor", "0")) - limit_ucu,
        _ucu(policy.get("restore", "0")) - limit_ucu,
        any("text" in step.get("channels", []) for step in steps),
        limit_ucu,
    )


def _newest(db: Database, what: int, number: int) -> dict[str, Any]:
    row = db.row("SELECT text FROM documents WHERE what = ? AND id = ? ORDER BY version DESC LIMIT 1", what, number)
    found: dict[str, Any] = json.loads(bytes(row["text"])) if row else {}
    return found


def _ucu(text: str) -> int:
    """Of a document that was checked when it was kept."""
    whole, _, part = text.lstrip("-").partition(".")
    value = int(whole) * 1_000_000 + int(part.ljust(6, "0") or "0")
    return -value if text.startswith("-") else value
