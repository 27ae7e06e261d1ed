"""The uplink through a modem on a virtual clock: dialled once, kept while the way out is alive, dialled anew when it is not."""

from firmware.base import aio
from firmware.base.faults import UplinkFault
from firmware.hal.uplink_modem import ModemUplink
from tests.fake_board import fresh_root
from tests.fake_modem import FakeModem, FakePpp, FakeUart
from tests.kit import eq

ROOT = fresh_root()


class Settings:
    """settings.modem."""

    def __init__(self, pin=None, user=None):
        self.apn = "internet"
        self.pin = pin
        self.user = user
        self.password = user


class FakeSockets:
    """The net behind the modem."""

    def __init__(self):
        self.reachable = True
        self.alive = True
        self.asked = 0

    async def connect(self, host, port, timeout_ms):
        await aio.sleep_ms(20 if self.reachable else timeout_ms)
        if not self.reachable:
            raise UplinkFault("no answer")
        return (host, port)

    async def is_alive(self, timeout_ms):
        self.asked += 1
        await aio.sleep_ms(20 if self.alive else timeout_ms)
        return self.alive


class World:
    """A board's modem uplink and what stands around it."""

    def __init__(self, modem, settings=None, power=True, ppp_up=True):
        self.modem = modem
        self.uart = FakeUart(modem)
        self.net = FakeSockets()
        self.ppps = []
        self.powered = 0
        self.ppp_up = ppp_up
        self.uplink = ModemUplink(self.uart, self._ppp, settings or Settings(), ROOT, self._power if power else None)
        self.uplink._sockets = self.net

    def _ppp(self, uart):
        self.ppps.append(FakePpp(uart, self.ppp_up))
        return self.ppps[-1]

    async def _power(self):
        self.powered += 1
        self.modem.data_mode = False
        self.modem.silent = self.modem.silent and not self.modem.wakes_on_reset
        await aio.sleep_ms(5_000)

    async def connect(self):
        """The stream, or the sentence of the fault."""
        try:
            return await self.uplink.connect("broker", 1883, 15_000)
        except UplinkFault as fault:
            return str(fault)


def run(story):
    fresh_root()  # no PIN that an earlier story had refused
    aio.run_virtual(story)


def test_it_is_dialled_once_and_kept():
    world = World(FakeModem(lte="1"))

    async def story():
        eq(await world.connect(), ("broker", 1883))
        eq(await world.connect(), ("broker", 1883))
        eq((world.uplink.dialled, world.uplink.hang_ups, len(world.ppps)), (1, 0, 1))
        eq(world.uplink.name_servers(), [("10.0.2.3", 53)])
        eq(world.ppps[0].login, {})

    run(story)


def test_user_and_password_go_to_the_network():
    world = World(FakeModem(lte="1"), Settings(user="me"))

    async def story():
        await world.connect()
        eq(world.ppps[0].login, {"security": 1, "user": "me", "key": "me"})

    run(story)


def test_a_server_that_is_down_costs_no_carrier():
    world = World(FakeModem(lte="1"))

    async def story():
        await world.connect()
        world.net.reachable = False
        for _ in range(5):
            eq(await world.connect(), "no answer")
        eq((world.uplink.dialled, world.uplink.hang_ups, world.net.asked), (1, 0, 5))

    run(story)


def test_where_no_name_server_can_be_asked_every_third_failure_dials_anew():
    world = World(FakeModem(lte="1"))

    async def story():
        await world.connect()
        world.ppps[0].name_server = "0.0.0.0"
        world.net.reachable = False
        seen = []
        for _ in range(3):
            await world.connect()
            seen.append(world.uplink.hang_ups)
        eq((seen, world.net.asked), ([0, 0, 1], 0))

    run(story)


def test_a_dropped_carrier_is_noticed_and_dialled_anew_through_the_escape():
    world = World(FakeModem(lte="1"))

    async def story():
        await world.connect()
        world.net.reachable = world.net.alive = False  # the status of PPP stays "connected", and the modem in data mode
        eq(await world.connect(), "no answer")
        eq(world.uplink.hang_ups, 1)
        world.net.reachable = world.net.alive = True
        eq(await world.connect(), ("broker", 1883))
        eq((world.uplink.dialled, len(world.ppps), world.ppps[0].state), (2, 2, 0))

    run(story)


def test_what_is_wrong_is_said_and_power_is_switched_after_three_failures():
    world = World(FakeModem(lte="3", old="3"))

    async def story():
        for _ in range(3):
            eq(await world.connect(), "modem: no network: registration is denied")
        eq(world.powered, 0)
        await world.connect()
        eq(world.powered, 1)

    run(story)


def test_a_silent_modem_comes_back_by_power_and_a_board_without_that_says_so():
    world = World(FakeModem(silent=True, wakes_on_reset=True))
    other = World(FakeModem(silent=True), power=False)

    async def story():
        eq(await other.connect(), "modem: the modem does not answer")
        world.modem.lte = "1"
        eq(await world.connect(), ("broker", 1883))
        eq(world.powered, 1)

    run(story)


def test_ppp_that_does_not_come_up_is_given_up_and_frees_the_uart():
    world = World(FakeModem(lte="1"), ppp_up=False)

    async def story():
        eq(await world.connect(), "modem: the network gives no address")
        eq((world.ppps[0].state, world.uplink.hang_ups), (0, 1))
        world.ppp_up = True
        eq(await world.connect(), ("broker", 1883))

    run(story)


def test_a_refused_pin_is_not_sent_again_in_a_later_life():
    modem = FakeModem(card=["SIM PIN"])

    async def story():
        eq(await World(modem, Settings(pin="9999")).connect(), "modem: the SIM card refuses its PIN")
        modem.sent = []
        eq(await World(modem, Settings(pin="9999")).connect(), "modem: the SIM card refused this PIN before: it is not tried again")
        eq([text for text in modem.sent if "AT+CPIN=" in text], [])
        modem.lte = "1"
        eq(await World(modem, Settings(pin="1234")).connect(), ("broker", 1883))

    run(story)


def test_a_dialogue_that_is_cancelled_at_any_moment_leaves_the_next_one_well():
    async def story():
        for after_ms in range(0, 400, 20):
            world = World(FakeModem(lte="1"))
            task = aio.create_task(world.connect())
            await aio.sleep_ms(after_ms)
            await aio.cancel(task)
            eq(await world.connect(), ("broker", 1883), "cancelled after %d ms" % after_ms)

    run(story)
