"""The questions of the bus: which items are asked, in which order, and what comes of the answers."""

import json

from firmware.base import questions, relay
from firmware.base.faults import WireFault
from firmware.base.questions import DONE, NEED_DATA, REFUSED, SEND
from firmware.meters.dlt645.frame import encode_frame_into
from firmware.meters.dlt645.protocol import NOT_OFFERED, Dlt645Protocol
from firmware.meters.model import Meter
from firmware.meters.model_document import load_model
from tests.kit import cases, eq, raises

ME = bytes.fromhex("129078563412")


def sent(control, data):
    out = bytearray(300)
    raw = bytes.fromhex(data)
    return bytes(out[: encode_frame_into(out, 0, ME, control, raw, len(raw))])


def meter(name, **changes):
    with open("firmware/meters/models/" + name + ".json") as file:
        fields = json.load(file)
    fields.update(changes)
    return Meter(ME, load_model(fields), 2, b"\x37\x06\x02")


def ask(question, of, arg, *rounds):
    """Begin, then check each (wanted request, reply) round; -> (last event, protocol)."""
    protocol = Dlt645Protocol()
    protocol.begin(question, of, arg)
    event = SEND
    for control, wanted, reply in rounds:
        eq(event, SEND)
        eq(bytes(protocol.request[: protocol.request_end]), sent(control, wanted))
        protocol.feed(reply, 0, len(reply))
        event = protocol.next_event()
    return event, protocol


def energy(of, *rounds):
    event, protocol = ask(questions.READ_ENERGY, of, None, *rounds)
    return event, protocol.registers, protocol.rates


def test_a_plain_meter_is_asked_for_its_total_only():
    rounds = [(0x11, "00000100", sent(0x91, "00000100" + "56341200"))]
    eq(energy(meter("export_1p"), *rounds), (DONE, [123456, None, None, None, None], 0))


def test_rates_come_in_one_block_as_many_as_the_meter_has():
    def check(values, want, rates):
        rounds = [(0x11, "00FF0100", sent(0x91, "00FF0100" + values))]
        eq(energy(meter("three_phase_tou"), *rounds), (DONE, want, rates))

    cases(
        (
            ("3036000056020000190000003800000017330000", [3630, 256, 19, 38, 3317], 4),
            ("3036000056020000", [3630, 256, None, None, None], 1),
            ("30360000", [3630, None, None, None, None], 0),
            ("30360000FFFFFFFF1900000A3800000017330000", [3630, None, None, 38, 3317], 4),
            ("303600005602000019000000380000001733000011111111", [3630, 256, 19, 38, 3317], 4),
        ),
        check,
    )


def test_a_block_of_a_wrong_length_is_nonsense():
    for values in ("", "303600", "3036000056"):
        protocol = Dlt645Protocol()
        protocol.begin(questions.READ_ENERGY, meter("three_phase_tou"))
        raw = sent(0x91, "00FF0100" + values)
        protocol.feed(raw, 0, len(raw))
        raises(WireFault, protocol.next_event)
        eq(protocol.exchange.malformed_frames, 1)


SINGLES = [
    (0x11, "00000100", sent(0x91, "00000100" + "30360000")),
    (0x11, "00010100", sent(0x91, "00010100" + "56020000")),
    (0x11, "00020100", sent(0x91, "00020100" + "19000000")),
    (0x11, "00030100", sent(0xD1, "02")),
    (0x11, "00040100", sent(0x91, "00040100" + "17330000")),
]


def test_a_refused_block_is_read_item_by_item_from_then_on():
    for word in ("02", "01"):
        of = meter("three_phase_tou")
        refused = [(0x11, "00FF0100", sent(0xD1, word))]
        eq(energy(of, *(refused + SINGLES)), (DONE, [3630, 256, 19, None, 3317], 4))
        eq(of.block_refused, True)
        eq(energy(of, *SINGLES)[0], DONE)


def test_a_refused_total_is_a_refusal_and_no_register():
    event, protocol = ask(questions.READ_ENERGY, meter("export_1p"), None, (0x11, "00000100", sent(0xD1, "02")))
    eq((event, protocol.error_word, protocol.registers[0]), (REFUSED, 2, None))


def test_a_filled_register_is_no_value_and_old_results_do_not_linger():
    protocol = Dlt645Protocol()
    of = meter("export_1p")
    for data, want in (("56341200", 123456), ("FFFFFFFF", None), ("00000E00", None)):
        protocol.begin(questions.READ_ENERGY, of)
        eq(protocol.registers[0], None)
        raw = sent(0x91, "00000100" + data)
        protocol.feed(raw, 0, len(raw))
        eq(protocol.next_event(), DONE)
        eq(protocol.registers[0], want)


def test_the_combined_register_is_signed_and_a_negative_one_is_no_value():
    of = meter("export_1p", billing_register="combined", daily_freezes=0)
    for data, want in (("56341200", 123456), ("50000080", None), ("99999979", 79999999)):
        event, registers, _ = energy(of, (0x11, "00000000", sent(0x91, "00000000" + data)))
        eq((event, registers[0]), (DONE, want))


def test_meters_of_1997_are_read_with_their_own_code():
    of = meter("legacy_1997")
    eq(energy(of, (0x01, "1090", sent(0x81, "1090" + "03000000")))[1][0], 3)
    of = meter("legacy_1997", rates=4, block_reads=True)
    block = "3093070128352000849530008158280037032800"
    for end in ("AA", ""):
        got = energy(of, (0x01, "1F90", sent(0x81, "1F90" + block + end)))
        eq(got, (DONE, [1079330, 203528, 309584, 285881, 280337], 4))
    event, protocol = ask(questions.READ_ENERGY, of, None, (0x01, "1F90", sent(0xC1, "02")))
    eq(event, SEND)


def test_the_status_word_is_read_and_a_filled_one_is_no_value():
    for data, want in (("5000", 0x50), ("0010", 0x1000), ("FFFF", None)):
        event, protocol = ask(questions.READ_STATUS, meter("export_1p"), None, (0x11, "03050004", sent(0x91, "03050004" + data)))
        eq((event, protocol.status_word), (DONE, want))


def clock(*rounds):
    event, protocol = ask(questions.READ_CLOCK, meter("export_1p"), None, *rounds)
    return event, protocol.clock_s


def date_round(data):
    return (0x11, "01010004", sent(0x91, "01010004" + data))


def time_round(data):
    return (0x11, "02010004", sent(0x91, "02010004" + data))


def test_the_clock_is_a_date_then_a_time():
    eq(clock(date_round("05140717"), time_round("004002")), (DONE, 1500000000))
    eq(clock(date_round("09140717"), time_round("004002")), (DONE, 1500000000), "a wrong weekday is not believed")


def test_just_after_midnight_the_date_is_read_again():
    eq(clock(date_round("04130717"), time_round("590000"), date_round("05140717")), (DONE, 1499990459))
    eq(clock(date_round("05140717"), time_round("000100")), (DONE, 1499990460))


def test_a_clock_that_shows_no_date_is_no_value():
    eq(clock(date_round("00000000"), time_round("004002")), (DONE, None))
    eq(clock(date_round("05140717"), time_round("FFFFFF")), (DONE, None))
    eq(clock(date_round("05140717"), time_round("006002")), (DONE, None))


def test_a_joined_clock_takes_one_exchange():
    of = meter("export_1p", joined_clock=True)
    rounds = [(0x11, "0C010004", sent(0x91, "0C010004" + "00400205140717"))]
    event, protocol = ask(questions.READ_CLOCK, of, None, *rounds)
    eq((event, protocol.clock_s), (DONE, 1500000000))


def test_load_is_a_magnitude_in_whole_watts():
    for data, want in (("452300", 234), ("452380", 234), ("090000", 0), ("FFFFFF", None)):
        event, protocol = ask(questions.READ_LOAD, meter("export_1p"), None, (0x11, "00000302", sent(0x91, "00000302" + data)))
        eq((event, protocol.power_w), (DONE, want))


FREEZE_TIME = (0x11, "02000605", sent(0x91, "02000605" + "0000091015"))


def test_a_freeze_is_its_time_and_then_its_registers():
    of = meter("three_phase_tou")
    registers = (0x11, "02010605", sent(0x91, "02010605" + "7856341200000100000002000000030078561412"))
    event, protocol = ask(questions.READ_FREEZE, of, 2, FREEZE_TIME, registers)
    eq((event, protocol.freeze_s), (DONE, 1444348800))
    eq(protocol.registers, [12345678, 10000, 20000, 30000, 12145678])


def test_a_freeze_that_was_never_taken_is_no_record():
    for stamp in ("0000000000", "FFFFFFFFFF"):
        event, protocol = ask(questions.READ_FREEZE, meter("export_1p"), 2, (0x11, "02000605", sent(0x91, "02000605" + stamp)))
        eq((event, protocol.freeze_s, protocol.registers[0]), (DONE, None, None))


def test_a_register_of_a_freeze_that_is_no_number_is_no_value():
    for data, want in (("FFFFFFFF", None), ("5A341200", None), ("00000000", 0)):
        rounds = (FREEZE_TIME, (0x11, "02010605", sent(0x91, "02010605" + data)))
        event, protocol = ask(questions.READ_FREEZE, meter("export_1p"), 2, *rounds)
        eq((event, protocol.freeze_s, protocol.registers[0]), (DONE, 1444348800, want))


SETTLES_ON_THE_FIRST = (0x11, "010B0004", sent(0x91, "010B0004" + "0001"))


def test_a_settlement_register_comes_with_the_day_at_which_it_is_taken():
    plain = (0x11, "03000100", sent(0x91, "03000100" + "56341200"))
    event, protocol = ask(questions.READ_SETTLEMENT, meter("export_1p"), 3, SETTLES_ON_THE_FIRST, plain)
    eq((event, protocol.settles, protocol.registers[0]), (DONE, (1, 0), 123456))
    block = (0x11, "01FF0100", sent(0x91, "01FF0100" + "3036000056020000190000003800000017330000"))
    event, protocol = ask(questions.READ_SETTLEMENT, meter("three_phase_tou"), 1, SETTLES_ON_THE_FIRST, block)
    eq((event, protocol.registers), (DONE, [3630, 256, 19, 38, 3317]))
    combined = (0x11, "01000000", sent(0x91, "01000000" + "56341280"))
    of = meter("export_1p", billing_register="combined", daily_freezes=0)
    event, protocol = ask(questions.READ_SETTLEMENT, of, 1, SETTLES_ON_THE_FIRST, combined)
    eq((event, protocol.registers[0]), (DONE, None), "a negative register is no value")


def test_a_refused_block_of_settlement_registers_is_read_item_by_item():
    rounds = [SETTLES_ON_THE_FIRST, (0x11, "01FF0100", sent(0xD1, "02"))]
    for rate in range(5):
        rounds.append((0x11, "01%02X0100" % rate, sent(0x91, "01%02X0100" % rate + "%02d000000" % rate)))
    event, protocol = ask(questions.READ_SETTLEMENT, meter("three_phase_tou"), 1, *rounds)
    eq((event, protocol.registers, protocol.rates), (DONE, [0, 1, 2, 3, 4], 4))


def test_a_meter_without_a_settlement_day_has_no_settlement_register():
    for data in ("9999", "FFFF", "0032", "2401", "0000", "0029", "0A01"):
        rounds = ((0x11, "010B0004", sent(0x91, "010B0004" + data)),)
        event, protocol = ask(questions.READ_SETTLEMENT, meter("export_1p"), 1, *rounds)
        eq((event, protocol.settles, protocol.registers[0]), (DONE, None, None), data)
    event, protocol = ask(questions.READ_SETTLEMENT, meter("export_1p"), 1, (0x11, "010B0004", sent(0xD1, "02")))
    eq((event, protocol.settles), (REFUSED, None))


def test_how_often_covers_were_opened_is_a_number_or_no_value():
    for which, di in ((questions.COVER, "000D3003"), (questions.TERMINAL_COVER, "000E3003")):
        for data, count in (("270000", 27), ("999999", 999999), ("FFFFFF", None), ("1A0000", None)):
            event, protocol = ask(questions.READ_COUNT, meter("three_phase_tou"), which, (0x11, di, sent(0x91, di + data)))
            eq((event, protocol.count), (DONE, count), data)
    event, protocol = ask(questions.READ_COUNT, meter("three_phase_tou"), questions.COVER, (0x11, "000D3003", sent(0xD1, "02")))
    eq((event, protocol.count), (REFUSED, None))


def test_identity_is_the_meter_number_or_else_the_address():
    number = (0x11, "02040004", sent(0x91, "02040004" + "665544332211"))
    event, protocol = ask(questions.READ_IDENTITY, meter("export_1p"), None, number)
    eq((event, protocol.identity), (DONE, bytes.fromhex("665544332211")))
    refused = (0x11, "02040004", sent(0xD1, "02"))
    address = (0x11, "01040004", sent(0x91, "01040004" + "129078563412"))
    event, protocol = ask(questions.READ_IDENTITY, meter("export_1p"), None, refused, address)
    eq((event, protocol.identity), (DONE, ME))


UNTIL_S = 1500000000
ORDERS = (
    ("export_1p", relay.CUT, "1A"),
    ("export_1p", relay.RESTORE, "1C"),
    ("button_1p", relay.RESTORE, "1B"),
    ("export_1p", relay.ALARM_ON, "2A"),
    ("export_1p", relay.ALARM_OFF, "2B"),
)


def test_orders_carry_the_code_of_the_model_and_the_valid_until_of_the_meter():
    def check(name, action, code):
        order = "02370602" + "4C000000" + code + "00" + "004002140717"
        event, protocol = ask(questions.SEND_RELAY, meter(name), (action, UNTIL_S), (0x1C, order, sent(0x9C, "")))
        eq((event, protocol.relay_word), (DONE, 0))

    cases(ORDERS, check)


def test_words_of_newer_meters_come_through():
    of = meter("export_1p")
    order = "02370602" + "4C0000001A00" + "004002140717"
    event, protocol = ask(questions.SEND_RELAY, of, (relay.CUT, UNTIL_S), (0x1C, order, sent(0x9C, "0800")))
    eq((event, protocol.relay_word), (DONE, 8))
    event, protocol = ask(questions.SEND_RELAY, of, (relay.CUT, UNTIL_S), (0x1C, order, sent(0xDC, "2000")))
    eq((event, protocol.error_word, protocol.error_width), (REFUSED, 0x20, 2))


def test_what_a_model_does_not_offer_sends_nothing_and_is_refused():
    def check(name, question, arg):
        protocol = Dlt645Protocol()
        protocol.begin(question, meter(name), arg)
        eq(protocol.request_end, 0)
        eq((protocol.next_event(), protocol.error_word), (REFUSED, NOT_OFFERED))
        eq(protocol.on_time_out(), REFUSED)

    cases(
        (
            ("purse_1p", questions.SEND_RELAY, (relay.CUT, UNTIL_S)),
            ("sg_feecontrol_1p", questions.SEND_RELAY, (relay.CUT, UNTIL_S)),
            ("sg_feecontrol_1p", questions.SEND_RELAY, (relay.RESTORE, UNTIL_S)),
            ("base_2007", questions.SEND_RELAY, (relay.CUT, UNTIL_S)),
            ("legacy_1997", questions.SEND_RELAY, (relay.CUT, UNTIL_S)),
            ("legacy_1997", questions.READ_STATUS, None),
            ("legacy_1997", questions.READ_CLOCK, None),
            ("legacy_1997", questions.READ_LOAD, None),
            ("base_2007", questions.READ_FREEZE, 1),
            ("export_1p", questions.READ_FREEZE, 0),
            ("export_1p", questions.READ_FREEZE, 63),
            ("legacy_1997", questions.READ_SETTLEMENT, 1),
            ("export_1p", questions.READ_SETTLEMENT, 13),
            ("export_1p", questions.READ_COUNT, questions.COVER),
            ("legacy_1997", questions.READ_COUNT, questions.TERMINAL_COVER),
            ("export_1p", questions.READ_LIMIT, None),
            ("export_1p", questions.WRITE_LIMIT, 500),
            ("legacy_1997", questions.READ_LIMIT, None),
        ),
        check,
    )


def test_a_question_after_a_refused_one_starts_afresh():
    protocol = Dlt645Protocol()
    protocol.begin(questions.READ_FREEZE, meter("base_2007"), 1)
    eq(protocol.next_event(), REFUSED)
    protocol.begin(questions.READ_STATUS, meter("export_1p"))
    eq((protocol.next_event(), protocol.error_word), (NEED_DATA, 0))


def test_an_item_of_a_wrong_length_is_nonsense():
    def check(question, wanted, data):
        protocol = Dlt645Protocol()
        protocol.begin(question, meter("export_1p"), 1)
        raw = sent(0x91, wanted + data)
        protocol.feed(raw, 0, len(raw))
        raises(WireFault, protocol.next_event)

    cases(
        (
            (questions.READ_ENERGY, "00000100", "563412"),
            (questions.READ_STATUS, "03050004", "50"),
            (questions.READ_CLOCK, "01010004", "140717"),
            (questions.READ_LOAD, "00000302", "4523"),
            (questions.READ_FREEZE, "01000605", "00000910"),
            (questions.READ_IDENTITY, "02040004", ""),
            (questions.READ_SETTLEMENT, "010B0004", "000100"),
        ),
        check,
    )


def test_requests_bear_as_many_fe_as_the_model_wants():
    for count in (0, 2, 8):
        protocol = Dlt645Protocol()
        protocol.begin(questions.READ_STATUS, meter("export_1p", preamble=count))
        eq(bytes(protocol.request[: count + 1]), b"\xfe" * count + b"\x68")
        eq(protocol.request_end, count + 16)
