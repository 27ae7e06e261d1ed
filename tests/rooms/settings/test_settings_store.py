"""Small files kept whole in a folder of their own."""

import os

from firmware.base.faults import BadInput
from firmware.settings.settings_store import SettingsStore, document_name
from tests.kit import cases, eq, raises

# both interpreters, and two clones, may run this at the same time
ROOT = (os.getenv("TMPDIR") or "/tmp") + "/settings_store_" + "".join(["%02x" % value for value in os.urandom(6)])


def fresh():
    """An empty folder and its store."""
    os.mkdir(ROOT)
    return SettingsStore(ROOT)


def forget():
    for name in os.listdir(ROOT):
        os.remove(ROOT + "/" + name)
    os.rmdir(ROOT)


def put(name, data):
    with open(ROOT + "/" + name, "wb") as file:
        file.write(data)


def test_what_is_written_is_read_and_replaced_whole():
    store = fresh()
    eq(store.read("settings.json"), None)
    store.replace("settings.json", "first, and longer")
    store.replace("settings.json", b"second")
    eq((store.read("settings.json"), os.listdir(ROOT)), (b"second", ["settings.json"]))
    store.remove("settings.json")
    store.remove("settings.json")
    eq(os.listdir(ROOT), [])
    forget()


def test_a_torn_temp_is_removed_at_the_start_and_never_read():
    store = fresh()
    store.replace("tariff_1_1.json", "good")
    put("tariff_1_1.json.new", b"to")
    put("settings.json.new", b"{")
    put("notes.new", b"not ours")
    store = SettingsStore(ROOT)
    eq((store.read("tariff_1_1.json"), store.read("settings.json")), (b"good", None))
    eq(sorted(os.listdir(ROOT)), ["notes.new", "tariff_1_1.json"])
    forget()


def test_documents_are_listed_by_number():
    store = fresh()
    for number, version in ((2, 1), (1, 10), (1, 9)):
        store.replace(document_name("tariff", number, version), "x")
    store.replace(document_name("policy", 1, 1), "x")
    put("tariff_x_1.json", b"")
    put("tariff_1.json", b"")
    put("tariff_01_1.json", b"")
    eq(store.documents("tariff"), [(1, 9, "tariff_1_9.json"), (1, 10, "tariff_1_10.json"), (2, 1, "tariff_2_1.json")])
    eq(store.documents("policy"), [(1, 1, "policy_1_1.json")])
    forget()


def test_no_other_name_is_a_file():
    store = fresh()

    def check(name):
        for action in (store.read, store.remove, lambda n: store.replace(n, b"")):
            eq(raises(BadInput, action, name).field, "name")

    names = ("", "..", "../key", "/etc/passwd", "key.new", "tariff_1_1", "tariff_0_1.json", "tariff_1_-1.json", "policy__1.json")
    cases([(name,) for name in names], check)
    raises(BadInput, document_name, "other", 1, 1)
    raises(BadInput, document_name, "tariff", -1, 1)
    eq(os.listdir(ROOT), [])
    forget()


def test_the_key_is_raw_or_hex_and_nothing_else():
    store = fresh()
    eq(raises(BadInput, store.read_key).field, "key")
    key = bytes(range(32))
    store.replace("key", key)
    eq(store.read_key(), key)
    text = "".join(["%02X" % value for value in key])
    store.replace("key", text + "\n")
    eq(store.read_key(), key)
    for bad in (b"", key[:31], b"0" * 63, b"g" * 64, b"00" * 33):
        store.replace("key", bad)
        fault = raises(BadInput, store.read_key)
        eq((fault.field, len(str(fault)) < 80), ("key", True))
    forget()


def test_missing_settings_say_what_to_do():
    store = fresh()
    eq(raises(BadInput, store.read_settings).field, "settings.json")
    store.replace("settings.json", '{"gateway": 5}')
    eq(raises(BadInput, store.read_settings).field, "gateway")
    forget()


def test_a_file_that_is_too_long_changes_nothing():
    store = fresh()
    store.replace("key", b"old")
    eq(raises(BadInput, store.replace, "key", b"x" * 65537).field, "key")
    eq((store.read("key"), os.listdir(ROOT)), (b"old", ["key"]))
    forget()
