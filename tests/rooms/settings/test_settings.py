"""The site file: what it becomes, and a sentence with the field for everything that is wrong."""

import json

from firmware.base.faults import BadInput
from firmware.settings.settings import parse_settings
from tests.kit import cases, eq, raises


def meter(number):
    return {
        "account": 1000 + number,
        "address": "00000000%04d" % number,
        "model": "export_1p",
        "password_level": 2,
        "password": "123456",
        "tariff": 1,
        "policy": 1,
        "protected": False,
        "care": False,
        "exempt": False,
    }


def fields():
    return {
        "gateway": "gw-001",
        "uplink": {"host": "127.0.0.1", "port": 1883, "keep_alive_s": 60},
        "line": {"baud": 2400},
        "poll_period_s": 900,
        "utc_offset_min": 480,
        "meters": [meter(1), meter(2), meter(3), meter(4)],
        "limits": {"read_retries": 1},
    }


def put(path, value):
    document = fields()
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(document)


def test_a_site_file_becomes_settings():
    document = fields()
    document["meters"][0]["address"] = "120000005678"
    document["meters"][1]["care"] = document["meters"][1]["protected"] = True
    document["meters"][2]["exempt"] = True
    got = parse_settings(json.dumps(document), ("export_1p",))
    eq((got.gateway, got.host, got.port, got.baud, got.utc_offset_min), ("gw-001", "127.0.0.1", 1883, 2400, 480))
    eq((got.limits.poll_period_ms, got.limits.mqtt_keep_alive_s, got.limits.read_retries), (900_000, 60, 1))
    first = got.meters[0]
    eq((first.account, first.address, first.model), (1001, "120000005678", "export_1p"))
    eq((first.serial, first.password, first.password_level), (b"\x78\x56\x00\x00\x00\x12", b"\x56\x34\x12", 2))
    eq((first.tariff, first.policy), (1, 1))
    eq([m.flags for m in got.meters], [0, 3, 4, 0])


def test_tls_and_modem_may_stand_in_the_uplink_and_are_none_otherwise():
    plain = parse_settings(json.dumps(fields()))
    eq((plain.tls, plain.modem), (None, None))
    document = fields()
    document["uplink"]["tls"] = {"ca": "ca.der", "name": "broker.example"}
    document["uplink"]["modem"] = {"apn": "internet"}
    got = parse_settings(json.dumps(document))
    eq((got.tls.ca, got.tls.name, got.tls.certificate, got.tls.key), ("ca.der", "broker.example", None, None))
    eq((got.modem.apn, got.modem.pin, got.modem.user, got.modem.password), ("internet", None, None, None))
    document["uplink"]["tls"].update({"certificate": "client.der", "key": "client_key.der"})
    document["uplink"]["modem"].update({"pin": "0123", "user": "u", "password": "p"})
    got = parse_settings(json.dumps(document))
    eq((got.tls.certificate, got.tls.key), ("client.der", "client_key.der"))
    eq((got.modem.pin, got.modem.user, got.modem.password), ("0123", "u", "p"))


def test_a_pin_is_never_repeated_in_a_sentence():
    fault = raises(BadInput, parse_settings, put(("uplink", "modem"), {"apn": "a", "pin": "98765x"}))
    eq("98765" in str(fault), False)


def test_limits_may_be_left_out():
    eq(parse_settings(put(("limits",), None)).limits.read_retries, 2)


def test_every_required_field_is_named_when_it_is_missing():
    def check(path, name):
        eq(raises(BadInput, parse_settings, put(path, None)).field, name)

    rows = [((name,), name) for name in fields() if name != "limits"]
    rows += [(("uplink", name), "uplink." + name) for name in fields()["uplink"]]
    rows += [(("line", "baud"), "line.baud")]
    rows += [(("meters", 3, name), "meters[3]." + name) for name in meter(1)]
    cases(rows, check)


def test_every_wrong_field_is_named():
    def check(path, value, name):
        fault = raises(BadInput, parse_settings, put(path, value), ("export_1p",))
        eq(fault.field, name, str(fault))

    cases(
        (
            (("gateway",), "", "gateway"),
            (("meters", 1, "ratio"), 0, "meters[1].ratio"),
            (("meters", 1, "ratio"), 60_001, "meters[1].ratio"),
            (("meters", 1, "ratio"), "40", "meters[1].ratio"),
            (("meters", 1, "ratio"), True, "meters[1].ratio"),
            (("gateway",), "a/b", "gateway"),
            (("gateway",), "gw+", "gateway"),
            (("gateway",), "x" * 33, "gateway"),
            (("gateway",), 5, "gateway"),
            (("uplink",), [], "uplink"),
            (("uplink", "host"), "a b", "uplink.host"),
            (("uplink", "port"), 0, "uplink.port"),
            (("uplink", "port"), 65536, "uplink.port"),
            (("uplink", "port"), "1883", "uplink.port"),
            (("uplink", "keep_alive_s"), 0, "uplink.keep_alive_s"),
            (("uplink", "tls"), True, "uplink.tls"),
            (("uplink", "tls"), {}, "uplink.tls.ca"),
            (("uplink", "tls"), {"ca": "ca.der"}, "uplink.tls.name"),
            (("uplink", "tls"), {"ca": "../ca.der", "name": "a"}, "uplink.tls.ca"),
            (("uplink", "tls"), {"ca": "ca.pem", "name": "a"}, "uplink.tls.ca"),
            (("uplink", "tls"), {"ca": ".der", "name": "a"}, "uplink.tls.ca"),
            (("uplink", "tls"), {"ca": "x" * 29 + ".der", "name": "a"}, "uplink.tls.ca"),
            (("uplink", "tls"), {"ca": "ca.der", "name": "a b"}, "uplink.tls.name"),
            (("uplink", "tls"), {"ca": "ca.der", "name": "a", "certificate": "c.der"}, "uplink.tls.key"),
            (("uplink", "tls"), {"ca": "ca.der", "name": "a", "key": "k.der"}, "uplink.tls.certificate"),
            (("uplink", "tls"), {"ca": "ca.der", "name": "a", "verify": False}, "uplink.tls.verify"),
            (("uplink", "modem"), [], "uplink.modem"),
            (("uplink", "modem"), {}, "uplink.modem.apn"),
            (("uplink", "modem"), {"apn": 'a"b'}, "uplink.modem.apn"),
            (("uplink", "modem"), {"apn": "a\rATH"}, "uplink.modem.apn"),
            (("uplink", "modem"), {"apn": "a", "pin": 1234}, "uplink.modem.pin"),
            (("uplink", "modem"), {"apn": "a", "pin": "123"}, "uplink.modem.pin"),
            (("uplink", "modem"), {"apn": "a", "pin": "123a"}, "uplink.modem.pin"),
            (("uplink", "modem"), {"apn": "a", "user": "u"}, "uplink.modem.password"),
            (("uplink", "modem"), {"apn": "a", "password": "p"}, "uplink.modem.user"),
            (("line", "baud"), 2401, "line.baud"),
            (("line", "baud"), "2400", "line.baud"),
            (("line", "parity"), "even", "line.parity"),
            (("poll_period_s",), 0, "poll_period_s"),
            (("poll_period_s",), 1.5, "poll_period_s"),
            (("utc_offset_min",), 2000, "utc_offset_min"),
            (("meters",), {}, "meters"),
            (("meters",), [meter(i) for i in range(65)], "meters"),
            (("meters", 3), 7, "meters[3]"),
            (("meters", 3, "account"), 0, "meters[3].account"),
            (("meters", 3, "account"), 4294967295, "meters[3].account"),
            (("meters", 3, "account"), 1002, "meters[3].account"),
            (("meters", 3, "address"), "00000000000", "meters[3].address"),
            (("meters", 3, "address"), "0000000000AA", "meters[3].address"),
            (("meters", 3, "address"), "000000000000", "meters[3].address"),
            (("meters", 3, "address"), "999999999999", "meters[3].address"),
            (("meters", 3, "address"), 4, "meters[3].address"),
            (("meters", 3, "address"), "000000000002", "meters[3].address"),
            (("meters", 3, "model"), "unheard_of", "meters[3].model"),
            (("meters", 3, "password_level"), 100, "meters[3].password_level"),
            (("meters", 3, "password"), "12345", "meters[3].password"),
            (("meters", 3, "tariff"), 0, "meters[3].tariff"),
            (("meters", 3, "policy"), "1", "meters[3].policy"),
            (("meters", 3, "protected"), 0, "meters[3].protected"),
            (("meters", 3, "care"), "no", "meters[3].care"),
            (("meters", 3, "exempt"), [], "meters[3].exempt"),
            (("meters", 3, "colour"), "red", "meters[3].colour"),
            (("limits",), [], "limits"),
            (("limits", "no_such"), 1, "limits.no_such"),
            (("limits", "read_retries"), -1, "limits.read_retries"),
            (("limits", "read_retries"), True, "limits.read_retries"),
            (("limits", "poll_period_ms"), 1000, "limits.poll_period_ms"),
            (("limits", "accounts_max"), 0, "limits.accounts_max"),
            (("limits", "accounts_max"), 3, "meters"),
            (("limits", "cuts_remembered_max"), 0, "limits.cuts_remembered_max"),
            (("limits", "tariff_versions_max"), 0, "limits.tariff_versions_max"),
            (("limits", "policy_versions_max"), 0, "limits.policy_versions_max"),
            (("extra",), 1, "extra"),
        ),
        check,
    )


def test_a_twin_names_both_places():
    fault = raises(BadInput, parse_settings, put(("meters", 2, "address"), "000000000001"))
    eq(str(fault), "meters[2].address: 000000000001 stands at meters[0].address already")


def test_a_password_is_never_repeated_in_a_sentence():
    fault = raises(BadInput, parse_settings, put(("meters", 0, "password"), "9876543"))
    eq("98765" in str(fault), False)


def test_two_hundred_meters_are_kept_in_a_few_packed_blocks():
    document = fields()
    document["limits"] = {"meters_max": 200}
    document["meters"] = [meter(number) for number in range(1, 201)]
    document["meters"][150]["model"] = "button_1p"
    document["meters"][151]["ratio"] = 60_000
    got = parse_settings(json.dumps(document))
    eq(len(got.meters), 200)
    eq([got.meters[n].account for n in (0, 31, 32, 199)], [1001, 1032, 1033, 1200])
    eq([one.address for one in got.meters], ["00000000%04d" % n for n in range(1, 201)])
    eq([got.meters[n].model for n in (149, 150, 151)], ["export_1p", "button_1p", "export_1p"])
    eq([got.meters[n].ratio for n in (150, 151, 152)], [1, 60_000, 1], "left out it is 1")
    raises(IndexError, lambda: got.meters[200])
