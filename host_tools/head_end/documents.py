"""Tariff, policy and settings files as people write them, checked by pydantic: the sentence names the field.

A tariff with an unknown field is refused: a price we do not understand must not be charged. A policy with one is let
through with a warning: the gateway makes such accounts uncuttable, which is the safe side (design, section 5).
"""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from host_tools.head_end.amounts import parse_decimal, parse_limit
from host_tools.head_end.errors import BadInput
from host_tools.head_end.tariff_document import Tariff, read

RATIO_MAX = 60_000  # of transformers, current times voltage
TEXT_MAX = 3_000  # compact JSON; with its wrapping it must fit one packet of the gateway
Identity = Annotated[StrictInt, Field(ge=1, le=0xFFFFFFFF)]
Seconds = Annotated[StrictInt, Field(ge=0, le=366 * 86_400)]
Offset = Annotated[StrictInt, Field(ge=-14 * 60, le=14 * 60)]


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Notice(_Open):
    level: StrictStr
    period_s: Seconds
    channels: Annotated[list[StrictStr], Field(min_length=1)]

    @field_validator("level")
    @classmethod
    def _check_level(cls, text: str) -> str:
        _as_value_error(parse_limit, text)
        return text

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, names: list[str]) -> list[str]:
        return _each_once(names)


class Hours(_Open):
    days: Annotated[list[Annotated[StrictInt, Field(ge=1, le=7)]], Field(min_length=1, max_length=7)]
    start: Annotated[StrictStr, Field(alias="from", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    end: Annotated[StrictStr, Field(alias="to", pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]

    @field_validator("days")
    @classmethod
    def _check_days(cls, days: list[int]) -> list[int]:
        return _each_once(days)

    @model_validator(mode="after")
    def _not_empty(self) -> "Hours":
        if self.start == self.end:
            raise ValueError("'to' must differ from 'from'; a 'to' before 'from' means past midnight")
        return self


def _date(text: str) -> str:
    """Of the calendar of a policy: the gateway packs days into 16 bits."""
    try:
        good = len(text) == 10 and text.isascii() and date.fromisoformat(text).isoformat() == text
    except ValueError:
        good = False
    if not good or not "1970" <= text[:4] <= "2148":
        raise ValueError("must be a date such as 2026-10-01")
    return text


def _span(text: str) -> str:
    """One day, or two with a slash between."""
    first, slash, last = text.partition("/")
    if _date(first) > (_date(last) if slash else first):
        raise ValueError("ends before it begins")
    return text


Days = Annotated[list[Annotated[StrictStr, AfterValidator(_span)]], Field(max_length=128)]


class Calendar(_Open):
    until: Annotated[StrictStr, AfterValidator(_date)]
    holidays: Days = []
    hot_days: Days = []
    cold_days: Days = []


class Care(_Open):
    lead_days: Annotated[StrictInt, Field(ge=0, le=366)]


class Lifeline(_Open):
    power_w: Annotated[StrictInt, Field(ge=1, le=60_000)]


class Brake(_Open):
    accounts_max: Annotated[StrictInt, Field(ge=0, le=100_000)]
    share_percent: Annotated[StrictInt, Field(ge=0, le=100)]
    window_s: Annotated[StrictInt, Field(ge=1, le=366 * 86_400)]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Policy(_Open):
    policy: Identity
    version: Identity
    utc_offset_min: Offset
    notice: Annotated[list[Notice], BeforeValidator(_as_list), Field(min_length=1, max_length=4)]
    floor: StrictStr
    restore: StrictStr
    hours: Annotated[list[Hours], Field(max_length=32)]
    notice_hours: Annotated[list[Hours], Field(max_length=32)] | None = None
    care: Care | None = None
    emergency: StrictStr | None = None
    lifeline: Lifeline | None = None
    calendar: Calendar | None = None
    reading_fresh_s: Seconds
    clock_error_max_s: Seconds
    throttle_per_hour: Annotated[StrictInt, Field(ge=0, le=10_000)]
    brake: Brake
    offline_right_s: Annotated[StrictInt, Field(ge=0, le=0xFFFFFFFF)]
    alarm: StrictBool

    @field_validator("floor", "restore", "emergency")
    @classmethod
    def _check_money(cls, text: str | None) -> str | None:
        if text is not None:
            _as_value_error(parse_limit, text)
        return text

    @model_validator(mode="after")
    def _levels_in_order(self) -> "Policy":
        floor = parse_decimal(self.floor, 6, "floor")
        if parse_decimal(self.restore, 6, "restore") <= floor:
            raise ValueError("'restore' must be more than 'floor', or supply would be cut and restored at one balance")
        if self.emergency is not None and parse_decimal(self.emergency, 6, "emergency") < 0:
            raise ValueError("'emergency' must not be negative")
        levels = [parse_decimal(notice.level, 6, "notice.level") for notice in self.notice]
        if sorted(set(levels), reverse=True) != levels:
            raise ValueError("each 'notice.level' must be below the one before it")
        if sum("visit" in notice.channels for notice in self.notice) > 1:
            raise ValueError("only one 'notice.channels' may name a visit: there is one in an episode")
        if levels[-1] < floor:
            raise ValueError("'notice.level' must not be below 'floor': the notice comes before the cut")
        return self

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, value: Any) -> Any:
        """A field is there or left out; null is neither."""
        for name in ("notice_hours", "care", "calendar", "emergency", "lifeline"):
            if isinstance(value, dict) and name in value and value[name] is None:
                raise ValueError(f"'{name}' must not be null: leave it out")
        return value


class SiteMeter(_Open):
    account: Annotated[StrictInt, Field(ge=1, le=0xFFFFFFFE)]
    address: Annotated[StrictStr, Field(pattern="^[0-9]{12}$")]
    tariff: Identity
    policy: Identity
    model: StrictStr = ""
    protected: StrictBool = False
    care: StrictBool = False
    exempt: StrictBool = False
    arrives: StrictBool = False
    name: StrictStr = ""
    ratio: Annotated[StrictInt, Field(ge=1, le=RATIO_MAX)] = 1


class Site(_Open):
    gateway: Annotated[StrictStr, Field(pattern="^[A-Za-z0-9_-]{1,32}$")]
    meters: list[SiteMeter]


def _each_once(values: list[Any]) -> list[Any]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} stands there twice")
    return values


def _as_value_error(check: Any, *arguments: object) -> None:
    try:
        check(*arguments)
    except BadInput as fault:
        raise ValueError(str(fault)) from fault


def read_json(path: str) -> Any:
    """The file's JSON object. BadInput names the file; a name that stands twice in an object is refused."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInput("file", f"{path} cannot be read: {fault}") from fault
    try:
        return json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as fault:
        raise BadInput("file", f"{path} is no JSON: {fault}") from fault


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"field {name!r} stands twice")
    return dict(pairs)


def _no_constant(text: str) -> Any:
    raise ValueError(text + " is no number")


def check(model: type[BaseModel], value: Any) -> Any:
    """An instance of `model`; BadInput names the first wrong field."""
    if model is Tariff:
        return read(value)
    try:
        return model.model_validate(value)
    except ValidationError as fault:
        first = fault.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or model.__name__.lower()
        if isinstance(value, dict) and not isinstance(value.get("notice"), list) and field.startswith("notice.0"):
            field = "notice" + field.removeprefix("notice.0")  # it stands there alone
        sentence = _SENTENCES.get(first["type"])
        raise BadInput(field, sentence or first["msg"].removeprefix("Value error, ")) from fault


_SENTENCES = {
    "extra_forbidden": "is unknown",
    "missing": "is missing",
    "model_type": "must be a JSON object with named fields",
    "int_type": "must be a whole number",
    "string_type": 'must be text in quotes, such as "0.5500"',
    "bool_type": "must be true or false",
    "list_type": "must be a list",
}


def unknown_fields(model: BaseModel, where: str = "") -> list[str]:
    """Names of fields this version does not know, with their place."""
    found = [where + name for name in model.model_extra or {}]
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, BaseModel):
                found += unknown_fields(item, where + name + ".")
    return found


def compact(value: Any) -> bytes:
    """The text that is sent, stored and digested."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()
    if len(text) > TEXT_MAX:
        raise BadInput("file", f"is too long: {len(text)} bytes of compact JSON, at most {TEXT_MAX}")
    return text


def digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:8]
