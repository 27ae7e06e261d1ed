"""The file of a meter model, JSON, checked: models/*.json. Loaded for the call only (base/rare.py)."""

from firmware.base.document import Fields
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.base.questions import COVER, TERMINAL_COVER
from firmware.meters.model import (
    COMBINED,
    FORWARD_ACTIVE,
    PROTOCOL_1997,
    PROTOCOL_2007,
    RATES_MAX,
    RELAY_1C,
    RELAY_ENCRYPTED,
    RELAY_NONE,
    Model,
)

BAUDS = (600, 1200, 2400, 4800, 9600, 19200)
FORWARD_ROLLOVER_KWH = const(1_000_000)  # 999999.99, then 0
COMBINED_ROLLOVER_KWH = const(800_000)  # the top bit is the sign
_PURSES = ("none", "energy", "money")


def load_model(document, name="model"):
    """Parsed JSON object -> Model. BadInput names the field; fields that are not known here are refused."""
    fields = Fields(document)
    model = Model()
    model.name = fields.take_text("name", 32)
    model.about = fields.take_text("about", 200)
    model.protocol = _one_of(fields, "protocol", (PROTOCOL_2007, PROTOCOL_1997))
    model.is_1997 = model.protocol == PROTOCOL_1997
    _take_line(fields, model)
    _take_registers(fields, model)
    _take_relay(fields, model)
    if fields.has("load_limit"):
        _take_limit(fields.take_fields("load_limit"), model)
    fields.finish()
    _check_1997(model)
    if name != "model" and model.name != name:
        raise BadInput("name", 'must be "' + name + '", the name of its file')
    return model


def _take_line(fields, model):
    model.baud = fields.take("baud")
    if type(model.baud) is not int or model.baud not in BAUDS:
        raise BadInput("baud", "must be one of " + ", ".join([str(baud) for baud in BAUDS]))
    model.preamble = fields.take_int("preamble", 0, 8, 4)
    model.reply_start_timeout_ms = fields.take_int("reply_start_timeout_ms", 50, 10_000, 800)
    model.inter_byte_timeout_ms = fields.take_int("inter_byte_timeout_ms", 20, 2_000, 100)
    model.quiet_ms = fields.take_int("quiet_ms", 0, 2_000, 60)


def _take_registers(fields, model):
    model.billing_register = _one_of(fields, "billing_register", (FORWARD_ACTIVE, COMBINED))
    combined = model.billing_register == COMBINED
    widest_kwh = COMBINED_ROLLOVER_KWH if combined else FORWARD_ROLLOVER_KWH
    model.modulus_cwh = fields.take_int("rollover_kwh", 10_000, widest_kwh, widest_kwh) * 100
    model.rates = fields.take_int("rates", 0, RATES_MAX)
    model.block_reads = fields.take_flag("block_reads", True)
    model.joined_clock = fields.take_flag("joined_clock", False)
    model.power_read = fields.take_flag("power_read", True)
    model.daily_freezes = fields.take_int("daily_freezes", 0, 254)
    if combined and model.daily_freezes:
        raise BadInput("daily_freezes", "must be 0: freezes hold no combined register")
    model.settlements = fields.take_int("settlements", 0, 12, 0)  # settlement-day registers kept
    model.covers = COVER if fields.take_flag("cover_count", False) else 0
    model.covers |= TERMINAL_COVER if fields.take_flag("terminal_cover_count", False) else 0
    model.phases = fields.take_int("phases", 1, 3)
    if model.phases == 2:
        raise BadInput("phases", "must be 1 or 3, got 2")
    model.max_current_a = fields.take_int("max_current_a", 1, 1_000)


def _take_relay(fields, model):
    model.relay_method = _one_of(fields, "relay_method", (RELAY_NONE, RELAY_1C, RELAY_ENCRYPTED))
    has_relay = model.relay_method == RELAY_1C
    model.close_code = _one_of(fields, "close_code", ("1B", "1C"), None if has_relay else "1C")
    model.close_code_n1 = 0x1B if model.close_code == "1B" else 0x1C
    model.needs_button = fields.take_flag("needs_button", False)
    if model.needs_button and model.close_code != "1B":
        raise BadInput("needs_button", "goes with close_code 1B only: 1C closes directly")
    model.trip_delay_max_min = fields.take_int("trip_delay_max_min", 0, 60, 0)
    model.status_bytes = fields.take_int("status_bytes", 0, 2, 2)
    model.status_extended = fields.take_flag("status_extended", True)
    model.command_bit = fields.take_flag("command_bit", model.status_extended)
    model.alarm = fields.take_flag("alarm", False)
    model.purse = _one_of(fields, "purse", _PURSES, "none")
    model.purse_kept = model.purse != "none"
    if has_relay and model.status_bytes != 2:
        raise BadInput("status_bytes", "must be 2: a relay that cannot be read back must not be ordered")
    if model.status_bytes == 1:
        raise BadInput("status_bytes", "must be 0 or 2, got 1")
    if model.command_bit and not model.status_extended:
        raise BadInput("command_bit", "needs status_extended: bit 6 is reserved in the base standard")
    if model.alarm and not has_relay:
        raise BadInput("alarm", "is ordered by the relay command, which this model has not")


def _take_limit(fields, model):
    """A register of the vendor's: no standard has one, so all of it is said here."""
    text = fields.take_text("di", 8)
    if len(text) != 8 or any(char not in "0123456789ABCDEF" for char in text) or "FF" in (text[0:2], text[2:4], text[4:6], text[6:]):
        raise BadInput(fields.at("di"), "must be eight hex digits in capitals, DI3 first, none of its bytes FF")
    model.limit_di = int(text, 16)
    if not model.limit_di:
        raise BadInput(fields.at("di"), "must not be 00000000")
    model.limit_bytes = fields.take_int("bytes", 1, 4)  # BCD
    model.limit_unit_w = fields.take_int("unit_w", 1, 1_000)
    model.limit_none = fields.take_int("none", 0, 10 ** (2 * model.limit_bytes) - 1)
    fields.finish()
    if model.relay_method != RELAY_1C:
        raise BadInput("load_limit", "needs a relay that can be ordered: supply is restored by both")
    if not model.power_read:
        raise BadInput("load_limit", "needs power_read: a limit that is not obeyed shows in nothing else")


def _check_1997(model):
    """The old edition has neither relay nor freezes nor status word 3."""
    if not model.is_1997:
        return
    for field, wrong in (
        ("relay_method", model.relay_method == RELAY_1C),
        ("daily_freezes", model.daily_freezes > 0),
        ("settlements", model.settlements > 0),
        ("status_bytes", model.status_bytes > 0),
        ("cover_count", model.covers & COVER > 0),
        ("terminal_cover_count", model.covers & TERMINAL_COVER > 0),
        ("billing_register", model.billing_register == COMBINED),
    ):
        if wrong:
            raise BadInput(field, "is not possible with " + PROTOCOL_1997)


def _one_of(fields, name, allowed, default=None):
    value = fields.take(name) if default is None else fields.take(name, default)
    if type(value) is not str or value not in allowed:
        raise BadInput(fields.at(name), "must be one of " + ", ".join(allowed))
    return value
