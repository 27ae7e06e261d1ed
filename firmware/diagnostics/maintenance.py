"""The one order that the console takes: leave the board alone for a while, for whoever knows the gateway's key (SPEC 7). Pure.

    challenge -> order(seconds, MAC) -> HELD: relay work that has begun is finished -> READY: books synced, flag written

`door` is the hall's: hold() (no relay work begins), at_rest(), leave(seconds) (sync the books, write the flag durably),
go_on(). Supply is never changed by this order; a relay command whose proof takes too long is looked at by the next life.

Traps avoided: a recorded order does not work twice, since each challenge counts once and for a short time; guessing is
slowed down by pauses that double; a failed flash must not keep its board from being served, so only the flag is a must.
"""

from firmware.base import ticks
from firmware.base.faults import Fault, Refused
from firmware.base.port import const
from firmware.base.wire.hmac import TAG_BYTES, hmac_sha256, same_tag

NONE = const(0)  # state
HELD = const(1)
READY = const(2)
FAILED = const(3)

NONCE_BYTES = const(16)
SECONDS_MIN = const(10)
SECONDS_MAX = const(3_600)
PURPOSE = b"lamplighter-maintenance-1"

NO_CHALLENGE = "challenge"  # none given, used, or too old
BAD_MAC = "mac"
TOO_SOON = "wait"
BAD_ARGUMENT = "argument"
UNDER_WAY = "busy"


class Maintenance:
    """`wrong` counts MACs that did not verify; `resting` tells after READY whether all relay work had ended."""

    def __init__(self, key, random_bytes, door, limits):
        self._key = key
        self._random_bytes = random_bytes
        self._door = door
        self._limits = limits
        self._nonce = None
        self._nonce_end_ms = 0
        self._pause_end_ms = None
        self._hold_end_ms = 0
        self.wrong = 0
        self.state = NONE
        self.seconds = 0
        self.synced = False
        self.resting = False

    def challenge(self, now_ms):
        """A new nonce as hex; the one before is void. Refused while a pause lasts."""
        self._check_pause(now_ms)
        self._nonce = self._random_bytes(NONCE_BYTES)
        self._nonce_end_ms = ticks.add(now_ms, self._limits.maintenance_challenge_ms)
        return "".join(["%02x" % byte for byte in self._nonce])

    def order(self, seconds, mac, now_ms):
        """Begin, or raise Refused: `mac` is the hex of HMAC-SHA-256(key, PURPOSE, nonce, seconds as u32 big endian)."""
        if self.state in (HELD, READY):
            raise Refused(UNDER_WAY)
        self._check_pause(now_ms)
        if type(seconds) is not int or seconds < SECONDS_MIN or seconds > SECONDS_MAX:
            raise Refused(BAD_ARGUMENT, "seconds")
        nonce, self._nonce = self._nonce, None
        if nonce is None or ticks.reached(now_ms, self._nonce_end_ms):
            raise Refused(NO_CHALLENGE)
        if not same_tag(_from_hex(mac), hmac_sha256(self._key, (PURPOSE, nonce, seconds.to_bytes(4, "big")))):
            self._punish(now_ms)
            raise Refused(BAD_MAC)
        self.seconds = seconds
        self.state = HELD
        self._hold_end_ms = ticks.add(now_ms, self._limits.maintenance_wait_ms_max)
        self._door.hold()

    def step(self, now_ms):
        """Go on -> state. After FAILED the gateway lives on as if nothing had been asked."""
        if self.state == HELD:
            self.resting = self._door.at_rest()
            if self.resting or ticks.reached(now_ms, self._hold_end_ms):
                self._leave()
        return self.state

    def pause_ms(self, now_ms):
        """How long nothing is taken, 0 = no pause."""
        if self._pause_end_ms is None:
            return 0
        left_ms = ticks.diff(self._pause_end_ms, now_ms)
        if left_ms <= 0:
            self._pause_end_ms = None  # ticks wrap: an old end would come back one day
            return 0
        return left_ms

    def _leave(self):
        try:
            self.synced = self._door.leave(self.seconds)
            self.state = READY
        except Fault:
            self._door.go_on()
            self.state = FAILED

    def _check_pause(self, now_ms):
        if self.pause_ms(now_ms):
            raise Refused(TOO_SOON)

    def _punish(self, now_ms):
        self.wrong += 1
        pause_ms = self._limits.maintenance_wrong_pause_ms << min(self.wrong - 1, 10)
        self._pause_end_ms = ticks.add(now_ms, min(pause_ms, self._limits.maintenance_wrong_pause_max_ms))


def _from_hex(text):
    """Bytes of a tag in hex; b"" when it is anything else."""
    if type(text) is not str or len(text) != 2 * TAG_BYTES:
        return b""
    tag = bytearray(TAG_BYTES)
    for index in range(2 * TAG_BYTES):
        digit = "0123456789abcdef".find(text[index])
        if digit < 0:
            return b""
        tag[index >> 1] = tag[index >> 1] << 4 | digit
    return tag
