"""Lines of a console become requests; whatever else comes leaves nothing behind its line end."""

from firmware.base.faults import Refused
from firmware.diagnostics.request_reader import GARBAGE, LINE_BYTES_MAX, NEED_DATA, REQUEST, TOO_LONG, RequestReader
from tests.kit import cases, eq, raises


def heard(data, step=None):
    """Events of all lines in `data`, fed in pieces of `step` bytes: what was asked for a request, else the event's code."""
    reader = RequestReader()
    found = []
    step = step or len(data)
    for at in range(0, len(data), step):
        piece = bytearray(data[at : at + step])
        reader.feed(piece, len(piece))
        event = reader.next_event()
        while event != NEED_DATA:
            found.append((reader.request.ask, reader.request.id) if event == REQUEST else event)
            event = reader.next_event()
    return found


def test_a_request_is_heard_however_it_is_cut():
    data = b'{"ask":"status","id":7}\r\n{"ask":"why","account":1001}\n'
    for step in range(1, len(data) + 1):
        eq(heard(data, step), [("status", 7), ("why", None)], str(step))


def test_what_is_no_request_is_garbage():
    rows = (
        b"help\n",
        b"[]\n",
        b"7\n",
        b"null\n",
        b"{}\n",
        b'{"ask":7}\n',
        b'{"ask":"status","id":"7"}\n',
        b'{"ask":"status","id":true}\n',
        b'{"ask":"status","id":-1}\n',
        b'{"ask":"status","id":1073741824}\n',
        b'{"ask":"status","id":1.5}\n',
        b'{"ask":"status"\n',
        b'\x03\n',
        b'{"ask":"stat\xc3\xa9"}\n',
        b'{"ask":\t"status"}\n',
        b"\x00\xff\xfe\n",
        b"[" * 200 + b"\n",
    )
    cases([(row,) for row in rows], lambda row: eq(heard(row), [GARBAGE]))


def test_noise_before_a_line_end_does_not_reach_the_next_line():
    eq(heard(b'\xff\x00{"ask":"status"}\n\n\n{"ask":"status","id":1}\n'), [GARBAGE, ("status", 1)])


def test_a_line_that_is_too_long_is_one_event_and_the_next_one_is_heard():
    good = b'{"ask":"status","id":1}\n'
    for length in (LINE_BYTES_MAX + 1, 10_000):
        eq(heard(b"x" * length + b"\n" + good, 61), [TOO_LONG, ("status", 1)], str(length))
    longest = good[:-2] + b" " * (LINE_BYTES_MAX - len(good) + 1) + b"}\n"
    eq(len(longest), LINE_BYTES_MAX + 1)
    eq(heard(longest), [("status", 1)])


def test_half_a_line_waits_for_its_end():
    reader = RequestReader()
    reader.feed(b'{"ask":"sta', 11)
    eq(reader.next_event(), NEED_DATA)
    eq(reader.next_event(), NEED_DATA)
    reader.feed(b'tus"}\n', 6)
    eq(reader.next_event(), REQUEST)
    eq(reader.request.ask, "status")
    eq(reader.dropped, 0)


def test_an_argument_is_checked_and_named():
    reader = RequestReader()
    line = b'{"ask":"journal","from":5,"count":true,"far":4294967296,"real":2.0,"mac":1}\n'
    reader.feed(line, len(line))
    eq(reader.next_event(), REQUEST)
    request = reader.request
    eq(request.number("from", 1, 10), 5)
    eq(request.number("absent", 1, 10, 3), 3)
    for name, default in (("count", 1), ("far", 1), ("real", 1), ("absent", None), ("mac", 11)):
        highest = 0 if name == "mac" else 0xFFFFFFFF
        eq(str(raises(Refused, request.number, name, 0, highest, default)), name)
    eq(str(raises(Refused, request.text, "mac")), "mac")
    eq(str(raises(Refused, request.text, "absent")), "absent")


def test_what_was_dropped_is_counted():
    reader = RequestReader()
    line = b"a\nb\n" + b"c" * 300 + b"\n"
    reader.feed(line, len(line))
    for want in (GARBAGE, GARBAGE, TOO_LONG, NEED_DATA):
        eq(reader.next_event(), want)
    eq(reader.dropped, 3)
