"""The site file: what it may say, checked by pydantic, and one plain sentence when it is wrong.

A meter names a model (see models.py) and overrides what differs; unknown fields are refused, so a typing
error never becomes a silent default.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from host_tools.simulators.models import MODELS

Address = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
HexByte = Annotated[str, Field(pattern=r"^[0-9A-F]{2}$")]
Cwh = Annotated[int, Field(ge=0, lt=100_000_000)]
YEARS_S = 20 * 366 * 86_400  # a clock further off than this stands in no calendar of a meter
Probability = Annotated[float, Field(ge=0, le=1)]
Watts = Annotated[int, Field(ge=-79_999, le=79_999)]  # below zero feeds back
Baud = Literal[600, 1200, 2400, 4800, 9600, 19200]
FaultKind = Literal["drop", "flip", "truncate", "echo", "late", "collision", "noise"]


class SiteFileError(Exception):
    """One sentence that names the field."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StepsCfg(Strict):
    steps: Annotated[list[tuple[Annotated[int, Field(ge=0)], Watts]], Field(min_length=1)]
    repeat_s: Annotated[int, Field(gt=0)] | None = None


class RandomRange(Strict):
    min_w: Watts
    max_w: Watts
    period_s: Annotated[int, Field(gt=0)] = 60
    seed: int = 0

    @model_validator(mode="after")
    def _ordered(self) -> RandomRange:
        if self.min_w > self.max_w:
            raise ValueError("min_w must not exceed max_w")
        return self


class RandomCfg(Strict):
    random: RandomRange


def _load_kind(given: Any) -> str:
    if isinstance(given, RandomCfg) or (isinstance(given, dict) and "random" in given):
        return "Random"
    return "Steps" if isinstance(given, (StepsCfg, dict)) else "Constant"


# The tags begin with a capital so that `sentence` can tell them from fields.
LoadCfg = Annotated[
    Annotated[Watts, Tag("Constant")]
    | Annotated[StepsCfg, Tag("Steps")]
    | Annotated[RandomCfg, Tag("Random")],
    Discriminator(_load_kind),
]


class ClockCfg(Strict):
    offset_s: Annotated[int, Field(gt=-YEARS_S, lt=YEARS_S)] = 0
    drift_ppm: Annotated[int, Field(gt=-100_000, lt=100_000)] = 0
    state: Literal["ok", "lost", "invalid"] = "ok"


class PurseCfg(Strict):
    kind: Literal["energy", "money"]
    balance: int = 0  # 0.01 kWh or 0.01 currency; negative is overdrawn


class RelayCfg(Strict):
    method: Literal["1C", "none"] = "1C"
    close_code: Literal["1B", "1C"] = "1C"  # "1B": the meter does not know 1C
    needs_button: bool = False  # 1B only arms
    delay_ms: Annotated[int, Field(ge=0)] = 200
    trip_delay_min: Annotated[int, Field(ge=0, le=99)] = 0
    initially_open: bool = False
    keep_power: bool = False
    welded: bool = False
    reply_words: bool = False
    plaintext: Literal["all", "close_only", "none"] = "all"
    passwords: dict[HexByte, Annotated[str, Field(pattern=r"^[0-9]{6}$")]] = {"02": "000000"}
    lock_after: Annotated[int, Field(ge=0)] = 0  # wrong passwords a day before suspension; 0 never


class LimitCfg(Strict):
    """A register for a load limit: no standard has one. BCD of `bytes`, in steps of `unit_w`; `none` stands for no limit."""

    di: Annotated[str, Field(pattern=r"^[0-9A-F]{8}$")] = "04EE0101"
    bytes: Annotated[int, Field(ge=1, le=4)] = 3
    unit_w: Annotated[int, Field(ge=1, le=1000)] = 10
    none: Annotated[int, Field(ge=0)] = 999_999
    react_ms: Annotated[int, Field(ge=0)] = 2_000  # how long more may flow
    off_s: Annotated[int, Field(ge=1)] = 60  # how long the relay then stays open
    initial: Annotated[int, Field(ge=0)] | None = None  # steps that somebody wrote before; none when not given
    refuses: bool = False  # a write, as with a wrong password
    keeps: bool = False  # a write is acknowledged and changes nothing


class MeterCfg(Strict):
    address: Address
    model: str = "export_single"
    protocol: Literal["2007", "1997"] = "2007"
    meter_number: Address | None = None  # the address when not given
    baud: Baud | None = None  # the line's when not given
    silent: bool = False
    load: LoadCfg = 1000
    energy_speed: Annotated[int, Field(ge=0)] | None = None
    phases: Literal[1, 3] = 1
    voltage_dv: Annotated[int, Field(ge=0, lt=8000)] = 2300
    rates: Annotated[int, Field(ge=0, le=4)] = 0
    schedule: list[tuple[Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")], int]] = [("00:00", 1)]
    forward_cwh: Cwh = 0
    forward_rates_cwh: list[Cwh] = []
    reverse_cwh: Cwh = 0
    combined_mode: Annotated[int, Field(ge=0, le=15)] = 5
    history_days: Annotated[int, Field(ge=0, le=400)] = 0
    history_daily_cwh: Annotated[int, Field(ge=0)] = 800
    daily_freezes: bool = True
    settlement_day: Annotated[str, Field(pattern=r"^[0-9]{4}$")] = "0100"
    clock: ClockCfg = ClockCfg()
    relay: RelayCfg = RelayCfg()
    purse: PurseCfg | None = None
    load_limit: LimitCfg | None = None
    status_extended: bool = True  # false: bits 5-15 of status word 3 are reserved
    status3_or: Annotated[int, Field(ge=0, le=0xFFFF)] = 0
    refuse_blocks: bool = False
    max_data: Annotated[int, Field(ge=16, le=200)] = 200
    preamble: Annotated[int, Field(ge=0, le=4)] | Literal["echo"] = 4
    reply_delay_ms: Annotated[int, Field(ge=0, le=10_000)] = 40
    reply_jitter_ms: Annotated[int, Field(ge=0, le=10_000)] = 10
    wildcard_echo: bool = False
    baud_locked: bool = False
    programming_key: bool = False
    extra_items: dict[
        Annotated[str, Field(pattern=r"^[0-9A-F]{8}$")], Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}){0,196}$")]
    ] = {}

    @model_validator(mode="before")
    @classmethod
    def _merge_model(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        name = given.get("model", "export_single")
        if not isinstance(name, str) or name not in MODELS:
            raise ValueError(f"model {name!r} is unknown, choose one of {', '.join(sorted(MODELS))}")
        return _merged(MODELS[name].settings, given)

    @model_validator(mode="after")
    def _consistent(self) -> MeterCfg:
        if self.load_limit is not None and self.relay.method == "none":
            raise ValueError("load_limit needs a relay that the meter can open")
        if len(self.forward_rates_cwh) > self.rates:
            raise ValueError("forward_rates_cwh has more entries than rates")
        if any(not 1 <= rate <= max(1, self.rates) for _, rate in self.schedule):
            raise ValueError("schedule names a rate that the meter does not have")
        starts = [start for start, _ in self.schedule]
        if not starts or starts[0] != "00:00" or starts != sorted(set(starts)):
            raise ValueError("schedule must start at 00:00 and ascend")
        return self


class FaultCfg(Strict):
    """probability: on each reply, for ever; count: on the next `count` replies. `ms`: for late."""

    kind: FaultKind
    probability: Probability = 0.0
    count: Annotated[int, Field(ge=0)] = 0
    meter: Address | None = None
    ms: Annotated[int, Field(ge=0, le=60_000)] = 1500


def _in_range(at: datetime) -> datetime:
    if not 2000 <= at.year <= 2099:
        raise ValueError("must be in the years 2000 to 2099, which is all that a meter's clock can say")
    return at


class LineCfg(Strict):
    baud: Baud = 2400
    baud_from_termios: bool = False
    driver_release_ms: Annotated[int, Field(ge=0, le=1000)] = 0
    echo: bool = False
    seed: int = 1
    faults: list[FaultCfg] = []


class SiteCfg(Strict):
    line: LineCfg = LineCfg()
    utc_offset_s: Annotated[int, Field(gt=-86_400, lt=86_400)] = 0
    start_local: Annotated[datetime, AfterValidator(_in_range)] | None = None  # wall time at start, else the machine's
    energy_speed: Annotated[int, Field(ge=0)] = 1
    meters: Annotated[list[MeterCfg], Field(min_length=1, max_length=250)]


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        out[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return out


def sentence(error: ValidationError) -> str:
    """The first complaint of pydantic as one sentence with the path of the field."""
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"] if not re.match("[A-Z][a-z]", str(part))]
    where = ".".join(parts) or "the document"
    given = first["input"]
    if first["type"] == "extra_forbidden":
        return f"{where}: no such field"
    if first["type"] == "missing":
        return f"{where}: is missing"
    got = f", got {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{got}"


def parse_site(document: Any) -> SiteCfg:
    """SiteFileError when the document is not a site."""
    try:
        return SiteCfg.model_validate(document)
    except ValidationError as error:
        raise SiteFileError(sentence(error)) from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"field {name!r} stands twice")
    return dict(pairs)


def load_site(path: str | Path) -> SiteCfg:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_no_twins)
    except OSError as error:
        raise SiteFileError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SiteFileError(f"{path}: not JSON, {error}") from None
    try:
        return parse_site(document)
    except SiteFileError as error:
        raise SiteFileError(f"{path}: {error}") from None
