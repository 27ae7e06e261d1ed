"""The site file: which meters hang on this line, who pays for them, where the head-end is (DESIGN: bad input from people).

Everything is checked before anything is used; the first fault is one sentence that names its field, as
`meters[3].address`. `poll_period_s` and `uplink.keep_alive_s` are the limits poll_period_ms and mqtt_keep_alive_s under the
names that people use; any other limit may stand in `limits`.

Trap avoided: two meters with one address answer at the same time and bill each other; two meters of one account would
share a balance that nobody meant to share. Both are refused.
"""

from firmware.base.decimal_text import shown
from firmware.base.document import Fields, read_document
from firmware.base.faults import BadInput
from firmware.base.limits import Limits, limit_names
from firmware.base.port import const
from firmware.settings.meter_list import MeterList, MeterSettings

ACCOUNT_MAX = const(0xFFFFFFFE)
RATIO_MAX = const(60_000)  # of transformers: 10 kV and 3,000 A are that much
ID_MAX = const(0xFFFFFFFF)
NAME_MAX = const(32)
HOST_MAX = const(253)
FILE_NAME_MAX = const(32)
APN_MAX = const(100)
SECRET_MAX = const(64)
BAUDS = (1200, 2400, 4800, 9600, 19200)
FLAG_PROTECTED = const(1)  # SPEC 4
FLAG_CARE = const(2)
FLAG_EXEMPT = const(4)
FLAG_ELSEWHERE = const(2048)
LEVELS_MAX = const(99)  # two BCD digits
ONE_AT_LEAST = ("accounts_max", "cuts_remembered_max", "tariff_versions_max", "policy_versions_max")  # tables made at start
LIMIT_VALUE_MAX = const(0x7FFFFFFF)


class TlsSettings:
    """Names of files in the gateway's folder, in DER: `ca`, `certificate` and `key` (both or neither: None); `name` of the server."""


class ModemSettings:
    """What the network operator gave: `apn`; `pin`, `user`, `password`, None when there is none."""


class Settings:
    """The checked site file; `limits` is a base Limits object, `meters` a MeterList in file order."""


def parse_settings(source, models=None, usual=()):
    """JSON text, bytes or binary file -> Settings. `models`: names of the meter models that exist, None = not checked.
    `usual`: ((limit, value), ...) that this board has in place of the general ones."""
    settings = Settings()
    settings.meters = MeterList()
    faults = []

    def keep(item, path):
        try:
            if not faults:
                settings.meters.add(_meter(item, path, models))
        except BadInput as fault:
            faults.append(fault)  # told in its turn: people mend a file from its beginning

    fields = Fields(read_document(source, "settings", {"meters": keep}))
    settings.gateway = _gateway(fields)
    uplink = fields.take_fields("uplink")
    settings.host = _host(uplink)
    settings.port = uplink.take_int("port", 1, 65535)
    overrides = {"mqtt_keep_alive_s": uplink.take_int("keep_alive_s", 5, 65535)}
    settings.tls = _tls(uplink)
    settings.modem = _modem(uplink)
    uplink.finish()
    line = fields.take_fields("line")
    settings.baud = line.take("baud")
    if settings.baud not in BAUDS or type(settings.baud) is not int:
        raise BadInput("line.baud", "must be one of " + str(BAUDS) + ", got " + shown(settings.baud))
    settings.sets_meter_clocks = line.take_flag("sets_meter_clocks", False)  # a utility's terminal on the same pair does it, too
    line.finish()
    overrides["poll_period_ms"] = fields.take_int("poll_period_s", 1, 86400) * 1000
    settings.utc_offset_min = fields.take_int("utc_offset_min", -840, 840)
    settings.limits = _limits(fields, overrides, usual)
    fields.take_list("meters", min(settings.limits.meters_max, settings.limits.accounts_max))
    for fault in faults:
        raise fault
    fields.finish()
    _refuse_twins(settings.meters, "account")
    _refuse_twins(settings.meters, "serial")
    return settings


def _limits(fields, overrides, usual):
    """`overrides` from their own fields, the rest from `limits`; a limit that has its own field is refused there."""
    inner = fields.take_fields("limits", {})
    for name in limit_names():
        if not inner.has(name):
            continue
        if name in overrides:
            own = "poll_period_s" if name == "poll_period_ms" else "uplink.keep_alive_s"
            raise BadInput(inner.at(name), "is set by " + own)
        overrides[name] = inner.take_int(name, 1 if name in ONE_AT_LEAST else 0, LIMIT_VALUE_MAX)
    for path in inner.unknown():
        raise BadInput(path, "there is no such limit")
    for name, value in usual:
        overrides.setdefault(name, value)
    return Limits(**overrides)


def _meter(value, path, models):
    fields = Fields(value, path)
    meter = MeterSettings()
    meter.account = fields.take_int("account", 1, ACCOUNT_MAX)
    meter.address = _digits(fields, "address", 12)
    if meter.address in ("0" * 12, "9" * 12):
        raise BadInput(fields.at("address"), "must not be all " + meter.address[0] + ": that is no meter")
    meter.serial = _low_first(meter.address)
    meter.model = fields.take_text("model", NAME_MAX)
    if models is not None and meter.model not in models:
        raise BadInput(fields.at("model"), "is not a model that is known here: " + shown(meter.model))
    meter.password_level = fields.take_int("password_level", 0, LEVELS_MAX)
    meter.password = _low_first(_digits(fields, "password", 6))
    meter.tariff = fields.take_int("tariff", 1, ID_MAX)
    meter.policy = fields.take_int("policy", 1, ID_MAX)
    meter.flags = FLAG_PROTECTED if fields.take_flag("protected") else 0
    meter.flags |= FLAG_CARE if fields.take_flag("care") else 0
    meter.flags |= FLAG_EXEMPT if fields.take_flag("exempt") else 0
    meter.flags |= FLAG_ELSEWHERE if fields.has("arrives") and fields.take_flag("arrives") else 0
    meter.ratio = fields.take_int("ratio", 1, RATIO_MAX) if fields.has("ratio") else 1
    fields.finish()
    return meter


def _refuse_twins(meters, name):
    first_at = {}
    for index in range(len(meters)):
        value = meters.get(index, name)
        if value in first_at:
            field = "address" if name == "serial" else name  # the same digits, as people wrote them
            where = "meters[" + str(first_at[value]) + "]." + field
            text = str(getattr(meters[index], field))
            raise BadInput("meters[" + str(index) + "]." + field, text + " stands at " + where + " already")
        first_at[value] = index


def _gateway(fields):
    # the name becomes part of MQTT topics, so no wildcard and no level separator
    name = fields.take_text("gateway", NAME_MAX)
    for char in name:
        if char not in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_":
            raise BadInput("gateway", "may have letters, digits, - and _ only, got " + shown(name))
    return name


def _host(fields, name="host"):
    host = fields.take_text(name, HOST_MAX)
    for char in host:
        if char <= " " or char > "~" or char in "/@":
            raise BadInput(fields.at(name), "must be a host name or address, got " + shown(host))
    return host


def _tls(uplink):
    if not uplink.has("tls"):
        return None
    fields = uplink.take_fields("tls")
    tls = TlsSettings()
    tls.ca = _file_name(fields, "ca")
    tls.name = _host(fields, "name")
    tls.certificate = _file_name(fields, "certificate") if fields.has("certificate") else None
    tls.key = _file_name(fields, "key") if fields.has("key") else None
    fields.finish()
    for name, other in (("certificate", tls.key), ("key", tls.certificate)):
        if other is not None and not fields.has(name):
            raise BadInput(fields.at(name), "is missing: a certificate and its key stand together")
    return tls


def _modem(uplink):
    if not uplink.has("modem"):
        return None
    fields = uplink.take_fields("modem")
    modem = ModemSettings()
    modem.apn = _plain(fields, "apn", APN_MAX)
    modem.pin = _plain(fields, "pin", 8) if fields.has("pin") else None
    if modem.pin is not None and (len(modem.pin) < 4 or not all("0" <= char <= "9" for char in modem.pin)):
        raise BadInput(fields.at("pin"), "must be 4 to 8 digits in quotes")
    modem.user = _plain(fields, "user", SECRET_MAX) if fields.has("user") else None
    modem.password = _plain(fields, "password", SECRET_MAX) if fields.has("password") else None
    fields.finish()
    if (modem.user is None) != (modem.password is None):
        raise BadInput(fields.at("password" if modem.password is None else "user"), "is missing: user and password stand together")
    return modem


def _plain(fields, name, length_max):
    """Printable ASCII without quotes: it becomes part of an AT command. A secret is not repeated into a log."""
    text = fields.take_text(name, length_max)
    for char in text:
        if char < " " or char > "~" or char == '"':
            raise BadInput(fields.at(name), "may have printable ASCII without quotes only")
    return text


def _file_name(fields, name):
    # a file of the gateway's folder and nothing else: no path, none of the gateway's own files
    text = fields.take_text(name, FILE_NAME_MAX)
    for char in text:
        if char not in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.":
            raise BadInput(fields.at(name), "must be a plain file name, got " + shown(text))
    if not text.endswith(".der") or text[0] == ".":
        raise BadInput(fields.at(name), "must be a file name that ends with .der, got " + shown(text))
    return text


def _digits(fields, name, count):
    text = fields.take(name)
    good = type(text) is str and len(text) == count
    if good:
        for char in text:
            good = good and char in "0123456789"
    if not good:
        what = "a password" if name == "password" else shown(text)  # a secret is not repeated into a log
        raise BadInput(fields.at(name), "must be " + str(count) + " digits in quotes, got " + what)
    return text


def _low_first(digits):
    """ "123456" -> bytes 56 34 12 (BCD)."""
    count = len(digits) // 2
    return bytes([int(digits[2 * i : 2 * i + 2], 16) for i in range(count - 1, -1, -1)])
