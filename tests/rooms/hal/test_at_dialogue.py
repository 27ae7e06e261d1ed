"""The talk with a modem, against a modem of a few lines that can be in every state a real one is found in."""

from firmware.base import ticks
from firmware.hal import at_dialogue as at
from tests.fake_modem import FakeModem
from tests.kit import cases, eq

START_MS = (1 << 30) - 3_000  # the ticks wrap in the middle of the talk


def talk(modem, pin=None, pin_refused=False, minutes=5):
    """-> (actions that end the talk, seconds it took)."""
    dialogue = at.AtDialogue("internet", pin, pin_refused)
    now_ms = START_MS
    actions = dialogue.step(at.BEGIN, None, now_ms)
    for _ in range(minutes * 600):
        ends = [action for action in actions if action[0] in (at.ONLINE, at.FAILED, at.PIN_REFUSED)]
        if ends:
            return ends, ticks.diff(now_ms, START_MS) // 1_000
        lines = []
        for action, argument in actions:
            if action == at.SEND:
                lines += modem.answer(argument)
            elif action == at.ESCAPE:
                modem.data_mode = False
            elif action == at.RESET:
                modem.resets += 1
                modem.silent = modem.silent and not modem.wakes_on_reset
        actions = []
        for line in lines:
            actions += dialogue.step(at.LINE, line.encode(), now_ms)
        now_ms = ticks.add(now_ms, 100)
        actions += dialogue.step(at.TICK, None, now_ms)
    raise AssertionError("the talk does not end")


def sentence(modem, pin=None, pin_refused=False):
    ends, _ = talk(modem, pin, pin_refused)
    return ends[-1][1] if ends[-1][0] == at.FAILED else "online"


def test_a_healthy_modem_goes_online_and_is_told_the_access_point():
    modem = FakeModem(lte="1")
    ends, seconds = talk(modem)
    eq(ends, [(at.ONLINE, None)])
    eq(modem.sent, ["AT", "ATE0", "AT+CMEE=1", "AT+CPIN?", "AT+CEREG?", 'AT+CGDCONT=1,"IP","internet"', "ATD*99***1#"])
    eq(seconds < 2, True)


def test_every_way_a_modem_can_be_found_ends_as_it_should():
    cases(
        (
            (FakeModem(echo=False), "online"),
            (FakeModem(noise=True), "online"),
            (FakeModem(lte="ERROR", old="5"), "online"),
            (FakeModem(lte="5", old="0"), "online"),
            (FakeModem(data_mode=True), "online"),
            (FakeModem(silent=True, wakes_on_reset=True), "online"),
            (FakeModem(silent=True), "the modem does not answer"),
            (FakeModem(card=["+CME ERROR: 14"] * 5 + ["READY"]), "online"),
            (FakeModem(card=["ERROR"] * 5 + ["READY"]), "online"),
            (FakeModem(card=["ERROR"]), "there is no SIM card, or it is not ready"),
            (FakeModem(card=["+CME ERROR: 10"]), "there is no SIM card"),
            (FakeModem(card=["+CME ERROR: 13"]), "the SIM card fails"),
            (FakeModem(card=["SIM PUK"]), "the SIM card is locked: SIM PUK"),
            (FakeModem(card=["SIM PIN"]), "the SIM card wants a PIN, and uplink.modem.pin is missing"),
            (FakeModem(lte="2", old="2"), "no network: it searches"),
            (FakeModem(lte="3", old="3"), "no network: registration is denied"),
            (FakeModem(lte="0", old="0"), "no network: it does not search"),
            (FakeModem(dial="NO CARRIER"), "the network gives no data connection: no carrier"),
            (FakeModem(dial="BUSY"), "the network gives no data connection: busy"),
            (FakeModem(dial="ERROR"), "the network gives no data connection"),
            (FakeModem(dial=""), "the network gives no data connection in time"),
            (FakeModem(dial="no context"), "the modem refuses the access point"),
        ),
        lambda modem, want: eq(sentence(modem), want),
    )


def test_the_right_pin_is_given_once_and_the_busy_card_waited_for():
    modem = FakeModem(card=["SIM PIN"])
    eq(sentence(modem, "1234"), "online")
    eq(modem.sent.count("AT+CPIN=1234"), 1)


def test_a_wrong_pin_is_given_once_and_reported_and_never_again():
    modem = FakeModem(card=["SIM PIN"])
    ends, _ = talk(modem, "9999")
    eq(ends, [(at.PIN_REFUSED, None), (at.FAILED, "the SIM card refuses its PIN")])
    eq(modem.sent.count("AT+CPIN=9999"), 1)
    modem.sent = []
    eq(sentence(modem, "9999", True), "the SIM card refused this PIN before: it is not tried again")
    eq([text for text in modem.sent if "AT+CPIN=" in text], [])


def test_a_modem_without_network_is_given_up_after_a_minute_and_a_half():
    _, seconds = talk(FakeModem(lte="2", old="2"))
    eq(90 <= seconds <= 95, True)


def test_a_silent_modem_is_called_out_of_data_mode_then_reset_once():
    modem = FakeModem(silent=True)
    _, seconds = talk(modem)
    eq(modem.resets, 1)
    eq(seconds < 30, True)


def test_a_dialogue_that_has_ended_does_nothing_more():
    dialogue = at.AtDialogue("internet", None, False)
    for event, argument in ((at.TICK, None), (at.LINE, b"OK"), (at.LINE, b"CONNECT")):
        eq(dialogue.step(event, argument, 0), [])


def test_lines_come_out_of_bytes_and_what_is_no_line_does_not():
    reader = at.LineReader()
    lines = [reader.feed(byte) for byte in b"\r\nOK\r\n" + b"x" * 500 + b"\r\n\r\nCONNECT 9600\r\n\xff\r"]
    eq([line for line in lines if line is not None], [b"OK", b"CONNECT 9600", b"\xff"])


NOISE = (
    b"OK", b"ERROR", b"+CME ERROR: 14", b"+CPIN: SIM PIN", b"+CREG: 0,1", b"+CREG:", b"+CEREG:,,", b"\x00\xff", b"+CME ERROR:x",
    b"+CPIN: \xff",
)  # fmt: skip


def test_no_noise_breaks_the_dialogue():
    for seed in range(300):
        dialogue = at.AtDialogue("internet", "1234", False)
        now_ms = 0
        actions = dialogue.step(at.BEGIN, None, now_ms)
        state = seed * 7_919 + 1
        sent = 0
        for _ in range(60):
            state = (state * 1_103_515_245 + 12_345) & 0x3FFFFFFF
            sent += sum(1 for action, argument in actions if action == at.SEND and argument[:8] == b"AT+CPIN=")
            now_ms += 700
            actions = dialogue.step(at.LINE, NOISE[(state >> 12) % len(NOISE)], now_ms) + dialogue.step(at.TICK, None, now_ms)
        eq(sent <= 1, True, "PIN sent %d times" % sent)
