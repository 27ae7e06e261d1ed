"""What the installer and the head-end set, checked. Every fault is one sentence that names its field: BadInput(field, sentence).

settings.json (strict: unknown or missing fields are refused; `limits` may be left out):

    {"gateway": "gw-001", "uplink": {"host": "127.0.0.1", "port": 1883, "keep_alive_s": 60}, "line": {"baud": 2400},
     "poll_period_s": 900, "utc_offset_min": 480,
     "meters": [{"account": 1001, "address": "000000000001", "model": "export_1p", "password_level": 2, "password": "000000",
                 "tariff": 1, "policy": 1, "protected": false, "care": false, "exempt": false}],
     "limits": {"poll_period_ms": 60000}}

`uplink` may have besides:
    "tls": {"ca": "ca.der", "name": "broker.example", "certificate": "client.der", "key": "client_key.der"}   the last two or neither
    "modem": {"apn": "internet", "pin": "1234", "user": "u", "password": "p"}                                all but apn may be left out

settings.py        `parse_settings(source, models=None) -> Settings` (source: text, bytes or a binary file): `gateway`, `host`, `port`,
                   `tls` (None or TlsSettings: `ca`, `name`, `certificate`, `key`), `modem` (None or ModemSettings: `apn`, `pin`,
                   `user`, `password`), `baud`, `utc_offset_min`, `limits` (base Limits, overrides applied; poll_period_s and
                   keep_alive_s set poll_period_ms and mqtt_keep_alive_s), `meters` (a MeterList).
                   `models`: names that exist; None = not checked.
meter_list.py      `MeterList`: packed; `meters[index]` makes a MeterSettings: `account`, `serial` (b6, low byte first), `address`
                   (12 digits), `model`, `password_level`, `password` (b3, low byte first), `tariff`, `policy`, `flags` (SPEC 4 bits
                   0-2); `get(index, name)` tells one number or the serial without making one.
settings_store.py  `SettingsStore(root)`: `read_settings(models=None) -> Settings` (BadInput when missing), `read_key() -> b32` (file `key`:
                   64 hex digits or 32 raw bytes), `replace(name, data)` (bytes or text; write temp, flush, rename),
                   `read(name) -> bytes or None`, `remove(name)`, `documents(kind) -> [(id, version, name)]` sorted, kind "tariff" or
                   "policy", `document_name(kind, id, version)` -> "tariff_1_2.json". Torn temps (*.new) are removed at start.
                   Only settings.json, key, tariff_I_V.json, policy_I_V.json are names here: others are BadInput("name").
"""
