"""The simulated modem by itself, on a clock that stands still: frames, negotiation, commands, TCP; known bytes where there are any."""

import random
from ipaddress import IPv4Address

import pytest

from host_tools.simulators.modem import hdlc, names, packets
from host_tools.simulators.modem.commands import Commands
from host_tools.simulators.modem.control import obey
from host_tools.simulators.modem.line import ModemLine
from host_tools.simulators.modem.peer import Addresses, Peer
from host_tools.simulators.modem.radio import MS, NS, QUEUE_BYTES_MAX, Radio
from host_tools.simulators.modem.tcp import ACK, BUFFER_MAX, PSH, RST, SYN, Connection, Segment

# -- frames (RFC 1662)


def test_the_check_sequence_is_that_of_the_catalogue_and_a_good_frame_ends_in_f0b8():
    assert hdlc.fcs16(b"123456789") ^ 0xFFFF == 0x906E  # CRC-16/IBM-SDLC, its check value in every catalogue of CRCs
    body = b"\xff\x03\xc0\x21\x01\x01\x00\x04"
    assert hdlc.fcs16(body + (hdlc.fcs16(body) ^ 0xFFFF).to_bytes(2, "little")) == 0xF0B8  # RFC 1662, C.2


def test_flags_escapes_and_control_characters_are_stuffed():
    frame = hdlc.encode(hdlc.LCP, b"\x01\x7e\x7d\x20")
    assert frame[:1] == frame[-1:] == b"\x7e" and b"\x7e" not in frame[1:-1]
    assert frame.startswith(b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x5e\x7d\x5d\x20")
    assert hdlc.encode(hdlc.IP, b"\x01").startswith(b"\x7e\xff\x03\x00\x21\x01")


@pytest.mark.parametrize("size", [1, 7, 64, 5_000])
def test_frames_come_out_of_any_pieces_and_damage_costs_one(size):
    draw = random.Random(size)
    sent = [(protocol, draw.randbytes(draw.randrange(4, 1_400))) for protocol in (hdlc.LCP, hdlc.IP, hdlc.IPCP) * 5]
    wire = bytearray(b"".join(hdlc.encode(*frame) for frame in sent))
    wire[wire.index(0x7E, 60) - 3] ^= 0x55  # somewhere in the first frame
    decoder = hdlc.Decoder()
    got = [frame for at in range(0, len(wire), size) for frame in decoder.feed(bytes(wire[at : at + size]))]
    assert got == sent[1:] and decoder.bad_frames == 1


def test_heads_may_be_compressed_and_garbage_fills_no_memory():
    body = b"\x21\x45\x00"
    wire = b"~" + body + (hdlc.fcs16(body) ^ 0xFFFF).to_bytes(2, "little") + b"~"
    decoder = hdlc.Decoder()
    assert decoder.feed(wire) == [(hdlc.IP, b"\x45\x00")]
    decoder.feed(bytes(1_000_000))
    assert len(decoder._frame) <= hdlc.FRAME_MAX
    assert decoder.feed(b"~" + wire) == [(hdlc.IP, b"\x45\x00")]


# -- negotiation (RFC 1661, 1332, 1334)


def opened(login=None):
    """A peer whose LCP is open."""
    peer = Peer(Addresses(), login)
    assert peer.tick(0)[0][0] == hdlc.LCP
    peer.receive((hdlc.LCP, b"\x02\x01\x00\x04"))
    peer.receive((hdlc.LCP, b"\x01\x01\x00\x04"))
    assert peer.lcp.is_open
    return peer


def test_what_is_not_known_is_rejected_what_is_wanted_otherwise_is_named():
    peer = opened()
    assert peer.receive((hdlc.LCP, b"\x01\x05\x00\x0a\x07\x02\x01\x04\x05\xdc"))[0] == (hdlc.LCP, b"\x04\x05\x00\x06\x07\x02")
    assert peer.receive((hdlc.LCP, b"\x01\x06\x00\x08\x01\x04\x05\xdc"))[0] == (hdlc.LCP, b"\x02\x06\x00\x08\x01\x04\x05\xdc")
    asked = b"\x01\x06\x00\x0a\x03\x06\x00\x00\x00\x00"
    assert peer.receive((hdlc.IPCP, asked))[0] == (hdlc.IPCP, b"\x03\x06\x00\x0a\x03\x06\x0a\x00\x02\x0f")
    assert peer.receive((hdlc.IPCP, b"\x01\x07\x00\x0a\x03\x06\x0a\x00\x02\x0f"))[0][1][:2] == b"\x02\x07"
    peer.receive((hdlc.IPCP, b"\x02\x01\x00\x04"))
    assert peer.is_up


def test_no_address_before_the_password_and_none_with_a_wrong_one():
    peer = opened(("me", "secret"))
    assert peer.receive((hdlc.IPCP, b"\x01\x01\x00\x0a\x03\x06\x00\x00\x00\x00")) == []
    assert peer.receive((hdlc.PAP, b"\x01\x03\x00\x0f\x02me\x06secret"))[0] == (hdlc.PAP, b"\x02\x03\x00\x05\x00")
    assert not peer.ended
    wrong = opened(("me", "secret"))
    assert wrong.receive((hdlc.PAP, b"\x01\x03\x00\x0e\x02me\x05wrong"))[0][1][0] == 3 and wrong.ended


def test_echo_terminate_and_an_unknown_protocol_are_answered():
    peer = opened()
    assert peer.receive((hdlc.LCP, b"\x09\x07\x00\x08\x00\x00\x00\x01"))[0][1] == b"\x0a\x07\x00\x08" + peer.magic
    assert peer.receive((0x8057, b"\x01\x02\x03"))[0][1][0] == 8  # IPv6CP
    assert peer.receive((hdlc.LCP, b"\x05\x08\x00\x04"))[0] == (hdlc.LCP, b"\x06\x08\x00\x04") and peer.ended


def test_no_bytes_of_a_board_break_the_peer():
    draw = random.Random(1)
    peer = opened(("me", "secret"))
    for _ in range(5_000):
        peer.receive((draw.choice((hdlc.LCP, hdlc.IPCP, hdlc.PAP, hdlc.IP, 7)), draw.randbytes(draw.randrange(0, 24))))
        peer.packets.clear()


# -- packets


def test_checksums_are_those_of_the_standard():
    assert packets.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2 ^ 0xFFFF  # RFC 1071 section 3
    head = bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")  # a UDP packet's head in many textbooks
    assert packets.checksum(head) == 0 and packets.checksum(head[:10] + b"\0\0" + head[12:]) == 0xB861


def test_a_packet_goes_through_and_one_bad_bit_does_not():
    sent = packets.Packet(IPv4Address("10.0.2.15"), IPv4Address("10.0.2.2"), packets.ICMP, b"\x08\x00\xf7\xff\x00\x00\x00\x00")
    data = sent.build(1)
    assert packets.Packet.parse(data) == sent
    for at in range(20):
        for bit in range(8):
            bad = bytearray(data)
            bad[at] ^= 1 << bit
            assert packets.Packet.parse(bytes(bad)) is None
    reply = packets.echo_reply(sent)
    assert reply is not None and reply.payload == b"\x00\x00\xff\xff\x00\x00\x00\x00" and reply.target == sent.source


def test_names_that_were_given_are_known_and_no_others():
    question = b"\x06broker\x04test\x00\x00\x01\x00\x01"
    query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + question
    hosts = {"broker.test": IPv4Address("10.0.2.2")}
    found = names.answer(query, hosts)
    assert found is not None and found.endswith(b"\x00\x04\x0a\x00\x02\x02") and found[:4] == b"\x00\x07\x81\x80"
    unknown = names.answer(query, {})
    assert unknown is not None and unknown[3] & 15 == names.NO_SUCH_NAME
    draw = random.Random(2)
    for size in range(40):
        names.answer(draw.randbytes(size), hosts)


# -- radio


def test_the_radio_delays_paces_loses_and_overflows():
    radio = Radio(random.Random(1), latency_ms=100, bandwidth_bytes_s=1_000)
    radio.put(bytes(500), 0)
    radio.put(bytes(500), 0)
    assert radio.due(599 * MS) == [] and len(radio.due(600 * MS)) == 1 and len(radio.due(1_100 * MS)) == 1
    for _ in range(1_000):
        radio.put(bytes(1_000), 2 * NS)
    assert radio.overflowed == 1_000 - QUEUE_BYTES_MAX // 1_000
    lossy = Radio(random.Random(1), loss=0.25)
    for _ in range(4_000):
        lossy.put(b"x", 0)
        lossy.due(0)
    assert 900 < lossy.lost < 1_100


# -- commands


def test_commands_are_answered_as_the_standard_says():
    modem = Commands()
    assert modem.feed(b"AT\r") == b"AT\r\r\nOK\r\n"
    assert modem.feed(b"ATE0\r") == b"ATE0\r\r\nOK\r\n" and modem.feed(b"at\r\n") == b"\r\nOK\r\n"
    assert b"+CEREG: 0,1" in modem.feed(b"AT+CEREG?\r") and b"+CPIN: READY" in modem.feed(b"AT+CPIN?\r")
    assert modem.feed(b"AT+NOSUCH\r") == b"\r\nERROR\r\n"
    modem.feed(b'AT+CGDCONT=1,"IP","internet"\r')
    assert modem.apn == "internet"
    assert modem.feed(b"ATD*99#\r~ppp~") == b"\r\nCONNECT 115200\r\n" and modem.dialled


def test_three_wrong_pins_lock_the_card():
    modem = Commands(card="pin", echo=False)
    modem.feed(b"AT+CMEE=1\r")
    for left in (2, 1, 0):
        assert modem.feed(b"AT+CPIN=0000\r") == b"\r\n+CME ERROR: 16\r\n" and modem.pin_tries == left
    assert b"SIM PUK" in modem.feed(b"AT+CPIN?\r") and b"ERROR" in modem.feed(b"AT+CPIN=1234\r")


def test_no_call_without_network_and_no_line_without_end():
    modem = Commands(registration="searching", echo=False)
    assert modem.feed(b"ATD*99#\r") == b"\r\nNO CARRIER\r\n"
    modem.feed(b"A" * 100_000)
    assert len(modem._line) < 1_000 and len(modem.heard) == 1


# -- the line


class Clock:
    def __init__(self):
        self.ns = 0

    def __call__(self):
        return self.ns


@pytest.fixture
def modem():
    clock = Clock()
    line = ModemLine({}, clock)
    line.commands.echo = False

    def say(data, after_ms=500):
        heard = line.run(clock.ns)
        line.send(data, clock.ns)
        for _ in range(after_ms // 10):
            clock.ns += 10 * MS
            heard += line.run(clock.ns)
        return heard

    line.say = say
    return line


def test_the_uart_gives_bytes_at_its_pace(modem):
    modem.spit(1_152)  # a tenth of a second at 115200 baud
    assert len(modem.say(b"", 50)) < 700 and len(modem.say(b"", 60)) > 500


def test_plus_signs_between_silences_lead_back_to_commands_and_others_do_not(modem):
    assert b"CONNECT" in modem.say(b"ATD*99#\r", 1_200)
    modem.say(b"+", 10)
    modem.say(b"++", 500)
    assert modem.state()["data_mode"]
    modem.say(b"more", 1_200)
    assert modem.state()["data_mode"]
    modem.say(b"x", 10)
    modem.say(b"+++", 1_200)
    assert modem.state()["data_mode"]
    assert b"OK" in modem.say(b"+++", 1_200) and not modem.state()["data_mode"]
    assert b"OK" in modem.say(b"AT\r")


def test_faults_do_what_they_say(modem):
    assert obey(modem, {"do": "set", "silent": True}) == {"ok": True}
    assert modem.say(b"AT\r") == b""
    obey(modem, {"do": "reset"})
    assert modem.say(b"AT\r", 2_100) == b""  # it boots
    assert b"OK" in modem.say(b"AT\r")
    modem.say(b"ATE0\r")
    modem.say(b"ATD*99#\r")
    obey(modem, {"do": "drop"})
    assert b"NO CARRIER" in modem.say(b"") and not modem.state()["data_mode"]
    modem.say(b"ATD*99#\r")
    obey(modem, {"do": "set", "dead": True})
    assert modem.say(hdlc.encode(hdlc.LCP, b"\x09\x01\x00\x08\x00\x00\x00\x00"), 3_000) == b"" and modem.state()["data_mode"]
    obey(modem, {"do": "set", "dead": False, "garbage_rate": 1.0})
    obey(modem, {"do": "drop"})
    modem.say(b"")
    assert len(modem.say(b"AT\r")) > len(b"\r\nOK\r\n")


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"do": "explode"}, "explode"),
        ({"do": "set", "registration": "lost"}, "registration"),
        ({"do": "set", "loss": 2}, "loss"),
        ({"do": "set", "colour": "red"}, "colour"),
        ({"do": "garbage", "bytes": 0}, "bytes"),
        (None, ""),
        ([], ""),
    ],
)
def test_a_wrong_order_is_refused_by_name_and_changes_nothing(modem, order, named):
    before = modem.state()
    answer = obey(modem, order)
    assert not answer["ok"] and named in str(answer["error"]) and modem.state() == before


# -- TCP


def segment(flags, sequence, acknowledged, data=b"", window=8_000, mss=None):
    return Segment(5_000, 80, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, flags, window, data, mss)


def standing(first=0xFFFFFFF0, board=0xFFFFFF00):
    """A connection that stands; both numbers are about to wrap."""
    link = Connection(segment(SYN, board, 0, mss=500), first)
    link.host_opened(0)
    (answer,) = link.out
    assert answer.flags == SYN | ACK and answer.acknowledged == board + 1 and answer.sequence == first
    link.out.clear()
    link.receive(segment(ACK, board + 1, first + 1), 0)
    assert link.established
    return link


def test_a_segment_is_built_and_read_as_its_bytes_say():
    data = segment(SYN, 1, 2, mss=536).build()
    assert data.hex() == "1388005000000001000000026002" + "1f40" + "00000000" + "02040218"
    assert Segment.parse(data) == segment(SYN, 1, 2, mss=536)
    assert Segment.parse(data[:19]) is None and Segment.parse(bytes(12) + b"\xf0" + bytes(20)) is None


def test_data_out_of_order_is_asked_for_again_and_doubles_are_taken_once():
    link = standing()
    first, ours = 0xFFFFFF01, 0xFFFFFFF1
    link.receive(segment(PSH | ACK, first + 5, ours, b"world"), 0)
    assert not link.to_host and link.out[-1].acknowledged == first
    link.receive(segment(PSH | ACK, first, ours, b"hello"), 0)
    link.receive(segment(PSH | ACK, first, ours, b"hello"), 0)
    link.receive(segment(PSH | ACK, first + 2, ours, b"llo world"), 0)  # half of it is known
    assert bytes(link.to_host) == b"hello world" and link.out[-1].acknowledged == first + 11


def test_the_window_is_the_room_that_is_left_and_is_opened_again():
    link = standing()
    sequence = 0xFFFFFF01
    for _ in range(100):
        link.receive(segment(PSH | ACK, sequence, 0xFFFFFFF1, bytes(500)), 0)
        sequence = link.out[-1].acknowledged
    assert len(link.to_host) == BUFFER_MAX and link.out[-1].window == 0
    link.out.clear()
    link.host_took(10_000)
    assert link.out[-1].window == 10_000


def test_nothing_is_sent_beyond_the_board_s_window_and_a_shut_one_is_probed():
    link = standing()
    link.receive(segment(ACK, 0xFFFFFF01, 0xFFFFFFF1, window=700), 0)
    link.host_sent(bytes(2_000), 0)
    assert sum(len(one.data) for one in link.out) == 700 and max(len(one.data) for one in link.out) == 500
    link.out.clear()
    link.receive(segment(ACK, 0xFFFFFF01, 0xFFFFFFF1 + 700, window=0), 0)
    assert link.out == []
    link.tick(2 * NS)
    assert [len(one.data) for one in link.out] == [1]


def test_a_board_that_is_silent_is_given_up():
    link = standing()
    link.host_sent(b"x", 0)
    for seconds in range(200):
        link.tick(seconds * NS)
    assert link.over and link.out[-1].flags & RST


@pytest.mark.parametrize("seed", range(20))
def test_bytes_arrive_whole_and_once_over_a_line_that_loses_doubles_and_reorders(seed):
    """The board's end is the same class, turned round: each plays the host's part for the other."""
    draw = random.Random(seed)
    near = Connection(segment(SYN, 77, 0, mss=500), draw.getrandbits(32))
    near.host_opened(0)
    far = Connection(Segment(80, 5_000, near.first, 0, SYN, 8_000, b"", 500), 77)
    far.opened = far.established = True
    far._unacknowledged = far._next = 78
    far._window = 8_000
    texts = [draw.randbytes(draw.randrange(1, 30_000)) for _ in range(2)]
    got = [bytearray(), bytearray()]
    given = [0, 0]
    air = []
    now_ns = 0
    for _ in range(20_000):
        now_ns += 20 * MS
        for side, end in enumerate((near, far)):
            if end.wants_host_data and given[side] < len(texts[side]):
                piece = texts[side][given[side] : given[side] + 700]
                given[side] += len(piece)
                end.host_sent(piece, now_ns)
            elif given[side] == len(texts[side]) and end.established and not end.host_ended:
                end.host_closed(now_ns)
            got[side] += end.to_host
            end.host_took(len(end.to_host))
            end.tick(now_ns)
            for one in end.out:
                if draw.random() > 0.1:
                    air += [(draw.randrange(3), 1 - side, one)] * (1 + (draw.random() < 0.05))
            end.out.clear()
        due = [entry for entry in air if entry[0] == 0]
        air = [(wait - 1, side, one) for wait, side, one in air if wait]
        for _, side, one in due:
            ((near, far)[side]).receive(one, now_ns)
        if near.over and far.over and not any(end.to_host for end in (near, far)):
            break
    assert (bytes(got[1]), bytes(got[0])) == (texts[0], texts[1])
    assert near.board_ended and far.board_ended and near.over and far.over
