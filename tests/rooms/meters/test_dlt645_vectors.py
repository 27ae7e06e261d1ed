"""Every frame of tests/vectors/dlt645.json (each names its source): what the receiver finds, and what it means."""

import json

from firmware.meters.dlt645 import items, relay, values
from firmware.meters.dlt645.frame import FRAME, FrameReader, encode_frame_into
from tests.kit import cases, eq


def vectors():
    with open("tests/vectors/dlt645.json") as file:
        return json.load(file)


def upper_hex(data):
    return "".join(["%02X" % byte for byte in data])


def found_in(raw, step):
    """[(address, control, data, frame as sent)] that a reader finds when fed `step` bytes at a time."""
    reader = FrameReader()
    found = []
    for at in range(0, len(raw), step):
        reader.feed(raw, at, min(at + step, len(raw)))
        drain(reader, found)
    reader.flush()
    drain(reader, found)
    return found


def drain(reader, found):
    while reader.next_event() == FRAME:
        address = bytes(reader.buf[reader.address_at : reader.address_at + 6])
        data = bytes(reader.buf[reader.data_start : reader.data_end])
        again = bytearray(300)
        n = encode_any(again, address, reader.control, data)
        found.append((address, reader.control, data, upper_hex(again[:n])))


def encode_any(out, address, control, data):
    return encode_frame_into(out, 0, address, control, data, len(data), 0)


def rows(keep):
    return [(number, vector) for number, vector in enumerate(vectors()) if keep(vector)]


def expected(vector):
    if "frames_a_scanner_should_yield" in vector:
        return vector["frames_a_scanner_should_yield"]
    return [vector["hex"]] if vector["valid"] else []


def first(vector):
    return found_in(bytes.fromhex(vector["hex"]), 64)[0]


def test_all_81_vectors_are_here_and_say_where_they_are_from():
    eq(len(vectors()), 81)
    eq([v["hex"] for v in vectors() if not v.get("source")], [])


def test_a_receiver_finds_exactly_the_frames_that_the_vector_names():
    def check(number, vector):
        raw = bytes.fromhex(vector["hex"])
        for step in (1, 7, 200):
            eq([frame[3] for frame in found_in(raw, step)], expected(vector), "fed by " + str(step))

    cases(rows(lambda vector: True), check)


def test_a_frame_that_is_said_invalid_is_not_accepted_as_it_stands():
    def check(number, vector):
        eq(vector["hex"] in [frame[3] for frame in found_in(bytes.fromhex(vector["hex"]), 64)], False)

    cases(rows(lambda vector: not vector["valid"]), check)


def test_address_control_and_data_are_those_of_the_vector():
    def check(number, vector):
        address, control, data, _ = first(vector)
        meaning = vector["meaning"]
        eq(upper_hex(bytes(reversed(list(address)))), meaning["address"])
        eq("%02X" % control, meaning["control"])
        eq(upper_hex(data), meaning.get("data_plain", ""))
        eq(bool(control & 0x80), meaning["is_response"])

    cases(rows(lambda vector: vector["valid"]), check)


def test_each_read_reply_decodes_to_its_value_and_unit():
    def check(number, vector):
        meaning = vector["meaning"]
        _, control, data, _ = first(vector)
        width = len(meaning["DI"]) // 2
        di = int(meaning["DI"], 16)
        item = items.find_item(di) if width == 4 else items.find_item_1997(di)
        want = meaning["value"]
        if type(want) is dict:
            want = want["word_hex"]
        elif type(want) is str and want[:7] == "non-BCD":
            want = None
        eq(item.decode(data, width, len(data)), want)
        eq(item.unit, meaning.get("unit", ""))

    def keep(vector):
        meaning = vector["meaning"]
        return vector["valid"] and meaning["is_response"] and "DI" in meaning and "value" in meaning

    kept = rows(keep)
    eq(len(kept), 27)
    cases(kept, check)


def test_addresses_and_times_without_an_identifier_decode():
    def check(number, vector):
        meaning = vector["meaning"]
        _, control, data, _ = first(vector)
        if control == 0x93:
            eq(upper_hex(bytes(reversed(list(data)))), meaning["value"])
        else:
            eq(items.moment_text(values.stamp_at(data, 0), True), meaning["value"])

    cases(rows(lambda vector: vector["meaning"].get("control") in ("93", "08")), check)


def test_an_identifier_without_data_is_an_empty_answer():
    item = items.find_item(0x06010000)
    eq(item, None)
    eq(items.find_item(0x00010000).decode(b"", 0, 0), None)


# the words of the vectors for each bit of an error byte -> our reasons
ERRORS = (
    ("other error", relay.OTHER),
    ("no requested data / DI not supported", relay.NO_SUCH_DATA),
    ("password error or unauthorised", relay.NOT_AUTHORISED),
    ("baud rate cannot be changed", relay.BAUD_FIXED),
    ("year time-zone count exceeded", relay.TOO_MANY),
    ("day period count exceeded", relay.TOO_MANY),
    ("tariff count exceeded", relay.TOO_MANY),
    ("reserved", relay.UNKNOWN),
)


def test_each_error_byte_has_the_causes_that_the_vector_lists():
    def check(number, vector):
        data = first(vector)[2]
        want = []
        for text, reason in ERRORS:
            if text in vector["meaning"]["errors"] and reason not in want:
                want.append(reason)
        eq(len(data), 1)
        eq("%02X" % data[0], vector["meaning"]["error_word"])
        eq(relay.reasons(data[0], 1), want)

    cases(rows(lambda vector: "errors" in vector["meaning"]), check)


def test_error_words_of_two_bytes_are_low_byte_first():
    def check(number, vector):
        data = first(vector)[2]
        eq("%04X" % (data[0] | data[1] << 8), vector["meaning"]["status_word"])

    cases(rows(lambda vector: "status_word" in vector["meaning"]), check)


def test_status_word_3_of_the_capture_says_what_the_vector_says():
    def check(number, vector):
        word = values.word_at(first(vector)[2], 4)
        want = vector["meaning"]["value"]
        eq("%04X" % word, want["word_hex"])
        eq(relay.relay_open(word), want["relay_open"])
        eq(relay.command_open(word), want["relay_command_open"])
        eq(relay.alarm(word), want["pre_trip_alarm"])
        eq(relay.keep_power(word), want["keep_power"])
        eq(relay.purse(word), 0)

    cases(rows(lambda vector: type(vector["meaning"].get("value")) is dict), check)
