"""Safe mode on the virtual clock, in the World of tests/fake_board.py: its life, and a head-end that hears its reports. Both interpreters.

    uplink = hearing(world)
    live_safely(world, script)       script(mode) is awaited while safe mode lives -> what it returned
"""

from firmware.base import aio
from firmware.base.wire import cbor
from firmware.safe_mode import SafeMode
from firmware.sync.dispatch import Seal
from tests.fake_board import KEY_HEX, FakeBoard
from tests.fake_uplink import CONNECT, SUBSCRIBE, FakeUplink
from tests.hall_kit import in_contact, until
from tests.kit import eq

GATEWAY = "gw-test"
KEY = bytes([0x5A]) * (len(KEY_HEX) // 2)
BOOTS = (9, 3, 3)
RESTORES = (2, 20)
COIN = 1_000_000
OPEN_BIT = 0x10


class Hearing(FakeUplink):
    """`reports`: what was sealed into the statuses, decoded; `others`: topics of anything else that was sent up."""

    def __init__(self, world):
        FakeUplink.__init__(self, GATEWAY, KEY, lambda: world.rtc.at_s)
        self.reports = []
        self.others = []
        self.numbers = 0
        self.meters = world.meters
        self.flags = None  # of the last CONNECT
        self.filters = []  # of each SUBSCRIBE

    async def connect(self, host, port, timeout_ms):
        stream = await FakeUplink.connect(self, host, port, timeout_ms)
        usual = stream._on_packet

        def on_packet(first, body):
            if first >> 4 == CONNECT:
                self.flags = body[7]
            elif first >> 4 == SUBSCRIBE:
                self.filters.append(bytes(body[4:-1]))
            usual(first, body)

        stream._on_packet = on_packet
        return stream

    def take(self, topic, payload):
        message = cbor.decode(payload, 0, len(payload)) if topic.endswith(b"/status") else None
        if message is None or 16 not in message:
            self.others.append(topic)
            FakeUplink.take(self, topic, payload)
            return
        report = bytes(Seal(GATEWAY.encode(), KEY).open(topic, message[16]))
        self.reports.append(cbor.decode(report, 0, len(report)))

    def order(self, kind, account, number=None, nonce=None, credit=0, issuer=0, **more):
        """One order; with the nonce of the last report unless another is given, b"" = no document."""
        self.numbers += 1
        fields = {1: self.reports[-1][2] if nonce is None else nonce}
        if kind in RESTORES:
            fields[2] = bytes(self.meters[(account - 1001) % len(self.meters)].address)
        fields.update({int(key[1:]): value for key, value in more.items()})
        document = None if nonce == b"" else cbor.encode(fields)
        self.send("orders", {1: kind, 2: account, 3: number or self.numbers, 4: 0, 5: credit, 6: issuer, 7: document})

    def outcome(self, account):
        """(order, verdict, reason, phase) as last told of this account; None."""
        for report in reversed(self.reports):
            for row in report[10]:
                if row[1] == account:
                    return row[0], row[5], row[6], row[7]
        return None


def hearing(world):
    """The world's uplink from now on."""
    world.uplink = Hearing(world)
    return world.uplink


def cut(world, index=0):
    """A life in which this customer is lawfully cut."""

    async def script(world):
        in_contact(world)
        world.credit(-COIN, index)
        eq(await until(lambda: dark(world, index)), True, "not cut")

    world.run(script, 2_000)


def dark(world, index=0):
    return bool(world.meters[index].status & OPEN_BIT)


def live_safely(world, script, unseen=0, board=None, max_virtual_ms=50_000_000):
    """One life in safe mode -> (what script returned, whether a normal life was to be tried)."""
    kept = []

    async def life():
        for meter in world.meters:
            meter.begin_again()
        mode = SafeMode(board or FakeBoard(world), BOOTS, unseen)
        task = aio.create_task(mode.run())
        kept.append(await script(mode))
        kept.append(task.done())
        if task.done():
            await task
        await aio.cancel(task)

    aio.run_virtual(life, 0, max_virtual_ms)
    return kept[0], kept[1]
