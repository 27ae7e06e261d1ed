"""Relay orders over the wire: what is acknowledged, what moves, what is refused."""

from host_tools.simulators.frames import Frame
from host_tools.simulators.virtual import VirtualBench

ADDRESS = "000000000001"
LATER = "595923311299"  # 2099-12-31 23:59:59, wire order
PAST = "000000010120"


def bench(**fields):
    return VirtualBench({"meters": [{"address": ADDRESS, "load": 2000, **fields}]})


def order(b, code, until=LATER, password="02000000", address=ADDRESS):
    data = bytes.fromhex(f"{password}01000000{code}00{until}")
    return b.ask(Frame(address, 0x1C, data)).reply


def word3(b):
    reply = b.ask(Frame(ADDRESS, 0x11, bytes.fromhex("03050004"))).reply
    return int.from_bytes(reply.data[4:], "little")


def kinds(b):
    return [e["kind"] for e in b.site.events_since(0)]


def test_a_trip_opens_after_the_delay_and_the_load_stops():
    b = bench(relay={"delay_ms": 5000})
    assert order(b, "1A") == Frame(ADDRESS, 0x9C, preamble=4)
    assert word3(b) == 0x0040
    b.pass_ms(5000)
    assert word3(b) == 0x0050
    before = b.meter().energy.forward.total.wms
    b.pass_ms(3_600_000)
    assert b.meter().energy.forward.total.wms == before and b.meter().watts() == 0
    assert kinds(b) == ["relay_command", "relay_moved"]


def test_the_movement_is_dated_to_the_millisecond_even_when_nobody_looked():
    b = bench(relay={"delay_ms": 777})
    order(b, "1A", until=LATER)
    command, moved = b.site.events_since(0)
    assert moved["mono_ms"] - command["mono_ms"] == 777


def test_direct_close_closes():
    b = bench(relay={"initially_open": True})
    assert word3(b) == 0x0050
    assert order(b, "1C").control == 0x9C
    b.pass_ms(300)
    assert word3(b) == 0 and b.meter().watts() == 2000


def test_a_button_meter_is_armed_until_the_customer_presses():
    b = bench(model="export_button", relay={"initially_open": True})
    assert b.order(do="press", meter=ADDRESS)["works"] == [False]
    assert order(b, "1B").control == 0x9C
    b.pass_ms(60_000)
    assert word3(b) == 0x0010
    assert b.order(do="press", meter=ADDRESS)["works"] == [True]
    b.pass_ms(300)
    assert word3(b) == 0


def test_a_meter_that_knows_1b_only_refuses_1c():
    b = bench(model="export_1b", relay={"initially_open": True})
    assert order(b, "1C").control == 0xDC
    assert order(b, "1B").control == 0x9C
    b.pass_ms(300)
    assert word3(b) == 0


def test_a_close_calls_off_a_pending_trip():
    b = bench(relay={"trip_delay_min": 1, "reply_words": True})
    assert order(b, "1A").data == b"\x08\x00"
    order(b, "1C")
    b.pass_ms(120_000)
    assert word3(b) == 0 and "relay_moved" not in kinds(b)


def test_a_trip_after_a_close_waits_its_whole_delay_again():
    b = bench(relay={"trip_delay_min": 1})
    order(b, "1A")
    b.pass_ms(40_000)
    order(b, "1C")
    order(b, "1A")
    b.pass_ms(40_000)
    assert word3(b) == 0x0040
    b.pass_ms(20_000)
    assert word3(b) == 0x0050


def test_keep_power_blocks_a_trip_and_says_so():
    b = bench()
    assert order(b, "3A").control == 0x9C
    assert word3(b) == 0x1000
    assert order(b, "1A") == Frame(ADDRESS, 0xDC, b"\x01", 4)
    order(b, "3B")
    assert order(b, "1A").control == 0x9C
    words = bench(model="newer_words", relay={"keep_power": True})
    assert order(words, "1A").data == b"\x20\x00"


def test_a_wrong_password_is_refused_and_can_suspend():
    b = bench(relay={"lock_after": 2})
    assert order(b, "1A", password="02999999") == Frame(ADDRESS, 0xDC, b"\x04", 4)
    assert order(b, "1A", password="04000000").data == b"\x04"
    assert order(b, "1A").control == 0xDC
    assert bench().meter().relay.cfg.lock_after == 0


def test_valid_until_is_judged_by_the_meters_own_clock():
    b = bench()
    assert order(b, "1A", until=PAST).data == b"\x04"
    assert order(b, "1A", until="000000000000").data == b"\x04"
    assert order(b, "1A", until="ABABABABABAB").data == b"\x04"
    late = bench(model="newer_words", clock={"state": "invalid"})
    assert order(late, "1A").data == b"\x10\x00"


def test_an_encrypted_meter_refuses_plaintext_trip_and_takes_close():
    b = bench(model="encrypted")
    assert order(b, "1A").data == b"\x04"
    assert order(b, "1C").control == 0x9C
    assert order(bench(model="encrypted_old"), "1C").data == b"\x04"


def test_an_overdrawn_purse_acknowledges_a_close_without_effect():
    b = bench(model="purse_money", relay={"initially_open": True})
    assert word3(b) & 0x0300 == 0x0200
    assert order(b, "1C") == Frame(ADDRESS, 0x9C, b"\x00\x00", 4)
    b.pass_ms(10_000)
    assert word3(b) & 0x0050 == 0x0050
    b.order(do="set", meter=ADDRESS, purse_balance=10)
    assert order(b, "1C").data == b"\x01\x00"
    b.pass_ms(10_000)
    assert word3(b) & 0x0050 == 0


def test_welded_contacts_report_open_and_the_load_goes_on():
    b = bench(relay={"welded": True})
    order(b, "1A")
    b.pass_ms(300)
    assert word3(b) == 0x0050 and b.meter().watts() == 2000


def test_alarm_is_bit_seven():
    b = bench()
    order(b, "2A")
    assert word3(b) == 0x0080
    order(b, "2B")
    assert word3(b) == 0


def test_reserved_bits_stay_zero_on_a_base_meter():
    b = bench(status_extended=False)
    order(b, "2A")
    order(b, "1A")
    b.pass_ms(300)
    assert word3(b) == 0x0010


def test_a_relay_order_through_a_wildcard_meets_silence():
    b = bench()
    assert order(b, "1A", address="AAAAAAAAAAAA") is None
    assert kinds(b) == []


def test_a_meter_without_relay_refuses():
    assert order(bench(model="base_standard"), "1A").control == 0xDC


def test_trips_are_counted_and_dated():
    b = bench()
    order(b, "1A")
    b.pass_ms(500)
    reply = b.ask(Frame(ADDRESS, 0x11, bytes.fromhex("0100001D"))).reply
    assert reply.data[4:] == bytes.fromhex("010000")
    reply = b.ask(Frame(ADDRESS, 0x11, bytes.fromhex("0101001D"))).reply
    assert reply.data[4:] != bytes(6)
